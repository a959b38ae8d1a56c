"""How long the reactor was held."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from imailpy.world.real_loop import LoopWatch
from imailpy.world.real_network import RealNetwork


class Reactor:
    """Holds itself as long as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def _doReadOrWrite(self, seconds: float, *_: Any) -> str:
        self.now += seconds
        return "done"

    def runUntilCurrent(self) -> None:
        self.now += 0.25
        raise ValueError("planted")


class LoopWatchTests(SynchronousTestCase):
    """The longest callback is a figure."""

    def test_longest(self) -> None:
        """It is the longest so far, failed or not."""
        reactor = Reactor()
        watch = LoopWatch(reactor, lambda: reactor.now)
        self.assertEqual(watch.longest_s, 0.0)
        self.assertEqual(reactor._doReadOrWrite(0.125, "fd"), "done")
        self.assertEqual(watch.longest_s, 0.125)
        self.assertRaises(ValueError, reactor.runUntilCurrent)
        self.assertEqual(watch.longest_s, 0.25)
        reactor._doReadOrWrite(0.125)
        self.assertEqual(watch.longest_s, 0.25)

    def test_another_reactor(self) -> None:
        """One that is made otherwise goes unwatched."""
        self.assertEqual(LoopWatch(object()).longest_s, 0.0)


class Echo(Protocol):
    """Says what it hears; `fail` makes it fail."""

    lost: Any = None

    def dataReceived(self, data: bytes) -> None:
        if data == b"fail":
            raise ValueError("planted")
        self.transport.write(data)  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason.value


class TurnTests(SynchronousTestCase):
    """The short way to a connection leads where Twisted's does."""

    def setUp(self) -> None:
        self.reactor = EPollReactor()  # type: ignore[no-untyped-call]
        self.addCleanup(self.put_away)
        self.watch = LoopWatch(self.reactor)
        self.echo = Echo()
        factory = Factory.forProtocol(lambda: self.echo)
        network = RealNetwork(self.reactor)
        self.port = network.listen("127.0.0.1", 0, factory)
        self.client = socket.create_connection(
            ("127.0.0.1", self.port.getHost().port), 5.0
        )
        self.addCleanup(self.client.close)
        self.turns(lambda: bool(self.echo.connected))

    def put_away(self) -> None:
        for each in self.reactor.removeAll():
            each.connectionLost(Failure(ConnectionDone()))
        self.reactor._poller.close()

    def turns(self, enough: Callable[[], bool]) -> None:
        """Let the reactor work until it is enough."""
        for _ in range(100):
            if enough():
                return
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0.05)
        self.fail("it never came to that")

    def test_read(self) -> None:
        """What comes is read and answered, and the time is kept."""
        self.client.sendall(b"hello")
        self.client.setblocking(False)
        heard = b""

        def answered() -> bool:
            nonlocal heard
            with contextlib.suppress(BlockingIOError):
                heard += self.client.recv(10)
            return heard == b"hello"

        self.turns(answered)
        self.assertGreater(self.watch.longest_s, 0.0)

    def test_end(self) -> None:
        """The peer's end is the connection's end."""
        self.client.close()
        self.turns(lambda: self.echo.lost is not None)
        self.assertIsInstance(self.echo.lost, ConnectionDone)

    def test_failure(self) -> None:
        """A failure is logged and ends that connection only."""
        self.client.sendall(b"fail")
        self.turns(lambda: self.echo.lost is not None)
        self.assertIsInstance(self.echo.lost, ValueError)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
