"""EXTERNAL: whoever TLS says it is [RFC4422 A]."""

from __future__ import annotations

from imailpy.mail import ScramSecret
from imailpy.protocol.sasl.steps import (
    ENDED,
    MOST_OCTETS,
    Challenge,
    CheckExternal,
    Failed,
    Step,
)

NAME = "EXTERNAL"


class External:
    """The client says whom it wants to act as, or nothing."""

    mechanism = NAME

    def __init__(self) -> None:
        self._asked = False
        self._over = False

    def start(self, initial: bytes | None) -> Step:
        if self._asked or self._over:
            return ENDED
        self._asked = True
        if initial is None:
            return Challenge(b"")
        return self.respond(initial)

    def respond(self, octets: bytes) -> Step:
        if self._over or not self._asked:
            return ENDED
        self._over = True
        if len(octets) > MOST_OCTETS:
            return Failed("too long")
        if b"\0" in octets:
            return Failed("NUL in a name")
        try:
            return CheckExternal(octets.decode())
        except UnicodeDecodeError:
            return Failed("not UTF-8")

    def secret(self, secret: ScramSecret) -> Step:
        """No step of this mechanism asks for one."""
        raise ValueError("EXTERNAL asks for no secret")
