"""What builds SMTP connections."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from imailpy.interfaces.delivery import IReceiver
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.smtp.protocol import Shared, SmtpConnection
from imailpy.listeners.smtp.settings import SmtpSettings
from imailpy.mail import Client
from imailpy.mail.facts import canonical_address

# So long a message that is being stored keeps the server from stopping.
STOPPING_S = 20.0


class SmtpFactory(Factory):
    """
    An SMTP, submission or LMTP listener.

    Args:
        settings: The flavour is in there.
        tls: None where there is no TLS at all.
        implicit_tls: TLS from the first octet; else STARTTLS is offered
            where there is TLS.
        listener: Its name in the configuration.
        host_name: Ours, in greeting and replies; the machine's if None.
    """

    noisy = False

    def __init__(
        self,
        world: IWorld,
        realm: IRealm,
        receiver: IReceiver,
        journal: IJournal,
        settings: Provider[SmtpSettings],
        *,
        tls: ITls | None = None,
        implicit_tls: bool = False,
        listener: str = "smtp",
        host_name: str | None = None,
    ) -> None:
        # In the order they came: they are parted from in that order.
        self.connections: dict[SmtpConnection, None] = {}
        self._listener = listener
        self._stopped: Deferred[None] | None = None
        self.shared = Shared(
            world=world,
            realm=realm,
            receiver=receiver,
            journal=journal,
            provider=settings,
            tls=tls,
            implicit_tls=implicit_tls,
            host_name=host_name or world.host_name,
            left=self._left,
        )

    def buildProtocol(self, addr: IAddress | None) -> SmtpConnection:
        shared = self.shared
        settings = shared.provider.current
        protocol = SmtpConnection(
            shared, settings, shared.realm.gate(self._client(addr, settings))
        )
        protocol.factory = self
        self.connections[protocol] = None
        return protocol

    def stop(self) -> Deferred[None]:
        """
        Say 421 to everybody; a message that came whole is answered first.

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

    def _left(self, connection: SmtpConnection) -> None:
        self.connections.pop(connection, None)
        if self._stopped is not None and not self.connections:
            self._stop()

    def _client(self, addr: Any, settings: SmtpSettings) -> Client:
        host = getattr(addr, "host", None)
        return Client(
            address=canonical_address(host) if host else "",
            port=getattr(addr, "port", 0),
            listener=self._listener,
            service=settings.flavour.value,
            session_id=self.shared.world.random.token(),
        )
