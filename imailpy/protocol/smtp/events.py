"""
What an SMTP server session tells its listener, one event at a time.

Each event is answered by `answer` unless it says that it needs no answer;
only then does the next one come. Arguments are checked for form, not for
meaning. Every `Mail` that was accepted is followed, sooner or later, by
exactly one of `EndOfBody`, `BodyAborted` and `Reset`.
"""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import MailParameters, Path, Recipient


@frozen
class Connected:
    """The connection stands: answer 220 or a refusal [RFC5321 3.1]."""


@frozen
class Hello:
    """
    HELO, EHLO or LHLO.

    A positive answer's text is the host's name; the engine adds the
    extensions that the session has on offer.

    Attributes:
        verb: `HELO`, `EHLO` or `LHLO`.
        name: As said, printable ASCII, at most 255 octets.
    """

    verb: str
    name: str


@frozen
class Mail:
    """MAIL [RFC5321 4.1.1.2]."""

    reverse_path: Path
    parameters: MailParameters


@frozen
class Rcpt:
    """RCPT [RFC5321 4.1.1.3]."""

    recipient: Recipient


@frozen
class DataBegins:
    """
    DATA, or the first BDAT, of a transaction with recipients.

    Answer 354 to let the message come, anything else to refuse it; the
    engine sends no 354 to a BDAT [RFC3030 2].
    """


@frozen
class BodyChunk:
    """
    A piece of the message, 64 KB and a few octets at most, dots unstuffed.

    Needs no answer: the next event may be asked for at once.
    """

    octets: bytes


@frozen
class EndOfBody:
    """
    The message is complete.

    SMTP: `answer` with one reply. LMTP: `answer_each` with one reply for
    each recipient, in order [RFC2033 4.2]. Either way the transaction is over.
    """


@frozen
class BodyAborted:
    """
    The message will not be completed: RSET between BDATs, a line-ending
    offence, a size over the limit, the connection lost. Needs no answer;
    the engine tells the peer what went wrong itself. The transaction is over.

    Attributes:
        reason: For the log.
    """

    reason: str = ""


@frozen
class Authenticate:
    """
    AUTH [RFC4954 4].

    Answer with a 334 (through `challenge`), 235, or a refusal.

    Attributes:
        mechanism: In capitals, one of those on offer.
        initial: Decoded initial response, None when there was none.
    """

    mechanism: str
    initial: bytes | None


@frozen
class AuthenticateResponse:
    """
    The client's answer to a challenge.

    Attributes:
        octets: Decoded; None when the client gave up with `*`: answer 501.
    """

    octets: bytes | None


@frozen
class StartTls:
    """STARTTLS [RFC3207]; after a 220 the engine waits for `secured`."""


@frozen
class Verify:
    """VRFY [RFC5321 3.5.3]."""

    argument: str


@frozen
class Expand:
    """EXPN [RFC5321 3.5.2], where it is offered."""

    argument: str


@frozen
class XClient:
    """
    XCLIENT, from a peer whose word about its client counts.

    Answer with a 220, as if the client had just connected, or with the
    refusal that it would have got then; both begin the session anew.

    Attributes:
        attributes: (name in capitals, value); a value that the peer does
            not have is None.
    """

    attributes: tuple[tuple[str, str | None], ...]

    def get(self, name: str) -> str | None:
        """Give a value; None when it was not said, or is not known."""
        return dict(self.attributes).get(name)

    def said(self, name: str) -> bool:
        """Whether it was said, if only that it is not known."""
        return name in dict(self.attributes)


@frozen
class Reset:
    """
    The transaction is over and there was no message: RSET, a new EHLO, a
    refused BDAT, the connection lost. Needs no answer; the engine gave it.
    """


@frozen
class Quit:
    """QUIT; needs no answer: the engine gave it and is `closing`."""


@frozen
class Offence:
    """
    A sign that this is no mail client. Needs no answer; the engine has told
    the peer what it must be told.

    Attributes:
        kind: Stable word for log and bans: `early-talk`, `http`,
            `long-line`, `line-ends`, `errors`, `junk`, `framing`,
            `auth-pipelining`.
    """

    kind: str


Event = (
    Connected
    | Hello
    | Mail
    | Rcpt
    | DataBegins
    | BodyChunk
    | EndOfBody
    | BodyAborted
    | Authenticate
    | AuthenticateResponse
    | StartTls
    | Verify
    | Expand
    | XClient
    | Reset
    | Quit
    | Offence
)
