"""
How long the reactor was held.

One callback that computes for long keeps all connections waiting. Each is
timed; the longest is a figure that operators see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class LoopWatch:
    """
    Times the callbacks of one reactor.

    A reactor that is not made like Twisted's own is not watched.

    Args:
        reactor: Before it runs, or running.
        monotonic: Seconds.

    Attributes:
        longest_s: Seconds that the longest callback took so far.
    """

    # What Twisted's reactors have: one call for each descriptor that is
    # ready, one for all timers and calls of other threads that are due.
    _HOOKS = ("_doReadOrWrite", "runUntilCurrent")

    def __init__(
        self, reactor: Any, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.longest_s = 0.0
        self._monotonic = monotonic
        for name in self._HOOKS:
            function = getattr(reactor, name, None)
            if function is not None:
                setattr(reactor, name, self._timed(function))

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        monotonic = self._monotonic

        def timed(*arguments: Any) -> Any:
            start = monotonic()
            try:
                return function(*arguments)
            finally:
                took = monotonic() - start
                if took > self.longest_s:
                    self.longest_s = took

        return timed
