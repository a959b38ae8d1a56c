"""Any state, and before a login."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import Secret
from imailpy.protocol.imap.commands.base import Command


@frozen
class Connected:
    """The connection stands: answer with `greet` or `bye`."""


class Capability(Command):
    """CAPABILITY; answered by the engine, which knows the list best."""


class Noop(Command):
    """NOOP, and CHECK of rev1."""


class Logout(Command):
    """LOGOUT; the engine puts BYE before the tagged answer."""


@frozen
class Id(Command):
    """ID [RFC2971]; at most 30 pairs, values may be None."""

    fields: tuple[tuple[str, str | None], ...]


class StartTls(Command):
    """STARTTLS."""


@frozen
class Authenticate(Command):
    """AUTHENTICATE; `initial` is decoded, None when absent [RFC4959]."""

    mechanism: str
    initial: bytes | None


@frozen
class AuthenticateResponse(Command):
    """
    The client's answer to a challenge, with the tag of its AUTHENTICATE.

    Attributes:
        octets: Decoded; None when the client gave up with `*` or sent no
            base64: answer BAD.
    """

    octets: bytes | None


@frozen
class Login(Command):
    """LOGIN."""

    user: str
    password: Secret
