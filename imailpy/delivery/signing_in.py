"""How we sign in at a server that takes our mail."""

from __future__ import annotations

from imailpy.delivery.settings import NextHop
from imailpy.protocol.smtp.client_options import ClientMechanism


class Plain:
    """PLAIN [RFC4616]."""

    name = "PLAIN"
    secret_in_clear = True

    def __init__(self, user: str, password: bytes) -> None:
        self._message = b"\0" + user.encode() + b"\0" + password
        self.done = False

    def start(self) -> bytes | None:
        self.done = True
        return self._message

    def step(self, challenge: bytes) -> bytes:
        raise ValueError("PLAIN has no second step")


class Login:
    """LOGIN, of which no standard tells; old servers have nothing else."""

    name = "LOGIN"
    secret_in_clear = True

    def __init__(self, user: str, password: bytes) -> None:
        self._answers = [user.encode(), password]

    @property
    def done(self) -> bool:
        return not self._answers

    def start(self) -> bytes | None:
        return None

    def step(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise ValueError("LOGIN has two steps")
        return self._answers.pop(0)


def mechanisms(hop: NextHop) -> tuple[ClientMechanism, ...]:
    """Give ways to sign in at a host, the best first; none without a user."""
    if hop.user is None:
        return ()
    password = b"" if hop.password is None else hop.password.reveal()
    return (Plain(hop.user, password), Login(hop.user, password))
