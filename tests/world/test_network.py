"""Ports of this machine when descriptors run short."""

import os
import resource
import socket

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from imailpy.world import real_network
from imailpy.world.real_network import (
    ACCEPTS_A_TURN,
    RESERVE,
    EagerPort,
)


class Reactor(Clock):
    """A reactor that does nothing of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set = set()

    def addReader(self, reader) -> None:
        self.readers.add(reader)

    def removeReader(self, reader) -> None:
        self.readers.discard(reader)

    removeWriter = removeReader


class Kept(Protocol):
    """A server that keeps what it has."""

    def connectionMade(self) -> None:
        self.factory.all.append(self)


class ReserveTests(SynchronousTestCase):
    """SECURITY.md B13.2."""

    def setUp(self) -> None:
        EagerPort.told_at = None
        self.reactor = Reactor()
        self.factory = Factory.forProtocol(Kept)
        self.factory.all = []
        self.port = EagerPort(0, self.factory, 511, "127.0.0.1", self.reactor)
        self.port.startListening()
        self.addCleanup(self.close)
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        self.clients = [
            socket.create_connection(("127.0.0.1", self.port.getHost().port))
            for _ in range(8)
        ]
        for client in self.clients:
            self.addCleanup(client.close)

    def note(self, event) -> None:
        if "run short" in (event.get("log_format") or ""):
            self.lines.append(event["log_format"])

    def limit(self, more: int) -> None:
        """Leave so many descriptors besides the reserve."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (lowest + RESERVE + more, before[1])
        )

    def close(self) -> None:
        if self.port.connected:
            self.port.connectionLost(Failure(ConnectionDone()))

    def drop(self) -> None:
        for protocol in self.factory.all:
            protocol.transport.connectionLost(Failure(ConnectionDone()))
        self.factory.all.clear()

    def test_B13_2_reserve(self) -> None:
        """The last 64 descriptors are not given to clients; who is not let
        in waits, and comes in when somebody has left."""
        self.limit(3)
        self.addCleanup(self.drop)
        self.port.doRead()
        self.assertEqual(len(self.factory.all), 3)
        self.assertIn(self.port, self.reactor.readers)
        self.port.doRead()
        self.assertEqual(len(self.factory.all), 3)
        self.assertNotIn(self.port, self.reactor.readers)
        # The store still gets its files.
        files = [os.dup(0) for _ in range(RESERVE - 2)]
        for file in files:
            os.close(file)
        self.drop()
        self.reactor.advance(1.0)
        self.assertIn(self.port, self.reactor.readers)
        self.port.doRead()
        self.assertEqual(len(self.factory.all), 3)

    def test_B13_2_one_line_a_second(self) -> None:
        """However many come, the log has one line a second at most."""
        self.patch(real_network, "descriptors_left", lambda _: 0)
        for _ in range(100):
            self.port.doRead()
            self.port._held.cancel()
        self.assertEqual(len(self.lines), 1)
        self.port.doRead()
        self.reactor.advance(1.0)
        self.port.doRead()
        self.assertEqual(len(self.lines), 2)

    def test_B13_2_closed_while_it_holds(self) -> None:
        """A port that is closed meanwhile stays closed."""
        self.patch(real_network, "descriptors_left", lambda _: 0)
        self.port.doRead()
        self.port.stopListening()
        self.reactor.advance(0.0)
        self.assertIsNone(self.port._held)
        self.reactor.advance(2.0)
        self.assertNotIn(self.port, self.reactor.readers)

    def test_B13_2_a_few_a_turn(self) -> None:
        """In a flood those who are in get their turn between the others,
        however many wait and however often."""
        self.addCleanup(self.drop)
        port = self.port.getHost().port
        for _ in range(3 * ACCEPTS_A_TURN):
            client = socket.create_connection(("127.0.0.1", port))
            self.addCleanup(client.close)
        for turn in range(1, 4):
            self.port.doRead()
            self.assertEqual(len(self.factory.all), turn * ACCEPTS_A_TURN)
