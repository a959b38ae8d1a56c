"""The real network on loopback."""

from __future__ import annotations

import errno
import socket
from unittest import mock

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from imailpy.world.real_network import EagerPort, RealNetwork, unmapped


class Named(Factory):
    """Tells every client whom it sees."""

    noisy = False

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def buildProtocol(self, addr):
        self.addresses.append(addr.host)

        class Teller(Protocol):
            def connectionMade(self) -> None:
                ends = self.transport.getPeer(), self.transport.getHost()
                self.transport.write(
                    " ".join(
                        f"{e.host} {type(e).__name__}" for e in ends
                    ).encode()
                )
                self.transport.loseConnection()

        return Teller()


class EverywhereTests(TestCase):
    """A listener without an address."""

    def ask(self, host: str, port: int):
        """What a client of a listening port is told."""
        from twisted.internet.threads import deferToThread

        def talk() -> str:
            with socket.create_connection((host, port), 10) as stream:
                return stream.recv(1000).decode()

        return deferToThread(talk)

    async def test_both_families(self) -> None:
        """IPv4 and IPv6 clients reach it, each under its own address."""
        from twisted.internet import reactor

        factory = Named()
        port = RealNetwork(reactor).listen("", 0, factory)
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        four = await self.ask("127.0.0.1", number)
        self.assertEqual(four, "127.0.0.1 IPv4Address 127.0.0.1 IPv4Address")
        if port.addressFamily == socket.AF_INET6:
            six = await self.ask("::1", number)
            self.assertEqual(six, "::1 IPv6Address ::1 IPv6Address")
            self.assertEqual(factory.addresses, ["127.0.0.1", "::1"])

    async def test_ipv6_alone(self) -> None:
        """A listener on :: leaves IPv4 to another one."""
        from twisted.internet import reactor

        network = RealNetwork(reactor)
        try:
            six = network.listen("::", 0, Named())
        except CannotListenError as error:
            self.skipTest(f"no IPv6: {error}")
        self.addCleanup(six.stopListening)
        number = six.getHost().port
        four = network.listen("0.0.0.0", number, Named())
        self.addCleanup(four.stopListening)
        told = await self.ask("127.0.0.1", number)
        self.assertEqual(told, "127.0.0.1 IPv4Address 127.0.0.1 IPv4Address")


class FallBackTests(SynchronousTestCase):
    """A machine that knows IPv4 alone, and a port that is taken."""

    def listen(self, number: int) -> list[str]:
        """The addresses that are tried when IPv6 fails with an error."""
        tried: list[str] = []

        def start(port) -> None:
            tried.append(port.interface)
            if port.interface == "::":
                raise CannotListenError("::", 25, OSError(number, "no"))

        with mock.patch.object(EagerPort, "startListening", start):
            try:
                RealNetwork(None).listen("", 25, Named())
            except CannotListenError:
                tried.append("failed")
        return tried

    def test_no_ipv6(self) -> None:
        """Without IPv6 the server listens on all IPv4 addresses."""
        self.assertEqual(self.listen(errno.EAFNOSUPPORT), ["::", "0.0.0.0"])

    def test_taken(self) -> None:
        """A taken port is an error, not half a listener."""
        self.assertEqual(self.listen(errno.EADDRINUSE), ["::", "failed"])

    def test_unmapped(self) -> None:
        """Only mapped addresses are rewritten."""
        for given, want in (
            (("::ffff:192.0.2.1", 5, 0, 0), ("192.0.2.1", 5)),
            (("::1", 5, 0, 0), ("::1", 5, 0, 0)),
            (("192.0.2.1", 5), ("192.0.2.1", 5)),
            (("fe80::1%lo", 5, 0, 1), ("fe80::1%lo", 5, 0, 1)),
        ):
            self.assertEqual(unmapped(given), want)
