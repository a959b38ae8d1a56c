"""Threads of this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import QueueFull
from imailpy.interfaces.world import IBatchThread, IPool, IThreads

T = TypeVar("T")

_log = Logger()


def _settle(done: Sequence[tuple[Deferred[Any], Any]]) -> None:
    """Give results to those who wait, in the reactor thread."""
    for waiting, result in done:
        if isinstance(result, BaseException):
            waiting.errback(Failure(result))
        else:
            waiting.callback(result)


# An item, and who is told what came of it.
_Entry = tuple[Any, Callable[[Any], object]]


def _tell(told: Sequence[tuple[Callable[[Any], object], Any]]) -> None:
    """Give the results of a batch to those who handed it in."""
    for done, result in told:
        try:
            done(result)
        except Exception:
            # One that fails must not cost the others their answer.
            _log.failure("a result could not be taken")


@implementer(IBatchThread)
class RealBatchThread:
    """
    One thread; what arrives while it is busy is its next batch.

    Items are handed over at the end of the reactor's turn. When several come
    at a time they wait for each other, for as long as every turn brings more
    of them and `PATIENCE_S` at most: what a batch costs is then paid once
    for many. Whoever comes alone does not wait.
    """

    PATIENCE_S = 0.002

    def __init__(
        self,
        name: str,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        most: int,
        reactor: Any,
    ) -> None:
        self._process = process
        self._most = most
        self._reactor = reactor
        # In the reactor's thread: not handed over yet.
        self._pending: list[_Entry] = []
        self._since = 0.0
        self._seen = 0
        self._last = 0
        # One lock inside, where a condition takes two and makes a third for
        # every wait: the reactor's thread is the one that would pay.
        self._waiting: SimpleQueue[list[_Entry] | None] = SimpleQueue()
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Any, done: Callable[[Any], object]) -> None:
        if self._stopping:
            raise ValueError("the thread was stopped")
        self._pending.append((item, done))
        if len(self._pending) == 1:
            self._seen = 0
            self._since = self._reactor.seconds()
            self._reactor.callLater(0, self._turn_ends)

    def stop(self) -> Deferred[None]:
        if not self._stopping:
            self._stopping = True
            self._hand_over()
            self._waiting.put(None)
        return self._stopped

    def _turn_ends(self) -> None:
        """Wait for the next turn if this one brought company."""
        count = len(self._pending)
        if (
            self._seen < count < self._most
            and max(count, self._last) > 1
            and self._reactor.seconds() - self._since < self.PATIENCE_S
        ):
            self._seen = count
            self._reactor.callLater(0, self._turn_ends)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        pending, self._pending = self._pending, []
        if pending:
            self._last = len(pending)
            self._waiting.put(pending)

    # In the thread

    def _work(self) -> None:
        going = True
        while going:
            entries, going = self._take()
            for at in range(0, len(entries), self._most):
                self._batch(entries[at : at + self._most])
        self._reactor.callFromThread(self._stopped.callback, None)

    def _take(self) -> tuple[list[_Entry], bool]:
        """Wait for entries, take all that are there; False at the end."""
        taken: list[_Entry] = []
        entries = self._waiting.get()
        while entries is not None:
            taken += entries
            try:
                entries = self._waiting.get_nowait()
            except Empty:
                return taken, True
        return taken, False

    def _batch(self, batch: list[_Entry]) -> None:
        try:
            results = self._process([item for item, _ in batch])
        except BaseException as error:  # given on, whatever it is
            results = [error] * len(batch)
        self._reactor.callFromThread(
            _tell,
            [
                (done, result)
                for (_, done), result in zip(batch, results, strict=True)
            ],
        )


@implementer(IPool)
class RealPool:
    """A few threads, one bounded queue."""

    def __init__(
        self,
        name: str,
        threads: int,
        queue: int,
        in_reactor: Callable[..., object],
    ) -> None:
        self._most = queue
        self._in_reactor = in_reactor
        self._waiting: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        self._change = Condition()
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()
        self._living = threads
        for number in range(threads):
            Thread(
                target=self._work, name=f"{name}-{number}", daemon=True
            ).start()

    def run(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        if self._stopping:
            raise ValueError("the pool was stopped")
        waiting: Deferred[T] = Deferred()
        with self._change:
            if len(self._waiting) >= self._most:
                raise QueueFull(f"{self._most} jobs are waiting already")
            self._waiting.append((lambda: function(*arguments), waiting))
            self._change.notify()
        return waiting

    def stop(self) -> Deferred[None]:
        with self._change:
            self._stopping = True
            self._change.notify_all()
        return self._stopped

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._stopping:
                    self._change.wait()
                if not self._waiting:
                    self._living -= 1
                    last = self._living == 0
                    break
                job, waiting = self._waiting.popleft()
            try:
                result = job()
            except BaseException as error:  # given on, whatever it is
                result = error
            self._in_reactor(_settle, [(waiting, result)])
        if last:
            self._in_reactor(self._stopped.callback, None)


@implementer(IThreads)
class RealThreads:
    """The only maker of threads."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def batch(
        self,
        name: str,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most: int = 512,
    ) -> RealBatchThread:
        return RealBatchThread(name, process, most, self._reactor)

    def pool(self, name: str, *, threads: int, queue: int) -> RealPool:
        return RealPool(name, threads, queue, self._reactor.callFromThread)
