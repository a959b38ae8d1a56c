"""What the listeners' factories have in common: who is there, and parting."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from imailpy.interfaces.world import IWorld
from imailpy.mail import Client
from imailpy.mail.facts import canonical_address

# So long a message that is being stored, or a removal that is under way,
# keeps the server from stopping.
STOPPING_S = 20.0


def client_at(
    addr: Any, listener: str, service: str, session_id: str
) -> Client:
    """Tell who comes from there; a proxy's word is in the address."""
    host = getattr(addr, "host", None)
    return Client(
        address=canonical_address(host) if host else "",
        port=getattr(addr, "port", 0),
        listener=listener,
        service=service,
        session_id=session_id,
        proxy=getattr(addr, "proxy", ""),
    )


class ListenerFactory(Factory):
    """
    One listener.

    Args:
        listener: Its name in the configuration.

    Attributes:
        connections: Those that are open, in the order they came: they are
            parted from in that order.
    """

    noisy = False

    def __init__(self, world: IWorld, listener: str) -> None:
        self.connections: dict[Any, None] = {}
        self._world = world
        self._listener = listener
        self._stopped: Deferred[None] | None = None

    def client(self, addr: Any, service: str) -> Client:
        """Tell who comes from there."""
        token = self._world.random.token()
        return client_at(addr, self._listener, service, token)

    def came(self, connection: Any) -> None:
        """One more."""
        connection.factory = self
        self.connections[connection] = None

    def left(self, connection: Any) -> None:
        """One less."""
        self.connections.pop(connection, None)
        if self._stopped is not None and not self.connections:
            self._stop()

    def stop(self) -> Deferred[None]:
        """
        Send everybody away; what came whole is answered first.

        Returns:
            Fires once nobody is left, or after `STOPPING_S`.
        """
        stopped: Deferred[None] = Deferred()
        self._stopped = stopped
        for connection in tuple(self.connections):
            connection.shut_down()
        if not self.connections:
            self._stop()
        else:
            self._world.clock.call_later(STOPPING_S, self._stop)
        return stopped

    def _stop(self) -> None:
        stopped, self._stopped = self._stopped, None
        for connection in tuple(self.connections):
            connection.abort()
        if stopped is not None:
            stopped.callback(None)
