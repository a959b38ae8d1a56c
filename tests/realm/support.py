"""A small world, a directory and a body for the realm's tests."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import DirectoryUnavailable, QueueFull
from imailpy.interfaces.body import IBody
from imailpy.interfaces.directory import Account, AccountSecrets, Alias, Domain
from imailpy.interfaces.realm import IRecipients, Standing
from imailpy.mail import Client, Path, Secret
from imailpy.message.rendition import Rendition
from imailpy.realm.passwords import hash_now
from imailpy.realm.realm import Realm
from imailpy.realm.settings import LoginSettings, RealmSettings
from imailpy.store.memory.keys import MemoryKeys
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed

ANN = Path("ann", "local.test")
BOB = Path("bob", "local.test")
PASSWORD = "correct battery staple"
# Made once: hashing is dear on purpose.
HASH = hash_now(PASSWORD.encode(), b"salt of 16 octet")


class StillClock:
    """Time that goes on only when a test says so."""

    def __init__(self) -> None:
        self.reactor = Clock()

    def now(self) -> float:
        return 1_700_000_000.0 + self.reactor.seconds()

    def monotonic(self) -> float:
        return self.reactor.seconds()

    def call_later(
        self, delay_s: float, function: Callable[..., object], *a: Any
    ) -> Any:
        call = self.reactor.callLater(delay_s, function, *a)

        class Call:
            def cancel(self) -> None:
                if call.active():
                    call.cancel()

            def active(self) -> bool:
                return bool(call.active())

        return Call()


class SeededRandom:
    """The same octets in every run."""

    def __init__(self) -> None:
        self._random = random.Random(7)

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)


class HeldPool:
    """Runs jobs at once, or keeps them while a test holds it."""

    def __init__(self, queue: int) -> None:
        self.queue = queue
        self.held = False
        self.jobs = 0
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def run(self, function: Callable[..., Any], *a: Any) -> Deferred[Any]:
        self.jobs += 1
        if len(self.waiting) >= self.queue:
            raise QueueFull("full")
        done: Deferred[Any] = Deferred()
        self.waiting.append((lambda: function(*a), done))
        if not self.held:
            self.go()
        return done

    def go(self) -> None:
        waiting, self.waiting = self.waiting, []
        for job, done in waiting:
            try:
                result = job()
            except Exception:
                done.errback(Failure())
            else:
                done.callback(result)

    def stop(self) -> Deferred[None]:
        return succeed(None)


class SmallWorld:
    """What of a world the realm uses."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.random = SeededRandom()
        self.threads = self
        self.pools: list[HeldPool] = []

    def pool(self, name: str, *, threads: int, queue: int) -> HeldPool:
        self.pools.append(HeldPool(queue))
        return self.pools[-1]


@define(slots=False)
class SmallDirectory(MemoryKeys):
    """Accounts and aliases of `local.test`."""

    entries: dict[str, Account | Alias] = field(factory=dict)
    kept: dict[str, AccountSecrets] = field(factory=dict)
    down: bool = False
    version: int = 0

    async def domain(self, name: str) -> Domain | None:
        self._look()
        return Domain(name) if name == "local.test" else None

    def __attrs_post_init__(self) -> None:
        super().__init__()
        self.version = 0
        self._secrets = self.kept

    def _known(self, account_id: str) -> Any:
        return account_id

    def add(self, address: Path, secrets: AccountSecrets | None = None) -> str:
        account = Account(f"id-{address.local_part}", address)
        self.entries[address.folded] = account
        self.kept[account.id] = secrets or AccountSecrets(HASH)
        return account.id

    def alias(self, address: Path, *targets: Path) -> None:
        self.entries[address.folded] = Alias(address, targets)

    def disable(self, address: Path) -> None:
        account = self.entries[address.folded]
        self.entries[address.folded] = evolve(account, enabled=False)

    def _look(self) -> None:
        if self.down:
            raise DirectoryUnavailable("the directory is down")

    async def find(self, path: Path) -> Account | Alias | None:
        self._look()
        return self.entries.get(path.folded)

    async def account(self, account_id: str) -> Account | None:
        self._look()
        for each in self.entries.values():
            if isinstance(each, Account) and each.id == account_id:
                return each
        return None

    async def aliases_to(self, account: Account) -> Sequence[Path]:
        self._look()
        return [
            each.address
            for each in self.entries.values()
            if isinstance(each, Alias) and account.address in each.targets
        ]

    async def secrets(self, account_id: str) -> AccountSecrets:
        self._look()
        return self.kept.get(account_id, AccountSecrets())

    async def set_secrets(self, account_id: str, new: AccountSecrets) -> None:
        self.kept[account_id] = new

    async def server_key(self, name: str) -> bytes:
        self._look()
        return name.encode().ljust(32, b"*")


@implementer(IRecipients)
class SmallRecipients:
    """Tells standings from a directory; some may be set."""

    def __init__(self, directory: SmallDirectory) -> None:
        self._directory = directory
        self.told: dict[Path, Standing] = {}

    async def standing(self, path: Path) -> Standing:
        if path in self.told:
            return self.told[path]
        found = await self._directory.find(path)
        local = path.domain in ("local.test", "")
        return Standing(local, found is not None)


@implementer(IBody)
@frozen
class TextBody:
    """A message that a test wrote."""

    octets: bytes
    rendition: Rendition | None = None

    @property
    def size_octets(self) -> int:
        return len(self.octets)

    @property
    def sha256(self) -> bytes:
        return b"0" * 32

    def chunks(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        yield self.octets[start:end]

    def release(self) -> None:
        pass


class House:
    """A realm with ann, bob, and an alias of ann's."""

    def __init__(
        self, settings: RealmSettings | None = None, **options: Any
    ) -> None:
        self.world: Any = SmallWorld()
        self.directory = SmallDirectory()
        self.directory.add(ANN)
        self.directory.add(BOB)
        self.directory.alias(Path("info", "local.test"), ANN)
        self.recipients = SmallRecipients(self.directory)
        self.journal = KeptJournal()
        self.settings = Fixed(
            settings or RealmSettings(login=LoginSettings(failure_delay_s=0))
        )
        directory: Any = self.directory
        self.realm = Realm(
            self.world,
            self.settings,
            directory,
            self.recipients,
            self.journal,
            **options,
        )

    def gate(self, service: str = "smtp", address: str = "203.0.113.9") -> Any:
        return self.realm.gate(
            Client(address, 4000, service, service, "session-1")
        )

    @property
    def jobs(self) -> int:
        """Passwords that were checked or hashed."""
        return sum(pool.jobs for pool in self.world.pools)

    def rules(self) -> list[str]:
        """The rules that decided, in order."""
        return [facts["rule"] for _, facts in self.journal.events]


def secret(text: str = PASSWORD) -> Secret:
    return Secret(text.encode())


def drive(coroutine: Any) -> Any:
    """Run a coroutine that never has to wait, without a Deferred."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")
