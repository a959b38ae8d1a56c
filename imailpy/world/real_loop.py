"""
The reactor's turn: how long it was held, and the short way to a connection.

One callback that computes for long keeps all connections waiting. Each is
timed; the longest is a figure that operators see.

Twisted hands every octet that a socket has for us through a logging context
of its own, which costs more than our answer to a command. Nobody here logs
through that context, so Twisted's epoll reactor gets another way to do its
turn: a connection that has something to read (`RealNetwork` made it) is
called directly, everything else by Twisted's own code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.python import log

from imailpy.world.real_network import EagerServer

try:
    from twisted.internet.epollreactor import EPollReactor
except ImportError:
    # A system without epoll: Twisted's own way will do.
    EPollReactor = None  # type: ignore[assignment,misc]


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
        self._reactor = reactor
        self._monotonic = monotonic
        for name in self._HOOKS:
            function = getattr(reactor, name, None)
            if function is not None:
                setattr(reactor, name, self._timed(function))
        if type(reactor) is EPollReactor:
            reactor.doIteration = self._turn  # type: ignore[method-assign]

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

    def _turn(self, timeout_s: float | None) -> None:
        """Wait until something is ready, and see to it, as `doPoll` does."""
        reactor, monotonic = self._reactor, self._monotonic
        selectables, wanted = reactor._selectables, reactor._POLL_IN
        try:
            ready = reactor._poller.poll(
                -1 if timeout_s is None else timeout_s, len(selectables)
            )
        except InterruptedError:
            return
        start = monotonic()
        for descriptor, event in ready:
            selectable = selectables.get(descriptor)
            if selectable is None:
                continue
            if event == wanted and type(selectable) is EagerServer:
                try:
                    why: Any = selectable.doRead()
                except Exception as error:
                    why = error
                    log.err()
                if why:
                    # A failure ends its connection, and was told.
                    reactor._disconnectSelectable(selectable, why, True)
            else:
                log.callWithLogger(
                    selectable,
                    reactor._doReadOrWrite,
                    selectable,
                    descriptor,
                    event,
                )
            end = monotonic()
            if end - start > self.longest_s:
                self.longest_s = end - start
            start = end
