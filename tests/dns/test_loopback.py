"""The stub resolver over real sockets, on loopback."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.trial.unittest import TestCase

from imailpy.dns.settings import DnsSettings, Server
from imailpy.dns.stub import Resolver
from imailpy.errors import LookupFailed
from imailpy.world.real import RealWorld
from tests.dns.server import ScriptedServer
from tests.support.settings import Fixed


class _Udp(DatagramProtocol):
    """Hands datagrams to a scripted server."""

    def __init__(self, receive: Any) -> None:
        self.receive = receive

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        def reply(octets: bytes, sender: Any, delay_s: float = 0.0) -> None:
            self.transport.write(octets, addr)  # type: ignore[union-attr]

        self.receive(datagram, reply)


class LoopbackTests(TestCase):
    """Datagrams and streams as they are."""

    timeout = 10

    def setUp(self) -> None:
        net: Any = reactor
        made: dict[str, Any] = {"udp": {}}

        def listen(address: str, port: int, factory: Factory) -> None:
            made["tcp"] = factory

        world: Any = SimpleNamespace(
            network=SimpleNamespace(udp=made["udp"], listen=listen)
        )
        self.server = ScriptedServer(world, "127.0.0.1")
        tcp = net.listenTCP(0, made["tcp"], interface="127.0.0.1")
        self.addCleanup(tcp.stopListening)
        self.port = tcp.getHost().port
        (receive,) = made["udp"].values()
        udp = net.listenUDP(self.port, _Udp(receive), interface="127.0.0.1")
        self.addCleanup(udp.stopListening)

    def resolver(self, port: int) -> Resolver:
        settings = DnsSettings(
            servers=(Server("127.0.0.1", port),), timeout_s=0.2, rounds=1
        )
        return Resolver(RealWorld(reactor, "mx.test"), Fixed(settings))

    async def test_datagram_and_stream(self) -> None:
        """Small answers come by datagram, large ones by a stream."""
        self.server.add("a.test", 60, "A", "192.0.2.1")
        many = [f"{n} m{n}.example.test." for n in range(300)]
        self.server.add("many.test", 60, "MX", *many)
        resolver = self.resolver(self.port)
        self.assertEqual(await resolver.addresses("a.test"), ["192.0.2.1"])
        self.assertEqual(len(await resolver.mx("many.test") or ()), 300)
        self.assertEqual(self.server.over_tcp, 1)
        self.assertIsNone(await resolver.mx("nowhere.test"))

    async def test_nobody_there(self) -> None:
        """A server that is not there is trouble, and soon over."""
        with self.assertRaises(LookupFailed):
            await self.resolver(1).mx("a.test")
