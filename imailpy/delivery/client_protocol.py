"""
One connection to another server: carries octets between a socket and the
client's engine, gives it the message piece by piece as fast as the other side
reads, and minds the clock [RFC5321 4.5.3.2].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.delivery.settings import Timeouts
from imailpy.interfaces.body import IBody
from imailpy.interfaces.world import IWorld
from imailpy.mail import Envelope, Recipient
from imailpy.protocol.smtp.client import ClientSession
from imailpy.protocol.smtp.client_events import (
    Broken,
    Closed,
    Finished,
    NeedBody,
    Ready,
    Results,
    StartTls,
)


class SessionFailed(Exception):
    """
    No session came about.

    Attributes:
        in_tls: It broke off in the TLS handshake.
    """

    def __init__(self, broken: Broken, in_tls: bool) -> None:
        super().__init__(broken.reason)
        self.broken = broken
        self.in_tls = in_tls


@frozen
class Sent:
    """
    What came of one message.

    Attributes:
        results: Replies, one for each recipient; fewer when it broke.
        broken: Why the session is over, None while it is not.
        dsn: Whether the other side has DSN and so reports itself.
    """

    results: Results
    broken: Broken | None = None
    dsn: bool = False


@implementer(IPushProducer)
class Outgoing(Protocol):
    """
    Drives one `ClientSession`.

    Args:
        session: Fresh.
        start_tls: Turns TLS on for the transport it is given; called when
            the engine asks.

    Attributes:
        ready: Fires when the session is ready for its first message, or
            fails with `SessionFailed`.
        sent: Messages so far.
    """

    def __init__(
        self,
        world: IWorld,
        session: ClientSession,
        timeouts: Timeouts,
        start_tls: Callable[[Any], None],
    ) -> None:
        self._world = world
        self._session = session
        self._timeouts = timeouts
        self._start_tls = start_tls
        self.ready: Deferred[None] = Deferred()
        self.sent = 0
        self.lost = False
        self._is_ready = False
        self._handshaking = session.tls
        self._sending: Deferred[Sent] | None = None
        self._closing: Deferred[None] | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._needed = False
        self._paused = False
        self._turning = False
        self._timer: Any = None
        self._deadline = 0.0
        # A message as a whole may not take longer than this.
        self._end = 0.0

    # What its owner calls

    @property
    def usable(self) -> bool:
        """Whether another message may be sent here."""
        return self._is_ready and not self.lost and self._session.may_begin

    @property
    def extensions(self) -> frozenset[str]:
        """What the other side offers."""
        return frozenset(self._session.extensions)

    @property
    def tls(self) -> bool:
        """Whether it is under TLS."""
        return self._session.tls

    def send(self, envelope: Envelope, body: IBody) -> Deferred[Sent]:
        """
        Send a message; only while `usable`.

        Raises:
            ValueError: An address may not go out.
        """
        self._session.begin(envelope, body.size_octets)
        self.sent += 1
        self._pieces = body.chunks()
        self._end = self._world.clock.monotonic() + self._timeouts.message_s
        sending = self._sending = Deferred[Sent]()
        self._touch()
        self._turn()
        return sending

    def ask(self, recipient: Recipient) -> Deferred[Sent]:
        """As `send`, without a message: whether it would be taken."""
        self._session.ask(recipient)
        self.sent += 1
        self._end = self._world.clock.monotonic() + self._timeouts.message_s
        sending = self._sending = Deferred[Sent]()
        self._touch()
        self._turn()
        return sending

    def close(self) -> Deferred[None]:
        """Say goodbye, and be gone soon whatever the other side does."""
        closing = Deferred[None]()
        if self.lost or self.transport is None:
            closing.callback(None)
            return closing
        self._closing = closing
        self._session.quit()
        self._touch()
        self._turn()
        return closing

    def abort(self, reason: str) -> None:
        """Break off, in the middle of a message too."""
        self._session.abort(reason)
        self._turn()

    # What Twisted calls

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._end = self._world.clock.monotonic() + self._timeouts.message_s
        self._touch()
        self._turn()

    def dataReceived(self, data: bytes) -> None:
        self._handshaking = False
        self._session.receive(data)
        # Whole lines only: a reply that drips in keeps nobody waiting.
        if b"\n" in data:
            self._touch()
        self._turn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._session.end_of_input()
        self._turn()
        # Whatever the engine thought of it, nobody is left waiting.
        why = Broken(f"connection lost: {reason.value}", True)
        self._over(why)
        if self._closing is not None:
            closing, self._closing = self._closing, None
            closing.callback(None)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._touch()
        self._turn()

    def stopProducing(self) -> None:
        self._paused = True

    # Inside

    def _turn(self) -> None:
        """Work off events, and give pieces while the other side reads."""
        if self._turning:
            return
        self._turning = True
        try:
            self._work()
        finally:
            self._turning = False
        if self._session.closing and not self.lost:
            self._let_go()

    def _work(self) -> None:
        while True:
            event = self._session.next_event()
            if event is not None:
                self._handle(event)
                continue
            self._flush()
            if not self._needed or self._paused or self.lost:
                return
            self._give_piece()

    def _handle(self, event: Any) -> None:
        if isinstance(event, NeedBody):
            self._needed = True
        elif isinstance(event, StartTls):
            self._flush()
            self._handshaking = True
            self._start_tls(self.transport)
            self._session.secured()
        elif isinstance(event, Ready):
            self._is_ready = True
            self.ready.callback(None)
        elif isinstance(event, Finished):
            self._done(Sent(event.results, None, self._has_dsn))
        elif isinstance(event, Broken):
            self._over(event)
        elif isinstance(event, Closed):
            self._over(Broken("the server closed the connection", True))

    def _give_piece(self) -> None:
        self._needed = False
        try:
            piece = next(self._pieces)
        except Exception as error:
            # The body is shorter than it said, or cannot be read: what has
            # gone out must not look like the whole message.
            self._session.abort(f"cannot read the message: {error!r}")
            return
        self._session.send_body(piece)
        self._touch()

    @property
    def _has_dsn(self) -> bool:
        return "DSN" in self._session.extensions

    def _done(self, sent: Sent) -> None:
        self._pieces, self._needed = iter(()), False
        if self._sending is not None:
            sending, self._sending = self._sending, None
            sending.callback(sent)

    def _over(self, broken: Broken) -> None:
        """The session is of no more use."""
        if not self._is_ready and not self.ready.called:
            self.ready.errback(SessionFailed(broken, self._handshaking))
        self._done(Sent(broken.results, broken, self._has_dsn))

    def _flush(self) -> None:
        octets = self._session.octets_to_send()
        if octets and not self.lost:
            self.transport.write(octets)  # type: ignore[union-attr]

    def _let_go(self) -> None:
        transport: Any = self.transport
        if transport is None:
            return
        transport.unregisterProducer()
        transport.loseConnection()

    # The clock

    def _patience_s(self) -> float | None:
        timeouts = self._timeouts
        match self._session.waiting_for:
            case "nothing":
                return None
            case "greeting":
                return timeouts.greeting_s
            case "data":
                return timeouts.data_s
            case "body":
                return timeouts.block_s
            case "end":
                return timeouts.end_s
            case "quit":
                return timeouts.quit_s
        return timeouts.command_s

    def _touch(self) -> None:
        """Something went on: the patience begins anew."""
        if self.lost:
            return
        now = self._world.clock.monotonic()
        self._deadline = now
        if self._timer is None:
            self._timer = self._world.clock.call_later(1.0, self._look)

    def _look(self) -> None:
        self._timer = None
        patience_s = self._patience_s()
        if patience_s is None or self.lost:
            return
        now = self._world.clock.monotonic()
        left_s = min(self._deadline + patience_s, self._end) - now
        if self._session.waiting_for == "quit":
            left_s = self._deadline + patience_s - now
        if left_s > 0.001:
            self._timer = self._world.clock.call_later(left_s, self._look)
            return
        self._session.abort(f"timed out: {self._session.waiting_for}")
        self._turn()
        if not self.lost:
            self.transport.abortConnection()  # type: ignore[union-attr]
