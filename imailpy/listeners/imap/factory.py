"""What builds IMAP connections."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.factory import client_at
from imailpy.listeners.imap.answering import Shared
from imailpy.listeners.imap.protocol import ImapConnection
from imailpy.listeners.imap.recent import Recent
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.mail import Client
from imailpy.protocol.imap.capabilities import Options
from imailpy.protocol.imap.session import ServerSession
from imailpy.protocol.sasl import offered


class ImapFactory(Factory):
    """
    An IMAP listener.

    Args:
        tls: None where there is no TLS at all.
        implicit_tls: TLS from the first octet; else STARTTLS is offered
            where there is TLS.
        listener: Its name in the configuration.
    """

    noisy = False

    def __init__(
        self,
        world: IWorld,
        store: IStore,
        realm: IRealm,
        journal: IJournal,
        settings: Provider[ImapSettings],
        *,
        tls: ITls | None = None,
        implicit_tls: bool = False,
        listener: str = "imap",
    ) -> None:
        self._listener = listener
        self._implicit_tls = implicit_tls
        # In the order they came: they are parted from in that order.
        self.connections: dict[ImapConnection, None] = {}
        # One thread for long texts of SEARCH: it must not starve the rest.
        pool = world.threads.pool("imap-search", threads=1, queue=256)
        self.shared = Shared(
            world=world,
            store=store,
            realm=realm,
            journal=journal,
            provider=settings,
            tls=tls,
            recent=Recent(),
            pool=pool,
            implicit_tls=implicit_tls,
            connections=self.connections,
        )

    def buildProtocol(self, addr: IAddress | None) -> ImapConnection:
        shared = self.shared
        client = self._client(addr)
        settings = shared.provider.current
        engine = ServerSession(
            Options(
                tls=self._implicit_tls,
                starttls=shared.tls is not None and not self._implicit_tls,
                plaintext_auth=settings.plaintext_auth,
                mechanisms=offered(
                    False,
                    settings.plaintext_auth,
                    settings.scram,
                    False,
                    settings.tokens,
                ),
                tls_mechanisms=offered(
                    True, False, settings.scram, False, settings.tokens
                ),
                append_limit_octets=settings.append_limit_octets,
            )
        )
        protocol = ImapConnection(shared, shared.realm.gate(client), engine)
        protocol.factory = self
        return protocol

    def stop(self) -> Awaitable[None]:
        """
        Say BYE to everybody who is not in the middle of a command, and end
        the thread.
        """
        for connection in tuple(self.connections):
            connection.shut_down()
        stopped: Awaitable[None] = self.shared.pool.stop()
        return stopped

    def _client(self, addr: Any) -> Client:
        token = self.shared.world.random.token()
        return client_at(addr, self._listener, "imap", token)
