"""What mechanisms have in common whose client says all in one message."""

from __future__ import annotations

from imailpy.mail import ScramSecret
from imailpy.protocol.sasl.steps import (
    ENDED,
    MOST_OCTETS,
    Challenge,
    Failed,
    Step,
)


class NoSecret:
    """An exchange that needs nothing of what is kept."""

    mechanism: str

    def secret(self, secret: ScramSecret) -> Step:
        """No step of these mechanisms asks for one."""
        raise ValueError(f"{self.mechanism} asks for no secret")


class OneMessage(NoSecret):
    """One message of the client, at once or when asked; then the end."""

    def __init__(self) -> None:
        self._asked = False
        self._over = False

    def start(self, initial: bytes | None) -> Step:
        if self._asked or self._over:
            return ENDED
        if initial is None:
            self._asked = True
            return Challenge(b"")
        return self._take(initial)

    def respond(self, octets: bytes) -> Step:
        if not self._asked or self._over:
            return ENDED
        return self._take(octets)

    def _take(self, octets: bytes) -> Step:
        self._over = True
        if len(octets) > MOST_OCTETS:
            return Failed("too long")
        try:
            return self._read(octets)
        except UnicodeDecodeError:
            return Failed("not UTF-8")
        except ValueError as error:
            return Failed(str(error))

    def _read(self, octets: bytes) -> Step:
        """Give the last step; `ValueError` says what is malformed."""
        raise NotImplementedError
