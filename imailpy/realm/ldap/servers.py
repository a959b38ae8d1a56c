"""
The LDAP servers of one configuration: which one is asked, and how often.

One connection searches for everybody. Passwords are checked on connections
of their own, so nobody's search ever runs with the rights of somebody who has
just signed in; there are a limited number of them at once, and a limited
number of logins that wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import DeferredLock, DeferredSemaphore
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory

from imailpy.errors import LookupFailed, MailError
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.mail import Secret
from imailpy.realm.ldap.answers import SUCCESS, WRONG, Entry, LdapDown
from imailpy.realm.ldap.settings import LdapSettings, Server
from imailpy.realm.reach import connect

if TYPE_CHECKING:
    from imailpy.realm.ldap.connection import LdapConnection

# A server that did not answer comes last for so long.
REST_S = 30.0


class Servers:
    """
    Asks whichever server answers.

    Args:
        settings: Other ones need another object.
    """

    def __init__(
        self,
        world: IWorld,
        tls: ITls | None,
        resolver: IResolver | None,
        settings: LdapSettings,
    ) -> None:
        self._world = world
        self._tls = tls
        self._resolver = resolver
        self._settings = settings
        self._resting: dict[Server, float] = {}
        self._searcher: LdapConnection | None = None
        self._opening = DeferredLock()
        self._checking = DeferredSemaphore(settings.connections)

    async def search(self, text: str, most: int) -> list[Entry]:
        """
        Find users.

        Raises:
            LdapDown: No server can tell.
        """
        settings = self._settings
        for last in (False, True):
            searcher = await self._search_connection()
            try:
                return await searcher.search(
                    settings.base, text, settings.attributes, most
                )
            except LdapDown:
                # It may have been idle for too long; a new one may do. What
                # the server says to the question itself it will say again.
                if last or searcher.lost is None:
                    raise
        raise LdapDown("not asked")

    async def check(self, dn: str, password: Secret) -> bool:
        """
        Whether a password is that of a user.

        Raises:
            LdapDown: No server can tell, or too many logins wait.
        """
        if len(self._checking.waiting) >= self._settings.waiting:
            raise LdapDown("too many logins wait for LDAP")
        await self._checking.acquire()
        try:
            connection = await self._connected()
            try:
                done = await connection.bind(dn, password.reveal())
            finally:
                connection.close()
        finally:
            self._checking.release()
        if done.code == SUCCESS:
            return True
        if done.code in WRONG:
            return False
        raise LdapDown(f"bind: result {done.code} {done.text}")

    def close(self) -> None:
        """Hang up."""
        if self._searcher is not None:
            self._searcher.close()
            self._searcher = None

    # Inside

    async def _search_connection(self) -> LdapConnection:
        """Give the one that searches; who comes first opens it."""
        await self._opening.acquire()
        try:
            kept = self._searcher
            if kept is not None and kept.lost is None:
                return kept
            made = await self._connected()
            await self._introduce(made)
            self._searcher = made
            return made
        finally:
            self._opening.release()

    async def _introduce(self, connection: LdapConnection) -> None:
        settings = self._settings
        if not settings.bind_dn:
            return
        done = await connection.bind(
            settings.bind_dn, settings.bind_password.reveal()
        )
        if done.code != SUCCESS:
            connection.close()
            raise LdapDown(
                f"bind_dn {settings.bind_dn}: result {done.code} {done.text}"
            )

    async def _connected(self) -> LdapConnection:
        """Connect to the first server that lets us."""
        now = self._world.clock.monotonic()
        rested = sorted(
            self._settings.servers,
            key=lambda server: self._resting.get(server, 0.0) > now,
        )
        failed = []
        for server in rested:
            try:
                return await self._connect(server)
            except (LdapDown, LookupFailed, ConnectError) as error:
                self._resting[server] = now + REST_S
                failed.append(_told(server, error))
        raise LdapDown("; ".join(failed))

    async def _connect(self, server: Server) -> LdapConnection:
        settings = self._settings
        name = f"{server.host}:{server.port}"
        context: Any = None
        if server.tls or settings.starttls:
            if self._tls is None:
                raise LdapDown(f"{name}: no TLS to ask with")
            context = self._tls.client(server.host, verify=True)
        # It brings ldaptor, which only those have who asked for it.
        from imailpy.realm.ldap.connection import LdapConnection

        factory = Factory.forProtocol(
            lambda: LdapConnection(self._world.clock, name, settings.timeout_s)
        )
        connection: LdapConnection = await connect(
            self._world,
            self._resolver,
            server.host,
            server.port,
            factory,
            timeout_s=settings.timeout_s,
            tls=context if server.tls else None,
        )
        if context is not None and not server.tls:
            try:
                await connection.start_tls(context)
            except LdapDown:
                connection.close()
                raise
        return connection


def _told(server: Server, error: Exception) -> str:
    if isinstance(error, MailError):
        why = error.private
    else:
        why = str(error) or type(error).__name__
    name = f"{server.host}:{server.port}"
    return why if why.startswith(name) else f"{name}: {why}"
