"""How we sign in at a server that takes our mail."""

from __future__ import annotations

from imailpy.delivery.settings import NextHop
from imailpy.interfaces.world import IRandom
from imailpy.mail import Secret
from imailpy.protocol.sasl import ServerRefused, client
from imailpy.protocol.smtp.client_options import ClientMechanism

_IN_CLEAR = frozenset({"PLAIN", "LOGIN"})
# The best first. SCRAM shows nothing to a server that does not know the
# password already.
_MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
_NONCE_OCTETS = 18


class _Mechanism:
    """An exchange of the SASL room in the form that SMTP's engine takes."""

    def __init__(self, name: str, hop: NextHop, random: IRandom) -> None:
        self.name = name
        self.secret_in_clear = name in _IN_CLEAR
        self._exchange = client(
            name,
            hop.user or "",
            hop.password or Secret(b""),
            nonce=random.octets(_NONCE_OCTETS),
        )

    @property
    def done(self) -> bool:
        return self._exchange.finished

    def start(self) -> bytes | None:
        return self._exchange.start()

    def step(self, challenge: bytes) -> bytes:
        try:
            return self._exchange.step(challenge)
        except ServerRefused as error:
            raise ValueError(str(error)) from error


def mechanisms(hop: NextHop, random: IRandom) -> tuple[ClientMechanism, ...]:
    """Give ways to sign in at a host, the best first; none without a user."""
    if hop.user is None:
        return ()
    return tuple(_Mechanism(name, hop, random) for name in _MECHANISMS)
