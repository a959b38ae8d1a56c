"""
A watchdog for the reactor's thread.

A timer's signal ends a call that works for too long: Python runs the
handler between two instructions of the main thread, which is the reactor's,
and what the handler raises comes out of whatever runs there. A second
thread could raise something here too, but only Python's own loop would
notice; `re` and a system call that waits look after signals alone.

The timer goes by the clock on the wall, and another program may have had
the machine meanwhile: so work is counted in the thread's own CPU time, and
waiting only where it is `PATIENCE` times as long.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from zope.interface import implementer

from imailpy.errors import Stuck
from imailpy.interfaces.world import IWatchdog

T = TypeVar("T")

PATIENCE = 10


@implementer(IWatchdog)
class RealWatchdog:
    """Ends calls by SIGALRM; outside of the main thread it only counts."""

    def __init__(self) -> None:
        self.took_s = 0.0
        self._armed = False
        self._ours = False
        self._limit_s = 0.0
        self._cpu = self._wall = 0.0

    def call(
        self, function: Callable[[Any], T], argument: Any, limit_s: float
    ) -> T:
        if not self._ours and not self._take():
            return self._counted(function, argument)
        self._limit_s = limit_s
        self._wall = time.monotonic()
        self._cpu = time.thread_time()
        try:
            self._armed = True
            # Again and again: who swallows the first gets another one.
            signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
            try:
                return function(argument)
            finally:
                self._armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
                self.took_s = self._spent()
        except Stuck:
            # It may have come within the lines above.
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.took_s = self._spent()
            raise

    def _spent(self) -> float:
        cpu_s = time.thread_time() - self._cpu
        waited_s = (time.monotonic() - self._wall) / PATIENCE
        return max(cpu_s, waited_s)

    def _counted(self, function: Callable[[Any], T], argument: Any) -> T:
        start = time.thread_time()
        try:
            return function(argument)
        finally:
            self.took_s = time.thread_time() - start

    def _take(self) -> bool:
        """Have the signal; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            return False
        signal.signal(signal.SIGALRM, self._rings)
        self._ours = True
        return True

    def _rings(self, *_: object) -> None:
        if self._armed and self._spent() >= self._limit_s * 0.9:
            raise Stuck(f"it ran for over {self._limit_s:g} s")
