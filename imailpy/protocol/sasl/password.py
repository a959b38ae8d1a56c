"""PLAIN [RFC4616] and LOGIN: mechanisms that show the password itself."""

from __future__ import annotations

from imailpy.mail import PasswordCredentials, Secret
from imailpy.protocol.sasl.one_message import NoSecret, OneMessage
from imailpy.protocol.sasl.steps import (
    ENDED,
    MOST_OCTETS,
    Challenge,
    CheckPassword,
    Failed,
    Step,
)


def _check(
    mechanism: str, authzid: bytes, authcid: bytes, password: bytes
) -> Step:
    """Give the credentials if they are ones that could ever be right."""
    if not authcid:
        return Failed("empty name")
    # Some back ends take an empty password for an anonymous login, so it
    # never reaches one [SECURITY B9.3].
    if not password:
        return Failed("empty password", malformed=False)
    if b"\0" in authcid or b"\0" in password:
        return Failed("NUL in name or password")
    try:
        name, act_as = authcid.decode(), authzid.decode()
        password.decode()
    except UnicodeDecodeError:
        return Failed("not UTF-8")
    return CheckPassword(
        PasswordCredentials(
            authcid=name,
            password=Secret(password),
            authzid="" if act_as == name else act_as,
            mechanism=mechanism,
        )
    )


class Plain(OneMessage):
    """authzid NUL authcid NUL password, in one message."""

    mechanism = "PLAIN"

    def _read(self, octets: bytes) -> Step:
        parts = octets.split(b"\0")
        if len(parts) != 3:
            raise ValueError("want authzid NUL authcid NUL password")
        return _check(self.mechanism, *parts)


class Login(NoSecret):
    """
    Name, then password, each asked for.

    Never standardised, and still the only mechanism of some clients. The
    two questions are spelt as everybody spells them: clients compare.
    """

    mechanism = "LOGIN"

    def __init__(self) -> None:
        self._started = False
        self._over = False
        self._authcid: bytes | None = None

    def start(self, initial: bytes | None) -> Step:
        if self._started:
            return ENDED
        self._started = True
        if initial is None:
            return Challenge(b"Username:")
        return self.respond(initial)

    def respond(self, octets: bytes) -> Step:
        if self._over or not self._started:
            return ENDED
        if len(octets) > MOST_OCTETS:
            self._over = True
            return Failed("too long")
        if self._authcid is None:
            self._authcid = octets
            return Challenge(b"Password:")
        self._over = True
        return _check(self.mechanism, b"", self._authcid, octets)
