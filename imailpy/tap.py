"""
imailpy under twistd.

    twistd -n imailpy --config /etc/imailpy/imailpy.toml
    twistd -n imailpy --demo DIR

The plugin, a `.tac` and whoever embeds the server build the same service.
"""

from __future__ import annotations

import os.path
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.logger import ILogObserver
from twisted.python import usage
from zope.interface import implementer

from imailpy.admin.journal import observer
from imailpy.config import ConfigError, Configuration, load
from imailpy.config.demo import PORT_OFFSET
from imailpy.errors import MailError, StoreRefused
from imailpy.world.real_log import open_log

EX_PROBLEMS = 1
EX_NOPERM = 77
EX_CONFIG = 78


class Left(SystemExit, Exception):
    """
    The end of the process, with its exit code and the reason.

    twistd takes an `Exception` for a start that failed: it removes its file
    with the process id, and the parent of a daemon tells the reason.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code)
        self.text = text

    def __str__(self) -> str:
        return self.text


def _leave(code: int, text: str) -> NoReturn:
    """Say why, and exit without a traceback."""
    print(f"imailpy: {text}", file=sys.__stderr__)
    raise Left(code, text)


def _read(path: str) -> Configuration:
    """Read a configuration, or exit with 78 and every complaint."""
    try:
        return load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(EX_CONFIG) from None
    except PermissionError as error:
        _leave(EX_NOPERM, f"{path}: {error.strerror}")
    except OSError as error:
        _leave(EX_CONFIG, f"{path}: {error.strerror}")


class Options(usage.Options):
    """What may stand behind `twistd imailpy`."""

    synopsis = "[--config FILE | --demo DIR [--smarthost HOST:PORT]]"
    longdesc = (
        "A complete mail server: SMTP, submission, queue, IMAP and POP3. "
        "Everything else is said in the configuration file; "
        "`imailctl config example` prints one with every setting."
    )
    optParameters = [
        ["config", "c", None, "The configuration file."],
        [
            "demo",
            None,
            None,
            "Run a whole server on 127.0.0.1 with everything in this folder: "
            "a self-signed certificate, the domain example.test, the "
            "accounts alice and bob.",
        ],
        [
            "port-offset",
            None,
            PORT_OFFSET,
            "With --demo: added to every standard port (25 becomes 2025).",
            int,
        ],
        [
            "smarthost",
            None,
            None,
            "With --demo: HOST:PORT that gets mail for the outside; without "
            "it such mail is caught in the mailbox Outside of postmaster.",
        ],
    ]

    def postOptions(self) -> None:
        """Read and check everything before anything is built."""
        if (self["config"] is None) == (self["demo"] is None):
            raise usage.UsageError("say --config FILE or --demo DIR")
        parent: Any = self.parent or {}
        if parent.get("euid"):
            # It would keep the way back to root open [SECURITY B15.1].
            raise usage.UsageError("--euid is refused: use --uid")
        if self["demo"] is not None:
            self["config"] = self._write_demo()
        self["configuration"] = _read(self["config"])

    def _write_demo(self) -> str:
        from imailpy.roof import demo
        from imailpy.world.real import RealWorld

        world = RealWorld(None)
        directory = os.path.abspath(self["demo"])
        try:
            return demo.write(
                world, directory, self["port-offset"], self["smarthost"]
            )
        except ValueError as error:
            raise usage.UsageError(str(error)) from None
        except OSError as error:
            _leave(EX_NOPERM, f"{directory}: {error.strerror}")


@implementer(IService)
class _Roof:
    """Stands for `Server`, and turns its refusals into exit codes."""

    def __init__(
        self,
        server: Any,
        tell: Callable[[dict[str, int]], str] | None = None,
        log_observer: Any = None,
    ) -> None:
        self._server = server
        self._words = tell
        self._observer = log_observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def setName(self, name: str) -> None:
        """As `IService`."""
        self._server.setName(name)

    def setServiceParent(self, parent: Any) -> None:
        """As `IService`; the parent knows us, not the server."""
        if self._server.parent is not None:
            self._server.disownServiceParent()
        if self._observer is not None and hasattr(parent, "setComponent"):
            parent.setComponent(ILogObserver, self._observer)
        parent = IService(parent, parent)
        self._server.parent = parent
        parent.addService(self)

    def privilegedStartService(self) -> None:
        """Bind ports, or exit with 69, 77 or 78 and the reason."""
        from imailpy.roof.ports import CannotBind

        try:
            self._server.privilegedStartService()
        except CannotBind as error:
            _leave(error.exit_code, error.private)
        except MailError as error:
            _leave(EX_CONFIG, error.private)

    def startService(self) -> None:
        """Open the store, or exit with 75, 77 or 78 and the reason."""
        try:
            self._server.startService()
        except StoreRefused as error:
            _leave(error.exit_code, error.private)
        except MailError as error:
            _leave(EX_CONFIG, error.private)
        except PermissionError as error:
            _leave(EX_NOPERM, str(error.strerror))
        words = self._words
        if words is not None:
            self._server.opened.addCallback(lambda _: self._tell(words))

    def _tell(self, words: Callable[[dict[str, int]], str]) -> None:
        # Not through the log: these lines are there to be copied.
        text = words(self._server.ports.found())
        print(text, file=sys.__stdout__, flush=True)


def makeService(options: Options) -> Any:
    """Make the server that the command line asks for."""
    tell = None
    configuration = options["configuration"]
    write = _log_stream(options.parent or {})
    server_options: dict[str, Any] = {"write_log": write}
    if options["demo"] is not None:
        from imailpy.roof import demo

        server_options["prepare"] = demo.people
        directory = os.path.abspath(options["demo"])
        imailctl = os.path.join(os.path.dirname(sys.argv[0]), "imailctl")

        def tell(found: dict[str, int]) -> str:
            return demo.instructions(found, directory, imailctl)

    server = _server(options["config"], configuration, **server_options)
    return _Roof(server, tell, _observer(write, configuration.log))


def _log_stream(parent: Any) -> Callable[[bytes], object] | None:
    """
    Where the log's lines go: standard output or a file, as twistd was told;
    None: to Twisted's logger, because it was given one.
    """
    path = parent.get("logfile")
    front = parent.get("nodaemon")
    if parent.get("logger") or parent.get("syslog"):
        return None
    if path == "-" and not front:
        return None
    if (path and path != "-") or not front:
        from twisted.internet import reactor

        write: Callable[[bytes], object] = open_log(
            reactor,
            path or "twistd.log",
            parent.get("uid"),
            parent.get("gid"),
        ).write
        return write
    stream: Any = sys.__stdout__

    def write_out(octets: bytes) -> None:
        stream.buffer.write(octets)
        stream.buffer.flush()

    return write_out


def _observer(write: Callable[[bytes], object] | None, told: Any) -> Any:
    """Have what Twisted logs come in the same form to the same place."""
    if write is None:
        return None
    from imailpy.roof.server import LEVELS

    return observer(
        lambda line: write(line.encode("utf-8", "replace")),
        told.format.value,
        LEVELS[told.level],
    )


def make_service(path: str) -> Any:
    """
    Make the server of a configuration file, for a `.tac`.

    Exits with 78 and every complaint when the file is wrong. Its log goes
    to Twisted's logger.
    """
    return _Roof(_server(path, _read(path)))


def _server(path: str, configuration: Configuration, **more: Any) -> Any:
    from twisted.internet import reactor

    from imailpy.roof.server import Server
    from imailpy.world.real import RealWorld

    world = RealWorld(reactor, configuration.server.host_name or None)
    world.end_well()
    return Server(world, configuration, lambda: load(path), **more)


# Operations on the store, which a policy that is wrong must not hinder.
NEVER_DECIDES = ("domain.", "account.", "alias.", "queue.", "status", "audit")


class OfflineOperations:
    """The operations on a store that no server has open."""

    def __init__(self, reactor: Any, directory: str, settings: Any) -> None:
        from imailpy.admin.operations import Operations
        from imailpy.config.provider import Settings
        from imailpy.config.rooms import history as history_settings
        from imailpy.config.rooms import store as store_settings
        from imailpy.history import History, HistorySettings
        from imailpy.realm.passwords import Passwords
        from imailpy.store.settings import StoreSettings
        from imailpy.store.sqlite import SqliteStore
        from imailpy.world.real import RealWorld

        host_name = None if settings is None else settings.server.host_name
        world = RealWorld(reactor, host_name or None)
        world.harden()
        self._realm: Any = None
        self._keeper: Any = None
        self._settings = settings
        told = (
            StoreSettings(directory)
            if settings is None
            else store_settings(settings)
        )
        self.store = SqliteStore(world, Settings(told))
        self.passwords = Passwords(world)
        self.history = History(
            world,
            Settings(
                HistorySettings(directory)
                if settings is None
                else history_settings(settings)
            ),
        )
        self.operations = Operations(
            world,
            self.store,
            self.passwords,
            history=self.history,
            rehearsals=(
                None if settings is None else self._rehearsals(world, settings)
            ),
        )

    def _rehearsals(self, world: Any, settings: Any) -> Any:
        """What would this configuration decide?"""
        from imailpy.admin.rehearsals import Rehearsals
        from imailpy.config.providers import Providers
        from imailpy.delivery.routing import Router
        from imailpy.dns.stub import Resolver
        from imailpy.realm.custom.keeper import Keeper
        from imailpy.realm.realm import Realm
        from imailpy.realm.silence import Silence

        providers = Providers(settings, world.disk)
        journal = Silence()
        self._realm = Realm(
            world,
            providers.realm,
            self.store.directory,
            Router(providers.delivery, self.store),
            journal,
            resolver=Resolver(world, providers.dns),
            sending=self.store.sending,
            bans=self.store.bans,
        )
        self._keeper = Keeper(world, journal, self._realm.books)
        return Rehearsals(world, providers, self.store, self._realm)

    async def perform(self, name: str, arguments: dict[str, Any]) -> Any:
        """As `Operations.perform`; who decides asks the policy, too."""
        if self._realm is not None:
            await self._realm.bans.load()
        if self._keeper is not None and not name.startswith(NEVER_DECIDES):
            from imailpy.config.rooms import custom

            await self._keeper.begin(custom(self._settings))
        return await self.operations.perform(name, arguments)

    async def close(self) -> None:
        """Let go of the store."""
        if self._keeper is not None:
            self._keeper.stop()
        await self.history.stop()
        if self._realm is not None:
            await self._realm.stop()
        await self.passwords.stop()
        await self.store.close()


def open_operations(
    reactor: Any, directory: str, settings: Any
) -> OfflineOperations:
    """
    Open the store in `directory` for an operator.

    Raises:
        StoreLocked: A server has it.
        StoreRefused: It cannot be opened.
    """
    return OfflineOperations(reactor, directory, settings)


__all__ = [
    "Options",
    "makeService",
    "make_service",
    "open_operations",
]
