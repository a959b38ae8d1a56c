"""What builds POP3 connections."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.factory import ListenerFactory
from imailpy.listeners.pop3.protocol import Pop3Connection, Shared
from imailpy.listeners.pop3.settings import Pop3Settings


class Pop3Factory(ListenerFactory):
    """
    A POP3 listener.

    Args:
        tls: None where there is no TLS at all.
        implicit_tls: TLS from the first octet; else STLS is offered where
            there is TLS.
        listener: Its name in the configuration.
    """

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
        super().__init__(world, listener)
        self.shared = Shared(
            world=world,
            store=store,
            realm=realm,
            journal=journal,
            provider=settings,
            tls=tls,
            implicit_tls=implicit_tls,
            left=self.left,
        )

    def buildProtocol(self, addr: IAddress | None) -> Pop3Connection:
        shared = self.shared
        protocol = Pop3Connection(
            shared,
            shared.provider.current,
            shared.realm.gate(self.client(addr, "pop3")),
        )
        self.came(protocol)
        return protocol
