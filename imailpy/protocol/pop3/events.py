"""
What a POP3 session tells its listener, one event at a time.

Each but `OutputWaits` is answered; only then does the next one come.
"""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import Secret


@frozen
class Connected:
    """The connection stands: `ok` with the greeting, or `error`."""


@frozen
class Login:
    """
    USER and PASS: `opened`, or `error`.

    Attributes:
        authcid: As typed; empty when it was not UTF-8.
        password: As typed; empty when it was not UTF-8.
    """

    authcid: str
    password: Secret


@frozen
class Authenticate:
    """
    AUTH [RFC5034 4]: `challenge`, `opened`, or `error`.

    Attributes:
        mechanism: In capitals, one of those on offer.
        initial: Decoded initial response, None when there was none.
    """

    mechanism: str
    initial: bytes | None


@frozen
class AuthenticateResponse:
    """
    The client's answer to a challenge; answer as `Authenticate`.

    Attributes:
        octets: Decoded; None when the client gave up with `*`.
    """

    octets: bytes | None


@frozen
class StartTls:
    """STLS [RFC2595 4]: `begin_tls`, or `error`."""


@frozen
class ListAll:
    """
    LIST or UIDL of the whole maildrop: send all of `listing`.

    Attributes:
        unique_ids: UIDL.
    """

    unique_ids: bool


@frozen
class Retrieve:
    """RETR: `begin`, `body`, `end`; or `error`."""

    number: int
    uid: int


@frozen
class Top:
    """TOP: as `Retrieve`, with so many lines of the body."""

    number: int
    uid: int
    lines: int


@frozen
class Quit:
    """
    QUIT with a maildrop open: the UPDATE state [RFC1939 6].

    Answer `ok` once what was deleted is gone for good, `error` when nothing
    was deleted. Either way the session is over.

    Attributes:
        deleted: UIDs, ascending.
    """

    deleted: tuple[int, ...]


@frozen
class OutputWaits:
    """Much is to be sent: needs no answer, go on when it has left."""


Event = (
    Connected
    | Login
    | Authenticate
    | AuthenticateResponse
    | StartTls
    | ListAll
    | Retrieve
    | Top
    | Quit
    | OutputWaits
)
