"""What builds SMTP connections."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

from imailpy.interfaces.delivery import IReceiver
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.factory import ListenerFactory
from imailpy.listeners.smtp.protocol import Shared, SmtpConnection
from imailpy.listeners.smtp.settings import SmtpSettings


class SmtpFactory(ListenerFactory):
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
        super().__init__(world, listener)
        self.shared = Shared(
            world=world,
            realm=realm,
            receiver=receiver,
            journal=journal,
            provider=settings,
            tls=tls,
            implicit_tls=implicit_tls,
            host_name=host_name or world.host_name,
            left=self.left,
        )

    def buildProtocol(self, addr: IAddress | None) -> SmtpConnection:
        shared = self.shared
        settings = shared.provider.current
        protocol = SmtpConnection(
            shared,
            settings,
            shared.realm.gate(self.client(addr, settings.flavour.value)),
        )
        self.came(protocol)
        return protocol
