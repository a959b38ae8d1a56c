"""Threads that are none: their work is done inline at a seeded moment."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import QueueFull
from imailpy.interfaces.world import IBatchThread, IPool, IThreads
from imailpy.world.simulated.agenda import Agenda, Crashed

T = TypeVar("T")


def _settle(done: Sequence[tuple[Deferred[Any], Any]]) -> None:
    for waiting, result in done:
        if isinstance(result, BaseException):
            waiting.errback(Failure(result))
        else:
            waiting.callback(result)


@implementer(IBatchThread)
class SimulatedBatchThread:
    """What arrives while a batch is under way is the next batch."""

    def __init__(
        self,
        threads: SimulatedThreads,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        most: int,
    ) -> None:
        self._threads = threads
        self._process = process
        self._most = most
        self._waiting: deque[tuple[Any, Callable[[Any], object]]] = deque()
        self._busy = False
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()

    def submit(self, item: Any, done: Callable[[Any], object]) -> None:
        if self._stopping:
            raise ValueError("the thread was stopped")
        self._waiting.append((item, done))
        self._begin()

    def stop(self) -> Deferred[None]:
        self._stopping = True
        self._begin()
        return self._stopped

    def _begin(self) -> None:
        if self._busy:
            return
        if self._waiting:
            self._busy = True
            self._threads.later(self._work)
        elif self._stopping and not self._stopped.called:
            self._threads.later(self._stopped.callback, None)

    def _work(self) -> None:
        count = min(len(self._waiting), self._most)
        batch = [self._waiting.popleft() for _ in range(count)]
        try:
            results = self._process([item for item, _ in batch])
        except Crashed:
            raise
        except BaseException as error:  # given on, whatever it is
            results = [error] * len(batch)
        told = [
            (done, result)
            for (_, done), result in zip(batch, results, strict=True)
        ]
        self._threads.later(self._finish, told)

    def _finish(
        self, told: Sequence[tuple[Callable[[Any], object], Any]]
    ) -> None:
        self._busy = False
        self._begin()
        for done, result in told:
            done(result)


@implementer(IPool)
class SimulatedPool:
    """Jobs of a pool end in any order."""

    def __init__(
        self, threads: SimulatedThreads, most: int, queue: int
    ) -> None:
        self._threads = threads
        self._most = most + queue
        self._open = 0
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()

    def run(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        if self._stopping:
            raise ValueError("the pool was stopped")
        if self._open >= self._most:
            raise QueueFull(f"{self._most} jobs are waiting already")
        self._open += 1
        waiting: Deferred[T] = Deferred()
        self._threads.later(self._work, function, arguments, waiting)
        return waiting

    def stop(self) -> Deferred[None]:
        self._stopping = True
        self._look()
        return self._stopped

    def _look(self) -> None:
        if self._stopping and not self._open and not self._stopped.called:
            self._threads.later(self._stopped.callback, None)

    def _work(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        waiting: Deferred[Any],
    ) -> None:
        try:
            result = function(*arguments)
        except Crashed:
            raise
        except BaseException as error:  # given on, whatever it is
            result = error
        self._open -= 1
        self._look()
        _settle([(waiting, result)])


@implementer(IThreads)
class SimulatedThreads:
    """Makes both kinds, and says when their work is done."""

    # Seconds a piece of work may take.
    LONGEST = 0.004

    def __init__(self, agenda: Agenda, process: Any, seed: str) -> None:
        self._agenda = agenda
        self._process = process
        self._random = random.Random(f"threads {seed}")

    def later(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call at a moment that the seed chooses."""
        delay_s = self._random.uniform(0.00001, self.LONGEST)
        self._agenda.at(delay_s, self._process, function, *arguments)

    def batch(
        self,
        name: str,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most: int = 512,
    ) -> SimulatedBatchThread:
        return SimulatedBatchThread(self, process, most)

    def pool(self, name: str, *, threads: int, queue: int) -> SimulatedPool:
        return SimulatedPool(self, threads, queue)
