"""What every listener's connection does."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import StoreUnavailable
from imailpy.listeners.connection import CLOSING_S, Connection
from tests.support.imap import Transport
from tests.support.world import TestWorld


class Lines:
    """An engine whose events are lines, and whose answers are octets."""

    def __init__(self) -> None:
        self.closing = False
        self.received = b""
        self.said = b""

    def receive(self, octets: bytes) -> None:
        self.received += octets

    def end_of_input(self) -> None:
        self.closing = True

    def next_event(self) -> bytes | None:
        line, found, rest = self.received.partition(b"\n")
        if not found or self.closing:
            return None
        self.received = rest
        return line

    def octets_to_send(self) -> bytes:
        said, self.said = self.said, b""
        return said

    def want_input(self) -> bool:
        return len(self.received) < 100


class Echo(Connection):
    """Answers each line when it is let."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.engine: Any = Lines()
        self.waiting: list[Deferred[bytes]] = []
        self.failures: list[Failure] = []
        self.timeouts = 0

    async def handle(self, event: bytes) -> None:
        if event == b"bye":
            self.engine.closing = True
            return
        if event == b"wait":
            later: Deferred[bytes] = Deferred()
            self.waiting.append(later)
            try:
                event = await later
            except StoreUnavailable:
                event = b"unavailable"
        self.engine.said += event + b"\n"

    def unexpected(self, failure: Failure) -> None:
        self.failures.append(failure)

    def timed_out(self) -> None:
        self.timeouts += 1


class Plain(Echo):
    """Answers each line at once, without a coroutine."""

    def handle(self, event: bytes) -> Any:
        if event == b"bug":
            raise RuntimeError("a bug")
        self.engine.said += event + b"\n"


class ConnectionTests(SynchronousTestCase):
    """One connection over an engine of lines."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.transport = Transport()
        self.echo = Echo(self.world)
        self.echo.makeConnection(self.transport)

    def test_answers_keep_their_order(self) -> None:
        """What is pipelined behind a slow command waits for it."""
        self.echo.dataReceived(b"a\nwait\nb\n")
        self.assertEqual(self.transport.value(), b"a\n")
        self.echo.waiting[0].callback(b"done")
        self.assertEqual(self.transport.value(), b"a\ndone\nb\n")

    def test_late_failure_reaches_its_handler(self) -> None:
        """A handler can catch what fails while it waits."""
        self.echo.dataReceived(b"wait\nb\n")
        self.echo.waiting[0].errback(Failure(StoreUnavailable("down")))
        self.assertEqual(self.transport.value(), b"unavailable\nb\n")
        self.assertEqual(self.echo.failures, [])

    def test_plain_bug_is_told_and_the_next_command_works(self) -> None:
        """A bug of what never waits is caught in the same place."""
        plain = Plain(self.world)
        transport = Transport()
        plain.makeConnection(transport)
        plain.dataReceived(b"a\nbug\nb\n")
        self.assertEqual(transport.value(), b"a\nb\n")
        self.assertEqual(len(plain.failures), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_late_bug_is_told_and_the_next_command_works(self) -> None:
        """A bug while a handler waits is caught in one place."""
        self.echo.dataReceived(b"wait\nb\n")
        self.echo.waiting[0].errback(Failure(RuntimeError("a bug")))
        self.assertEqual(self.transport.value(), b"b\n")
        self.assertEqual(len(self.echo.failures), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_who_does_not_read_is_not_answered(self) -> None:
        """Once the peer reads no more, its commands wait with it."""
        self.transport.room = 3
        self.echo.dataReceived(b"a\nb\nc\n" * 3)
        first = len(self.transport.value())
        self.echo.dataReceived(b"d\n" * 60)
        self.world.advance(0)
        self.assertEqual(len(self.transport.value()), first)
        self.assertEqual(self.transport.producerState, "paused")
        self.transport.read()
        self.world.advance(0)
        self.assertEqual(self.transport.value(), b"d\n" * 60)
        self.assertEqual(self.transport.producerState, "producing")

    def test_long_input_gives_others_a_turn(self) -> None:
        """After some events the reactor has its turn."""
        self.echo.dataReceived(b"a\n" * 200)
        self.assertEqual(len(self.transport.value()), 256)
        self.world.advance(0)
        self.assertEqual(len(self.transport.value()), 400)

    def test_timeout_counts_from_the_last_octet(self) -> None:
        """Only who is silent for so long is timed out."""
        self.echo.set_timeout(10)
        self.world.advance(9)
        self.echo.dataReceived(b"a\n")
        self.world.advance(9)
        self.assertEqual(self.echo.timeouts, 0)
        self.world.advance(2)
        self.assertEqual(self.echo.timeouts, 1)

    def test_closing_reads_on_and_is_cut_in_the_end(self) -> None:
        """A closing connection reads on; one that lingers is cut."""
        self.echo.dataReceived(b"bye\n" + b"x" * 200)
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.transport.producerState, "producing")
        self.assertFalse(self.transport.disconnected)
        self.world.advance(CLOSING_S + 1)
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.echo.timeouts, 0)

    def test_half_closed_peer_is_answered(self) -> None:
        """Who sends no more may still listen: it gets all its answers."""
        self.echo.dataReceived(b"a\nwait\nb\n")
        self.echo.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        self.echo.waiting[0].callback(b"done")
        self.assertEqual(self.transport.value(), b"a\ndone\nb\n")
        self.assertTrue(self.transport.disconnecting)

    def test_half_closed_idler_is_let_go(self) -> None:
        """Who has asked for nothing and sends no more is let go at once."""
        self.echo.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)

    def test_lost_while_waiting(self) -> None:
        """What is found out for a lost connection hurts nobody."""
        self.echo.dataReceived(b"wait\n")
        self.echo.connectionLost()
        self.echo.waiting[0].callback(b"late")
        self.assertEqual(self.transport.value(), b"")
        self.assertEqual(self.echo.failures, [])
