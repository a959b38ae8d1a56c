"""A whole server on a simulated machine, and its lives."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from argon2 import Parameters, Type
from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from imailpy import config
from imailpy.dns.fixed import FixedResolver
from imailpy.errors import ObjectExists
from imailpy.interfaces.tls import ITls
from imailpy.realm import passwords
from imailpy.roof.server import Server
from imailpy.world.simulated import Machine, Universe
from imailpy.world.simulated.agenda import Crashed

ADDRESS = "192.0.2.25"
DOMAIN = "here.test"
PASSWORD = "simulated-password"
USERS = (f"ann@{DOMAIN}", f"ben@{DOMAIN}")

_TEXT = """
[server]
host_name = "mx.here.test"

[storage]
directory = "/data"
min_free_mb = 1
min_free_percent = 0
reserve_mb = 1

[[tls.certificates]]
certificate = "/said.pem"
key = "/said.key"

[listeners.smtp]
tls = "none"
[listeners.submission]
enabled = false
[listeners.imaps]
enabled = false
[listeners.imap]
enabled = true
tls = "none"
plaintext_auth = true

[bans]
enabled = false

[limits]
per_address = 0
per_network = 0
total = 0

[login]
failure_delay_s = 0
failure_windows = false

[submission]
check_domains = false

[log]
format = "json"

[metrics]
port = 0

[delivery]
give_up_days = 2.0
private_targets = true
"""

# Small, so that a few messages meet every way of being stored.
_STORE = {
    "inline_octets": 2_000,
    "own_segment_octets": 30_000,
    "segment_octets": 60_000,
    "spool_memory_octets": 4_000,
    "reserve_octets": 100_000,
    "checkpoint_octets": 200_000,
    "undelete_s": 0.0,
    "blob_grace_s": 0.0,
}

_QUICK = Parameters(
    type=Type.ID,
    version=passwords.PARAMETERS.version,
    salt_len=16,
    hash_len=32,
    time_cost=1,
    memory_cost=8,
    parallelism=1,
)


@contextmanager
def quick_passwords() -> Iterator[None]:
    """Hash passwords with the least work there is: nobody guesses here."""
    usual, passwords.PARAMETERS = passwords.PARAMETERS, _QUICK
    try:
        yield
    finally:
        passwords.PARAMETERS = usual


@functools.cache
def configuration() -> Any:
    """The configuration of all simulated servers."""
    return config.parse(_TEXT)


@implementer(ITls)
class SaidTls:
    """TLS as the simulated network has it: said, not done."""

    def server(self, alpn: str) -> Any:
        return alpn

    def client(self, host_name: str, *, verify: bool) -> Any:
        return host_name

    def exporter(self, transport: Any) -> bytes | None:
        return None

    def client_certificate(self, transport: Any) -> None:
        return None

    def asking(self, client_ca: str) -> SaidTls:
        return self

    def description(self, transport: Any) -> str:
        return "TLSv1.3 SIMULATED" if transport.TLS else ""

    def reload(self) -> None:
        """There are no files."""


class House:
    """
    One server, over several lives of its machine.

    Attributes:
        lives: How often it was started.
        log: What it told its journal, all lives.
        exits: Exit codes of lives that ended by themselves.
    """

    def __init__(
        self, universe: Universe, zone: Any = None, sweep_every_s: float = 0.7
    ) -> None:
        self.universe = universe
        self.machine: Machine = universe.machine("mx", ADDRESS)
        self.zone = zone if zone is not None else {}
        self.sweep_every_s = sweep_every_s
        self.lives = 0
        self.log: list[str] = []
        self.exits: Counter[int] = Counter()
        self.server: Any = None

    def start(self) -> None:
        """
        Start the server.

        Raises:
            Crashed: The machine went down while it started.
        """
        self.lives += 1
        server = Server(
            self.machine,
            configuration(),
            resolver=FixedResolver(self.zone),
            tls=SaidTls(),
            write_log=self._write_log,
        )
        told = server.providers.store
        told.current = evolve(
            told.current, sweep_every_s=self.sweep_every_s, **_STORE
        )
        self.server = server
        self.machine.at_exit = server.stopService
        server.privilegedStartService()
        server.startService()

    def restart(self) -> None:
        """Start again, however often it goes down meanwhile."""
        while True:
            if self.machine.exit_code is not None:
                self.exits[self.machine.exit_code] += 1
            self.machine = self.machine.reboot()
            try:
                self.start()
            except Crashed:
                self.universe.agenda.note("crashed while starting")
                continue
            return

    @property
    def alive(self) -> bool:
        """Whether its machine runs."""
        return self.machine.alive

    def people(self) -> None:
        """Make the domain and the accounts, through crashes too."""
        made: list[Any] = []
        while True:
            making = Deferred.fromCoroutine(self._make_people())
            making.addBoth(made.append)
            self.universe.run(60, until=lambda: bool(made) or not self.alive)
            if self.alive:
                break
            made.clear()
            self.restart()
        if made != [None]:
            raise AssertionError(f"no people: {made}")

    async def _make_people(self) -> None:
        operations = self.server.operations
        with suppress(ObjectExists):
            await operations.perform("domain.add", {"name": DOMAIN})
        for user in USERS:
            with suppress(ObjectExists):
                await operations.perform(
                    "account.add",
                    {"address": user, "password": PASSWORD, "scram": False},
                )

    def _write_log(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        self.log.append(f"{self.universe.agenda.elapsed_s:.4f} {text}")
        self.universe.agenda.note(text)


def wait(universe: Universe, coroutine: Any, seconds: float = 3600.0) -> Any:
    """Let things happen until `coroutine` has come to an end."""
    done: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(done.append)
    universe.run(seconds, until=lambda: bool(done))
    if not done:
        raise AssertionError(f"not within {seconds} s: {coroutine}")
    if hasattr(done[0], "raiseException"):
        done[0].raiseException()
    return done[0]


async def pause(machine: Machine, seconds: float) -> None:
    """Wait on a machine's clock."""
    waiting: Deferred[None] = Deferred()
    machine.clock.call_later(seconds, waiting.callback, None)
    await waiting
