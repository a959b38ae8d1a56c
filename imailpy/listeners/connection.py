"""
One connection: carries octets between a socket and an engine.

The engine says what the peer wants, one event at a time; the handler of the
protocol answers it, at once or later. A handler that may have to wait is a
coroutine; as long as it need not it costs no Deferred at all.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.protocol.engine import Engine

# So long the peer may take to read our last words and to say good-bye to
# TLS; then the connection is cut.
CLOSING_S = 30.0


@implementer(IPushProducer, IHalfCloseableProtocol)
class Connection(Protocol):
    """
    Drives one engine.

    A subclass sets `engine` before the connection is made, gives `handle`,
    and may extend `connectionMade`, `unexpected`, `connectionLost`, `gone`.

    Attributes:
        paused: Whether the peer reads more slowly than we write.
        events_a_turn: After so many events the reactor gets its turn.
        look_s: The longest that a timer sleeps: who may become impatient
            has to look now and then.
    """

    # Ten thousand idle connections: a dict for each would be the most of it.
    __slots__ = (
        "_closed",
        "_deadline",
        "_drained",
        "_handling",
        "_peer_done",
        "_reading",
        "_timeout_s",
        "_timer",
        "_timer_at",
        "_turn_asked",
        "engine",
        "lost",
        "paused",
        "world",
    )

    log = Logger()
    engine: Engine
    events_a_turn = 128
    look_s = float("inf")

    def __init__(self, world: Any) -> None:
        self.world = world
        self.paused = False
        self.lost = False
        self._handling: Coroutine[Any, Any, None] | None = None
        self._drained: list[Deferred[None]] = []
        self._timer: Any = None
        self._timeout_s = 0.0
        self._timer_at = 0.0
        self._deadline = 0.0
        self._turn_asked = False
        self._closed = False
        self._peer_done = False
        self._reading = True

    # What a subclass gives

    def handle(self, event: Any) -> Coroutine[Any, Any, None] | None:
        """Answer one event of the engine: at once, or in a coroutine."""
        raise NotImplementedError

    def unexpected(self, failure: Failure) -> None:
        """A handler failed as nobody foresaw: answer as temporary."""
        self.transport.abortConnection()  # type: ignore[union-attr]

    def timed_out(self) -> None:
        """Nothing came for too long."""
        self.transport.loseConnection()  # type: ignore[union-attr]

    def gone(self) -> None:
        """
        The peer is gone, and no handler is at work for it any more.

        It may be called more than once.
        """

    def heard(self, data: bytes) -> bool:
        """
        Something came, before the engine gets it.

        Returns:
            Whether that puts the timeout off.
        """
        return True

    def impatience_s(self) -> float:
        """By how much the timeout is shorter just now."""
        return 0.0

    # What Twisted calls

    def connectionMade(self) -> None:
        transport: Any = self.transport
        # A Unix socket has no such thing.
        with suppress(OSError):
            transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self.turn()

    def dataReceived(self, data: bytes) -> None:
        counts = self.heard(data)
        self.engine.receive(data)
        if self._timeout_s and counts and not self._closed:
            self._deadline = self.world.clock.monotonic() + self._timeout_s
        self.turn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        self.paused = False
        self.set_timeout(0.0)
        self.engine.end_of_input()
        self._let_go()
        self.turn()

    def readConnectionLost(self) -> None:
        """
        The peer will send no more, but may well be listening: what it has
        asked is answered, then the connection is closed.
        """
        self._peer_done = True
        self.turn()

    def writeConnectionLost(self) -> None:
        """We never close only our half."""

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        # A peer that reads slowly what it asked for is not idle.
        self._put_off_timeout()
        self._let_go()

    def stopProducing(self) -> None:
        self.paused = False
        self._let_go()

    # What a handler may use

    async def drained(self) -> None:
        """Send what there is, and wait until the peer has read most of it."""
        self.flush()
        if self.paused and not self.lost:
            waiting: Deferred[None] = Deferred()
            self._drained.append(waiting)
            await waiting

    def set_timeout(self, timeout_s: float) -> None:
        """
        Call `timed_out` when nothing comes for `timeout_s`; 0: never.

        The timer is not moved with every octet: it looks at the deadline
        when it fires.
        """
        self._timeout_s = timeout_s
        if not timeout_s:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        self._deadline = self.world.clock.monotonic() + timeout_s
        if self._timer is not None:
            if self._timer_at <= self._deadline:
                return
            self._timer.cancel()
        self._set_timer(timeout_s)

    def flush(self) -> None:
        """Send what the engine has to say, in one write."""
        octets = self.engine.octets_to_send()
        if octets and not self.lost:
            self.transport.write(octets)  # type: ignore[union-attr]

    def turn(self) -> None:
        """Work off the engine's events until one has to wait."""
        events = 0
        engine = self.engine
        # Who does not read is not answered: what it still sends stays in
        # the engine, and soon with the peer.
        while self._handling is None and not self.paused:
            event = engine.next_event()
            if event is None:
                if self._peer_done and not self.lost:
                    self.flush()
                    self._close()
                break
            try:
                coroutine = self.handle(event)
            except Exception:
                coroutine = None
                self._failed(Failure())
            if coroutine is not None and not self._advance(coroutine):
                break
            events += 1
            if events >= self.events_a_turn:
                self._ask_turn()
                break
        self.flush()
        if (engine.closing or engine.want_input()) is not self._reading:
            self._regulate()
        if self._handling is None:
            if self.lost:
                self.gone()
            elif engine.closing:
                self._close()

    # Inside

    def _advance(
        self,
        coroutine: Coroutine[Any, Any, None],
        failure: Failure | None = None,
    ) -> bool:
        """
        Run a handler; False when it waits for a Deferred.

        Args:
            failure: What became of that for which it waited.
        """
        waits_for: Deferred[Any]
        try:
            if failure is None:
                waits_for = coroutine.send(None)
            else:
                waits_for = failure.throwExceptionIntoGenerator(coroutine)
        except StopIteration:
            self._handling = None
            return True
        except Exception:
            self._handling = None
            self._failed(Failure())
            return True
        self._handling = coroutine
        waits_for.addBoth(self._wake, coroutine)
        return False

    def _wake(self, result: Any, coroutine: Coroutine[Any, Any, None]) -> None:
        # The Deferred still holds its result: the coroutine takes it there.
        # A failure has to be thrown in: a Deferred does not give it away
        # while its callbacks run.
        failure = result if isinstance(result, Failure) else None
        # Who waited for us was not idle.
        self._put_off_timeout()
        if self._advance(coroutine, failure):
            self.turn()

    def _failed(self, failure: Failure) -> None:
        self.log.failure("a handler failed unexpectedly", failure)
        if not self.lost:
            self.unexpected(failure)

    def _let_go(self) -> None:
        waiting, self._drained = self._drained, []
        for deferred in waiting:
            deferred.callback(None)
        if self._turn_asked is False and not self.lost:
            self._ask_turn()

    def _ask_turn(self) -> None:
        if not self._turn_asked:
            self._turn_asked = True
            self.world.clock.call_later(0, self._asked_turn)

    def _asked_turn(self) -> None:
        self._turn_asked = False
        self.turn()

    def _regulate(self) -> None:
        """
        Read on from the peer, or stop: only while the engine wants more.

        Once it is closing everything is read, and forgotten: TLS ends with
        a word of the peer.
        """
        if self.lost or self._closed or self._peer_done:
            return
        transport: Any = self.transport
        self._reading = not self._reading
        if self._reading:
            transport.resumeProducing()
        else:
            transport.pauseProducing()

    def _look(self) -> None:
        self._timer = None
        left_s = self._deadline - self.world.clock.monotonic()
        if not self._closed:
            left_s -= self.impatience_s()
        if left_s > 0.001:
            self._set_timer(left_s)
        elif self._closed:
            self.transport.abortConnection()  # type: ignore[union-attr]
        else:
            self.timed_out()

    def _set_timer(self, delay_s: float) -> None:
        delay_s = min(delay_s, self.look_s)
        self._timer_at = self.world.clock.monotonic() + delay_s
        self._timer = self.world.clock.call_later(delay_s, self._look)

    def _put_off_timeout(self) -> None:
        if self._timeout_s and not self._closed:
            self._deadline = self.world.clock.monotonic() + self._timeout_s

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.set_timeout(CLOSING_S)
        transport: Any = self.transport
        transport.unregisterProducer()
        transport.loseConnection()
