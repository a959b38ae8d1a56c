"""Threads of this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import QueueFull
from imailpy.interfaces.world import IBatchThread, IPool, IThreads

T = TypeVar("T")


def _settle(done: Sequence[tuple[Deferred[Any], Any]]) -> None:
    """Give results to those who wait, in the reactor thread."""
    for waiting, result in done:
        if isinstance(result, BaseException):
            waiting.errback(Failure(result))
        else:
            waiting.callback(result)


@implementer(IBatchThread)
class RealBatchThread:
    """One thread; what arrives while it is busy is its next batch."""

    def __init__(
        self,
        name: str,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        most: int,
        in_reactor: Callable[..., object],
    ) -> None:
        self._process = process
        self._most = most
        self._in_reactor = in_reactor
        # One lock inside, where a condition takes two and makes a third for
        # every wait: the reactor's thread is the one that would pay.
        self._waiting: SimpleQueue[tuple[Any, Deferred[Any]] | None] = (
            SimpleQueue()
        )
        self._stopping = False
        self._stopped: Deferred[None] = Deferred()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Any) -> Deferred[Any]:
        if self._stopping:
            raise ValueError("the thread was stopped")
        waiting: Deferred[Any] = Deferred()
        self._waiting.put((item, waiting))
        return waiting

    def stop(self) -> Deferred[None]:
        if not self._stopping:
            self._stopping = True
            self._waiting.put(None)
        return self._stopped

    def _work(self) -> None:
        going = True
        while going:
            batch, going = self._batch()
            if not batch:
                continue
            try:
                results = self._process([item for item, _ in batch])
            except BaseException as error:  # given on, whatever it is
                results = [error] * len(batch)
            self._in_reactor(
                _settle,
                [
                    (waiting, result)
                    for (_, waiting), result in zip(
                        batch, results, strict=True
                    )
                ],
            )
        self._in_reactor(self._stopped.callback, None)

    def _batch(self) -> tuple[list[tuple[Any, Deferred[Any]]], bool]:
        """Wait for one item, take all that are there; False at the end."""
        batch: list[tuple[Any, Deferred[Any]]] = []
        entry = self._waiting.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) >= self._most:
                return batch, True
            try:
                entry = self._waiting.get_nowait()
            except Empty:
                return batch, True
        return batch, False


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
        return RealBatchThread(
            name, process, most, self._reactor.callFromThread
        )

    def pool(self, name: str, *, threads: int, queue: int) -> RealPool:
        return RealPool(name, threads, queue, self._reactor.callFromThread)

    def call_in_reactor(
        self, function: Callable[..., object], *a: Any
    ) -> None:
        self._reactor.callFromThread(function, *a)
