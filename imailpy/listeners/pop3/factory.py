"""What builds POP3 connections."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.pop3.protocol import Pop3Connection, Shared
from imailpy.listeners.pop3.settings import Pop3Settings
from imailpy.mail import Client
from imailpy.mail.facts import canonical_address

# So long a removal that is under way keeps the server from stopping.
STOPPING_S = 20.0


class Pop3Factory(Factory):
    """
    A POP3 listener.

    Args:
        tls: None where there is no TLS at all.
        implicit_tls: TLS from the first octet; else STLS is offered where
            there is TLS.
        listener: Its name in the configuration.
    """

    noisy = False

    def __init__(
        self,
        world: IWorld,
        store: IStore,
        realm: IRealm,
        journal: IJournal,
        settings: Provider[Pop3Settings],
        *,
        tls: ITls | None = None,
        implicit_tls: bool = False,
        listener: str = "pop3",
    ) -> None:
        if implicit_tls and tls is None:
            raise ValueError("implicit TLS needs certificates")
        # In the order they came: they are parted from in that order.
        self.connections: dict[Pop3Connection, None] = {}
        self._listener = listener
        self._stopped: Deferred[None] | None = None
        self.shared = Shared(
            world=world,
            store=store,
            realm=realm,
            journal=journal,
            provider=settings,
            tls=tls,
            implicit_tls=implicit_tls,
            left=self._left,
        )

    def buildProtocol(self, addr: IAddress | None) -> Pop3Connection:
        shared = self.shared
        protocol = Pop3Connection(
            shared,
            shared.provider.current,
            shared.realm.gate(self._client(addr)),
        )
        protocol.factory = self
        self.connections[protocol] = None
        return protocol

    def stop(self) -> Deferred[None]:
        """
        Send everybody away; a removal that is under way is answered first.

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
            self.shared.world.clock.call_later(STOPPING_S, self._stop)
        return stopped

    def _stop(self) -> None:
        stopped, self._stopped = self._stopped, None
        for connection in tuple(self.connections):
            connection.abort()
        if stopped is not None:
            stopped.callback(None)

    def _left(self, connection: Pop3Connection) -> None:
        self.connections.pop(connection, None)
        if self._stopped is not None and not self.connections:
            self._stop()

    def _client(self, addr: Any) -> Client:
        host = getattr(addr, "host", None)
        return Client(
            address=canonical_address(host) if host else "",
            port=getattr(addr, "port", 0),
            listener=self._listener,
            service="pop3",
            session_id=self.shared.world.random.token(),
        )
