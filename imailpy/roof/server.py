"""
A whole server as a Twisted service.

    made        objects only: the daemon has not forked yet
    privileged  certificates read, ports bound
    started     store opened and recovered, rooms joined, clients let in
    stopped     nobody new; what was accepted is finished; store closed
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service as TwistedService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.logger import LogLevel as Level

import imailpy
from imailpy.admin.control import SOCKET_NAME, ControlFactory
from imailpy.admin.journal import Journal, StreamSink
from imailpy.admin.meters import Meters, site
from imailpy.admin.operations import Operations, ServerDoors
from imailpy.admin.rehearsals import Rehearsals
from imailpy.config import ConfigError, Configuration, rooms
from imailpy.config.listeners import Listener
from imailpy.config.providers import Providers
from imailpy.config.relaying import warnings
from imailpy.config.schema import ListenerTls, LogLevel, Service
from imailpy.delivery.service import Delivery
from imailpy.dns.stub import Resolver
from imailpy.errors import MailError
from imailpy.history import History
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.store import IStore
from imailpy.interfaces.world import IWorld
from imailpy.listeners.imap.factory import ImapFactory
from imailpy.listeners.pop3.factory import Pop3Factory
from imailpy.listeners.proxied import ProxiedFactory
from imailpy.listeners.smtp.factory import SmtpFactory
from imailpy.policy.settings import RecipientCheck
from imailpy.realm.custom.keeper import Keeper, PolicyRefused
from imailpy.realm.elsewhere import Elsewhere
from imailpy.realm.realm import Realm
from imailpy.roof.ports import ALPN, CannotBind, Ports, asked, in_order
from imailpy.store.sqlite import SqliteStore
from imailpy.tls import Tls

_LAG_S = 2.0
_IDLE_LAG_S = 60.0
# Connections from which on it may be late for more than one of them.
_BUSY = 20

# As configured -> as Twisted calls it.
LEVELS = {each: Level.levelWithName(each.value) for each in LogLevel}


class CannotReload(MailError):
    """A reload that changes nothing, and why."""

    temporary = False


class Server(TwistedService):
    """
    All rooms of one mail server.

    Args:
        reread: Reads the configuration again, for a reload.
        prepare: Awaited once the store is open, before clients come in.
        resolver: Instead of the one that the configuration asks for.
        tls: Likewise.
        write_log: Gets the log's lines in the form that the configuration
            wants; without it they go to Twisted's logger.
    """

    log = Logger()
    name = "imailpy"

    def __init__(
        self,
        world: IWorld,
        configuration: Configuration,
        reread: Callable[[], Configuration] | None = None,
        *,
        prepare: Callable[[Operations], Any] | None = None,
        resolver: IResolver | None = None,
        tls: Any = None,
        write_log: Callable[[bytes], object] | None = None,
    ) -> None:
        self.world = world
        self.providers = Providers(configuration, world.disk)
        self._reread = reread
        self._prepare = prepare
        self.tls = tls or Tls(world, self.providers.tls)
        # Certificates are read again at every reload; one that cannot be
        # read takes the whole reload back.
        self.providers.tls.follow(self.tls.reload)
        self.resolver = resolver or Resolver(world, self.providers.dns)
        self.ports = Ports(world, self.tls, self.providers.open)
        self._write_log = write_log
        self._factories: list[Any] = []
        self._others: list[Any] = []
        self._started_at = 0.0
        self._lag_watch: Any = None
        self._last_lines: Callable[[], object] = lambda: None
        self.opened: Deferred[None] | None = None

    # What Twisted calls

    def privilegedStartService(self) -> None:
        """Read certificates and bind ports; raises a `MailError`."""
        self.tls.reload()
        self.ports.bind()

    def startService(self) -> None:
        """
        Open the store and let clients in.

        Raises:
            StoreLocked, StoreRefused: The store cannot be had.
            PermissionError: We could still become root again.
        """
        super().startService()  # type: ignore[no-untyped-call]
        world = self.world
        world.harden()
        world.on_hangup(self._hung_up)
        self._started_at = world.clock.now()
        self.meters: Meters | None = None
        self.history = History(
            world, self.providers.history, lambda: self.journal
        )
        self.journal = self._make_journal()
        self.store: IStore = SqliteStore(
            world, self.providers.store, self.journal
        )
        self.meters = Meters(self.store, self._figures)
        self.delivery = Delivery(
            world,
            self.providers.delivery,
            self.store,
            self.resolver,
            self.tls,
            self.journal,
        )
        self.realm = self._make_realm()
        self.policy = Keeper(world, self.journal, self.realm.books)
        self.operations = Operations(
            world,
            self.store,
            self.realm.passwords,
            self._doors(),
            history=self.history,
            rehearsals=Rehearsals(
                world, self.providers, self.store, self.realm
            ),
        )
        self.opened = Deferred.fromCoroutine(self._open())
        self.opened.addErrback(self._cannot_open)

    def stopService(self) -> Deferred[None]:
        """Finish what was accepted, then let go of everything."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    # Inside

    def _make_realm(self) -> Realm:
        """Join the realm to those who know users and recipients."""
        world = self.world
        elsewhere = Elsewhere(
            world,
            self.tls,
            self.resolver,
            self.store.directory,
            self.providers.ldap,
            self.providers.tokens,
        )
        return Realm(
            world,
            self.providers.realm,
            self.store.directory,
            elsewhere.recipients(self.delivery.router),
            self.journal,
            resolver=self.resolver,
            elsewhere=elsewhere,
            recipient_checks={
                RecipientCheck.CALL_AHEAD.value: self.delivery.call_ahead,
                RecipientCheck.LDAP.value: elsewhere.recipient_check(),
            },
            sending=self.store.sending,
            history=self.history,
            bans=self.store.bans,
        )

    def _make_journal(self) -> Journal:
        told = self.providers.configuration.log
        sink: StreamSink | None = None
        if self._write_log is not None:
            sink = StreamSink(
                self.world.clock, self._write_log, told.format.value
            )
            self._last_lines = sink.flush
        verbose = told.level is LogLevel.DEBUG
        return Journal(
            sink,
            self._count,
            verbose,
            keep=self.history.note,
            clock=self.world.clock,
        )

    def _count(self, event: str) -> None:
        if self.meters is not None:
            self.meters.count(event)

    def _doors(self) -> ServerDoors:
        return ServerDoors(
            reload=self.reload,
            facts=self.facts,
            wake_queue=self.delivery.runner.wake,
            realm=self.realm,
            policy=self.policy,
        )

    async def _open(self) -> None:
        await self.policy.begin(self.providers.realm.current.custom)
        if self._prepare is not None:
            await self._prepare(self.operations)
        await self.realm.bans.load()
        self._watch_lag()
        directory = self.providers.store.current.directory
        self._others.append(
            self.world.network.listen_unix(
                f"{directory}/{SOCKET_NAME}", ControlFactory(self.operations)
            )
        )
        self._listen_for_scrapers()
        self.delivery.start()
        self.ports.open(self._factory)
        self._warn()
        self.journal.record(
            "server.started",
            version=imailpy.__version__,
            listeners=", ".join(
                f"{name}:{port}" for name, port in self.ports.found().items()
            ),
        )

    def _watch_lag(self) -> None:
        """See how late the reactor is, often while somebody is there."""
        clock = self.world.clock
        busy = self.realm.connections.total >= _BUSY
        delay_s = _LAG_S if busy else _IDLE_LAG_S
        due = clock.monotonic() + delay_s

        def look() -> None:
            self.realm.stress.was_late(clock.monotonic() - due)
            self.realm.stress.look()
            self._watch_lag()

        self._lag_watch = clock.call_later(delay_s, look)

    def _warn(self) -> None:
        """Tell what is dangerous although it is allowed."""
        for each in warnings(self.providers.configuration):
            self.journal.record("config.warning", reason=str(each))

    def _listen_for_scrapers(self) -> None:
        metrics = self.providers.configuration.metrics
        if not metrics.port or self.meters is None:
            return
        try:
            port = self.world.network.listen(
                metrics.address, metrics.port, site(self.meters)
            )
        except CannotListenError as error:
            where = f"metrics: {metrics.address}:{metrics.port}"
            raise CannotBind(f"{where}: {error.socketError}") from error
        self._others.append(port)

    def _cannot_open(self, failure: Any) -> None:
        if failure.check(CannotBind, PolicyRefused):
            refused: CannotBind | PolicyRefused = failure.value
            self.world.die(refused.exit_code, refused.private)
            return
        self.log.failure("the server cannot start", failure)
        self.world.die(75, "the server cannot start")

    def _factory(self, listener: Listener) -> Any:
        """Make the factory of a listener."""
        common: dict[str, Any] = {
            "tls": (
                None
                if listener.tls is ListenerTls.NONE
                else asked(self.tls, listener)
            ),
            "implicit_tls": listener.tls is ListenerTls.IMPLICIT,
            "listener": listener.name,
        }
        settings = self.providers.listeners[listener.name]
        reads: dict[Service, Any] = {
            Service.IMAP: ImapFactory,
            Service.POP3: Pop3Factory,
        }
        made: Any
        if listener.service in reads:
            made = reads[listener.service](
                self.world,
                self.store,
                self.realm,
                self.journal,
                settings,
                **common,
            )
        else:
            made = SmtpFactory(
                self.world,
                self.realm,
                self.delivery.receiver,
                self.journal,
                settings,
                **common,
            )
        if listener.proxy:
            made = ProxiedFactory(
                self.world,
                self.journal,
                self.providers.proxied[listener.name],
                made,
                listener=listener.name,
                tls=common["tls"] if common["implicit_tls"] else None,
                alpn=ALPN[listener.service],
            )
        self._factories.append(made)
        return made

    async def _stop(self) -> None:
        self.policy.stop()
        factories, self._factories = self._factories, []
        others, self._others = self._others, []
        if self._lag_watch is not None:
            self._lag_watch.cancel()
        await in_order(
            self.ports.close,
            *(factory.stop for factory in factories),
            self.delivery.stop,
            *(port.stopListening for port in others),
            self.realm.stop,
            self.history.stop,
            self.store.close,
        )
        self.journal.record("server.stopped")
        self._last_lines()

    # What an operator asks for

    def _figures(self) -> dict[str, float]:
        longest_ms = self.world.longest_callback_s() * 1000
        return {
            "reactor_longest_ms": round(longest_ms, 1),
            "history_dropped": self.history.dropped,
            **self.policy.figures(),
        }

    def facts(self) -> dict[str, Any]:
        """What `status` shows of the running server."""
        return {
            "version": imailpy.__version__,
            "host_name": self.world.host_name,
            "running_s": int(self.world.clock.now() - self._started_at),
            "configuration": self.providers.configuration.file,
            "configuration_number": self.providers.realm.number,
            **self._figures(),
            **self.policy.facts(),
            **self.history.figures(),
            "connections": sum(
                len(factory.connections) for factory in self._factories
            ),
            "stress": self.realm.stress.on,
            "bans": len(self.realm.bans.all()),
        }

    async def reload(self) -> int:
        """
        Read the configuration and the policy again, all or nothing.

        Raises:
            CannotReload: Nothing has changed, and why.
        """
        if self._reread is None:
            raise CannotReload("no file", "there is no file to read again")
        try:
            configuration = self._reread()
            policy = await self.policy.prepare(rooms.custom(configuration))
            self.providers.reload(configuration)
            self.policy.commit(policy)
        except ConfigError as error:
            self.journal.record("server.reload_refused", reason=str(error))
            raise CannotReload("configuration", str(error)) from None
        except (MailError, OSError) as error:
            self.journal.record("server.reload_refused", reason=str(error))
            raise CannotReload(str(error), str(error)) from None
        number = self.providers.realm.number
        self._warn()
        self.journal.record("server.reloaded", number=number)
        return number

    def _hung_up(self) -> None:
        """SIGHUP: reload; a refusal is in the log."""

        def refused(failure: Any) -> None:
            failure.trap(CannotReload)

        Deferred.fromCoroutine(self.reload()).addErrback(refused)
