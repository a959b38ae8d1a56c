"""Processes that are none, and a watchdog that ends nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from imailpy.errors import ProcessFailed
from imailpy.interfaces.world import IProcesses, IWatchdog
from imailpy.world.simulated.threads import SimulatedThreads

T = TypeVar("T")


def _answer(module: str, octets: bytes) -> bytes:
    try:
        answer: bytes = importlib.import_module(module).answer(octets)
    except (Exception, SystemExit) as error:
        raise ProcessFailed(f"it ended with {error!r}") from error
    return answer


@implementer(IProcesses)
class InlineProcesses:
    """The answer is there at once."""

    def python(
        self, module: str, octets: bytes, *, limit_s: float, memory_octets: int
    ) -> Deferred[bytes]:
        return execute(_answer, module, octets)


@implementer(IProcesses)
class SimulatedProcesses:
    """The answer is there at a moment that the seed chooses."""

    def __init__(self, threads: SimulatedThreads) -> None:
        self._threads = threads

    def python(
        self, module: str, octets: bytes, *, limit_s: float, memory_octets: int
    ) -> Deferred[bytes]:
        waiting: Deferred[bytes] = Deferred()

        def work() -> None:
            execute(_answer, module, octets).chainDeferred(waiting)

        self._threads.later(work)
        return waiting


@implementer(IWatchdog)
class InlineWatchdog:
    """Only calls: simulated time stands still meanwhile."""

    def __init__(self) -> None:
        self.took_s = 0.0

    def call(
        self, function: Callable[[Any], T], argument: Any, limit_s: float
    ) -> T:
        return function(argument)
