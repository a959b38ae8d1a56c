"""What an SMTP, submission or LMTP listener can be told."""

from __future__ import annotations

from attrs import field, frozen

from imailpy.policy.networks import NOWHERE, Networks
from imailpy.protocol.smtp.options import Flavour, Limits, LineEnds

# IMail's limit for a hello message, kept.
MAX_HELLO = 400


def _hello(_: object, __: object, value: str) -> None:
    if len(value) > MAX_HELLO or not (value.isascii() and value.isprintable()):
        raise ValueError(
            f"want one line of printable ASCII, {MAX_HELLO} at most"
        )


@frozen
class SmtpSettings:
    """
    Settings of one listener; a connection keeps those it began with.

    Attributes:
        flavour: SMTP, SUBMISSION (signing in is demanded) or LMTP.
        hello: What stands behind our name in the greeting; tells no
            product and no version.
        auth: Whether AUTH is offered; always on for submission.
        plaintext_auth: Whether a password may cross an unencrypted
            connection.
        scram: Whether SCRAM-SHA-256 is offered.
        tokens: Whether OAUTHBEARER and XOAUTH2 are offered.
        max_message_octets: Larger ones get 552 5.3.4.
        line_ends: What becomes of a bare CR or LF in a message; None: mend
            on submission, refuse elsewhere.
        refuse_early_talk: Send away who speaks before the greeting.
        limits: Of the engine.
        failures_most: Refused logins before the connection is closed.
        recipient_delay_s: The answer to RCPT of somebody who has not signed
            in comes so much later.
        vrfy_allowed: Clients that VRFY tells the truth.
        expn_allowed: Clients that EXPN tells where an alias leads.
        xclient: Peers whose XCLIENT tells who the client is.
        xclient_login: Their word on who has signed in counts, too.
        handshake_s: For a TLS handshake.
        command_s: For the next command; at least 300 [RFC5321 4.5.3.2.7].
        data_s: For the next piece of a message.
        stressed_s: Both of these for strangers, while there is stress.
        stressed_errors: Mistakes that a stranger may make then.
        least_rate: Octets a second of a message, in the mean; 0: any.
        grace_s: So long a message may be slower.
    """

    flavour: Flavour = Flavour.SMTP
    hello: str = field(default="ESMTP", validator=_hello)
    auth: bool = False
    plaintext_auth: bool = False
    scram: bool = False
    tokens: bool = False
    max_message_octets: int = 50 * 1024 * 1024
    line_ends: LineEnds | None = None
    refuse_early_talk: bool = False
    limits: Limits = Limits()
    failures_most: int = 5
    recipient_delay_s: float = 0.0
    vrfy_allowed: Networks = NOWHERE
    expn_allowed: Networks = NOWHERE
    xclient: Networks = NOWHERE
    xclient_login: bool = False
    handshake_s: float = 30.0
    command_s: float = 300.0
    data_s: float = 600.0
    stressed_s: float = 10.0
    stressed_errors: int = 1
    least_rate: int = 500
    grace_s: float = 60.0

    @property
    def submission(self) -> bool:
        """Whether it takes mail of users, and nobody else's."""
        return self.flavour is Flavour.SUBMISSION

    @property
    def offers_auth(self) -> bool:
        """Whether somebody can sign in here."""
        return self.auth or self.submission

    @property
    def mends(self) -> LineEnds:
        """`line_ends`, spelt out."""
        if self.line_ends is not None:
            return self.line_ends
        return LineEnds.NORMALIZE if self.submission else LineEnds.REJECT
