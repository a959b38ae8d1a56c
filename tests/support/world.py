"""
A world for tests: a clock that stands still, threads that run at once.

The disk is real (below a directory of the test's); the network is Twisted's
`MemoryReactor`. `fault_point` keeps the names it was called with and raises
what a test has planted there.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.interfaces.world import (
    IBatchThread,
    IClock,
    IPool,
    IRandom,
    IThreads,
    IWorld,
)
from imailpy.world.real import RealCall
from imailpy.world.real_disk import RealDisk
from imailpy.world.real_network import RealNetwork
from imailpy.world.simulated.processes import (
    InlineProcesses,
    InlineWatchdog,
)

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@implementer(IClock)
class TestClock:
    """Time that goes on only when a test says so."""

    def __init__(self, reactor: MemoryReactorClock, start: float) -> None:
        self._reactor = reactor
        self._start = start

    def now(self) -> float:
        return self._start + self._reactor.seconds()

    def monotonic(self) -> float:
        return self._reactor.seconds()

    def call_later(
        self, delay_s: float, function: Callable[..., object], *arguments: Any
    ) -> RealCall:
        return RealCall(self._reactor.callLater(delay_s, function, *arguments))


@implementer(IRandom)
class SeededRandom:
    """The same numbers every time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def token(self) -> str:
        return "".join(self._random.choice(_LETTERS) for _ in range(20))

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)


@implementer(IBatchThread)
class InlineBatch:
    """Works at `submit`, or, while `threads.held`, at `threads.go()`."""

    def __init__(self, threads: InlineThreads, process: Any, most: int):
        self._threads = threads
        self._process = process
        self._most = most
        self._waiting: deque[tuple[Any, Callable[[Any], object]]] = deque()
        self._working = False

    def submit(self, item: Any, done: Callable[[Any], object]) -> None:
        self._waiting.append((item, done))
        if not self._threads.held:
            self.go()

    def go(self) -> None:
        if self._working:
            return
        self._working = True
        try:
            while self._waiting:
                count = min(len(self._waiting), self._most)
                batch = [self._waiting.popleft() for _ in range(count)]
                self._threads.batches.append(count)
                try:
                    results = self._process([item for item, _ in batch])
                except Exception as error:
                    results = [error] * count
                for (_, done), result in zip(batch, results, strict=True):
                    done(result)
        finally:
            self._working = False

    def stop(self) -> Deferred[None]:
        self.go()
        return succeed(None)


@implementer(IPool)
class InlinePool:
    """Runs jobs at once."""

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return succeed(function(*arguments))
        except Exception:
            return fail(Failure())

    def stop(self) -> Deferred[None]:
        return succeed(None)


@implementer(IThreads)
class InlineThreads:
    """
    No threads at all.

    Attributes:
        held: Batches wait for `go()`: so that a test can form a group.
        batches: Sizes of the batches worked off.
    """

    def __init__(self) -> None:
        self.held = False
        self.batches: list[int] = []
        self._made: list[InlineBatch] = []

    def batch(
        self,
        name: str,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most: int = 512,
    ) -> InlineBatch:
        made = InlineBatch(self, process, most)
        self._made.append(made)
        return made

    def go(self) -> None:
        """Work off what waits."""
        for batch in self._made:
            batch.go()

    def pool(self, name: str, *, threads: int, queue: int) -> InlinePool:
        return InlinePool()


@implementer(IWorld)
class TestWorld:
    """
    One test's machine.

    Attributes:
        reactor: A `MemoryReactorClock`: `advance` makes time go on.
        points: How often each fault point was passed.
        planted: Name of a fault point -> what happens there: an exception
            to raise, or something to call.
        deaths: What `die` was called with.
    """

    def __init__(
        self,
        *,
        disk: Any = None,
        start: float = 1_750_000_000.0,
        seed: int = 1,
    ) -> None:
        self.reactor = MemoryReactorClock()
        self.clock = TestClock(self.reactor, start)
        self.network = RealNetwork(self.reactor)
        self.disk = disk if disk is not None else RealDisk()
        self.random = SeededRandom(seed)
        self.threads = InlineThreads()
        self.processes = InlineProcesses()
        self.watchdog = InlineWatchdog()
        self.host_name = "mx.example.test"
        self.points: Counter[str] = Counter()
        self.planted: dict[str, Any] = {}
        self.deaths: list[tuple[int, str]] = []

    def advance(self, seconds: float) -> None:
        """Let time go on."""
        self.reactor.advance(seconds)

    def longest_callback_s(self) -> float:
        return 0.0

    def fault_point(self, name: str) -> None:
        self.points[name] += 1
        planted = self.planted.get(name)
        if isinstance(planted, BaseException):
            raise planted
        if planted is not None:
            planted()

    def die(self, exit_code: int, reason: str) -> None:
        self.deaths.append((exit_code, reason))


def result_of(awaitable: Any) -> Any:
    """Give the result of an awaitable that does not have to wait."""
    done = (
        awaitable
        if isinstance(awaitable, Deferred)
        else Deferred.fromCoroutine(awaitable)
    )
    out: list[Any] = []
    done.addBoth(out.append)
    if not out:
        raise RuntimeError("it waits")
    if isinstance(out[0], Failure):
        out[0].raiseException()
    return out[0]
