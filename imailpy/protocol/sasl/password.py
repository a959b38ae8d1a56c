"""PLAIN [RFC4616] and LOGIN: mechanisms that show the password itself."""

from __future__ import annotations

from imailpy.mail import PasswordCredentials, ScramSecret, Secret
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


class _PasswordExchange:
    """What PLAIN and LOGIN have in common."""

    mechanism: str

    def secret(self, secret: ScramSecret) -> Step:
        """No step of these mechanisms asks for one."""
        raise ValueError(f"{self.mechanism} asks for no secret")


class Plain(_PasswordExchange):
    """authzid NUL authcid NUL password, in one message."""

    mechanism = "PLAIN"

    def __init__(self) -> None:
        self._asked = False
        self._over = False

    def start(self, initial: bytes | None) -> Step:
        if self._asked or self._over:
            return ENDED
        if initial is None:
            self._asked = True
            return Challenge(b"")
        return self._read(initial)

    def respond(self, octets: bytes) -> Step:
        if not self._asked or self._over:
            return ENDED
        return self._read(octets)

    def _read(self, octets: bytes) -> Step:
        self._over = True
        if len(octets) > MOST_OCTETS:
            return Failed("too long")
        parts = octets.split(b"\0")
        if len(parts) != 3:
            return Failed("want authzid NUL authcid NUL password")
        return _check(self.mechanism, *parts)


class Login(_PasswordExchange):
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
