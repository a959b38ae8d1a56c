"""
A network in memory: latency, cuts at any octet, refusals, resets.

Transports behave as Twisted's do, producers and consumers included. TLS is
said, not done: `startTLS` and `tls=` mark both ends as secure, so that the
octets, and with them the trace, obey the seed.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import (
    CannotListenError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IConsumer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.interfaces.world import INetwork
from imailpy.world.simulated.agenda import Agenda

# Octets under way before a producer is asked to pause.
HIGH_WATER = 65536


def _address(address: str, port: int) -> IPv4Address | IPv6Address:
    kind = IPv6Address if ":" in address else IPv4Address
    return kind("TCP", address, port)


@implementer(ITransport, IConsumer)
class SimulatedTransport:
    """One end of a connection."""

    disconnecting = False
    disconnected = False

    def __init__(
        self,
        network: SimulatedNetwork,
        host: tuple[str, int],
        peer: tuple[str, int],
        secure: bool,
    ) -> None:
        self._network = network
        self._host = _address(*host)
        self._peer = _address(*peer)
        self.TLS = secure
        self.protocol: Any = None
        self.other: SimulatedTransport | None = None
        self._sent = bytearray()
        self._reading = True
        self._moving = False
        self._producer: Any = None
        self._streaming = False
        self._producer_paused = False
        self._shaking = False
        self._shaken = False

    # What Twisted's transports have

    def write(self, data: bytes) -> None:
        """Put octets under way."""
        if self.disconnected or self.disconnecting:
            return
        self._sent += data
        self._move()
        if (
            len(self._sent) > HIGH_WATER
            and self._producer is not None
            and not self._producer_paused
        ):
            self._producer_paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Put octets under way."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything is sent."""
        if not self.disconnecting and not self.disconnected:
            self.disconnecting = True
            self._move()

    def abortConnection(self) -> None:
        """Close now; what is under way is lost."""
        if not self.disconnected:
            self._sent.clear()
            self.lost(ConnectionLost())
            if self.other is not None:
                self._network.soon(self.other.lost, ConnectionLost())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Tell `producer` when to pause."""
        self._producer = producer
        self._streaming = streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """No longer."""
        self._producer = None
        self._producer_paused = False

    def pauseProducing(self) -> None:
        """Do not read."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Read again."""
        if not self._reading:
            self._reading = True
            if self.other is not None:
                self.other._move()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def startTLS(self, contextFactory: Any, normal: bool = True) -> bool:
        """Say that it is secure from here on."""
        self.TLS = True
        if self.other is not None and self.other.TLS:
            self._shake()
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """There is nothing to keep alive."""

    def getHost(self) -> Any:
        """Our address."""
        return self._host

    def getPeer(self) -> Any:
        """Theirs."""
        return self._peer

    def getHandle(self) -> Any:
        """What TLS came to."""
        return _Handle()

    # How octets travel

    def secured(self) -> None:
        """TLS is on at both ends: tell the protocol, once."""
        if self._shaken or self.disconnected:
            return
        self._shaken = True
        told = getattr(self.protocol, "handshakeCompleted", None)
        if told is not None:
            told()

    def _shake(self) -> None:
        """Both ends want TLS: before any further octet they have it."""
        for end in (self, self.other):
            if end is not None:
                end._shaking = True
                end.network().soon(end.secured)

    def _move(self) -> None:
        if not self._moving and not self.disconnected:
            self._moving = True
            self._network.soon(self._arrive)

    def _arrive(self) -> None:
        """Hand some of what is under way to the other end."""
        self._moving = False
        other = self.other
        if self.disconnected or other is None:
            return
        if other.disconnected or not other.network_alive():
            self.lost(ConnectionLost())
            return
        if self._sent and not other._reading:
            return
        if self._sent:
            cut = self._network.cut(len(self._sent))
            octets = bytes(self._sent[:cut])
            del self._sent[:cut]
            self._network.note(f"octets {cut} {hash_of(octets)}")
            other.network().run(other.receive, octets)
            if self._network.breaks():
                self._break(other)
                return
        if self._sent:
            self._move()
        elif self.disconnecting:
            other.network().run(other.lost, ConnectionDone())
            self.lost(ConnectionDone())
        self._refill()

    def _break(self, other: SimulatedTransport) -> None:
        """The line is cut; both ends learn it, each in its time."""
        self._network.note("cut")
        for end in (self, other):
            end._sent.clear()
            end.network().soon(end.lost, ConnectionLost())

    def _refill(self) -> None:
        if (
            self._producer is not None
            and self._producer_paused
            and len(self._sent) <= HIGH_WATER // 2
        ):
            self._producer_paused = False
            self._producer.resumeProducing()

    def receive(self, octets: bytes) -> None:
        """Octets have arrived."""
        if self._shaking:
            self.secured()
        if not self.disconnected and self.protocol is not None:
            self.protocol.dataReceived(octets)

    def lost(self, why: Exception) -> None:
        """The connection is gone."""
        if not self.disconnected:
            self.disconnected = True
            self._network.open.pop(self, None)
            if self.protocol is not None and self.network_alive():
                self.protocol.connectionLost(Failure(why))

    def network(self) -> SimulatedNetwork:
        """The network of this end's process."""
        return self._network

    def network_alive(self) -> bool:
        """Whether this end's process lives."""
        return bool(self._network.process.alive)


def hash_of(octets: bytes) -> int:
    """A short name for octets in the trace."""
    return zlib.crc32(octets)


class _Handle:
    """Of a TLS that is said, not done."""

    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"

    def get_cipher_name(self) -> str:
        return "SIMULATED"


class _Port:
    """A listening port."""

    def __init__(
        self, network: SimulatedNetwork, key: tuple[str, int], factory: Any
    ) -> None:
        self.network = network
        self.key = key
        self.factory = factory
        self.tls = False

    def getHost(self) -> Any:
        """Where it listens."""
        return _address(*self.key)

    def stopListening(self) -> Deferred[None]:
        """No longer."""
        self.network.ports.pop(self.key, None)
        return succeed(None)


class Cable:
    """
    What connects all machines: listening ports by address and port.

    Attributes:
        refuse: Asked with (from, to, port): whether nobody answers there.
        break_chance: That a connection is cut behind octets that arrive.
    """

    def __init__(self, agenda: Agenda, seed: int) -> None:
        self.agenda = agenda
        self.ports: dict[tuple[str, int], _Port] = {}
        self.random = random.Random(f"network {seed}")
        self.refuse: Callable[[str, str, int], bool] = lambda *_: False
        self.latency_s = (0.0001, 0.02)
        self.break_chance = 0.0

    def find(self, process: Any, address: str, port: int) -> _Port | None:
        """Who listens there, as seen from a machine."""
        for key in ((address, port), (f"{process.name}!{address}", port)):
            found = self.ports.get(key)
            if found is not None and found.network.process.alive:
                return found
        return None


@implementer(INetwork)
class SimulatedNetwork:
    """One process's view of the cable."""

    def __init__(self, cable: Cable, process: Any, address: str) -> None:
        self._cable = cable
        self.process = process
        self._address = address
        self._next_port = 40000
        # In the order of their making: a set would have none.
        self.open: dict[SimulatedTransport, None] = {}

    @property
    def ports(self) -> dict[tuple[str, int], _Port]:
        """Everybody's listening ports."""
        return self._cable.ports

    def note(self, what: str) -> None:
        """Put something into the trace."""
        self._cable.agenda.note(f"{self.process.name} {what}")

    def soon(self, function: Callable[..., object], *a: Any) -> None:
        """Call at a moment that the seed chooses."""
        delay_s = self._cable.random.uniform(*self._cable.latency_s)
        self._cable.agenda.at(delay_s, self.process, function, *a)

    def run(self, function: Callable[..., object], *a: Any) -> None:
        """Call for this process, if it lives."""
        if self.process.alive:
            function(*a)

    def breaks(self) -> bool:
        """Whether the connection is cut here."""
        chance = self._cable.break_chance
        return chance > 0 and self._cable.random.random() < chance

    def cut(self, size_octets: int) -> int:
        """How many octets arrive in one piece."""
        if self._cable.random.random() < 0.5:
            return min(size_octets, 65536)
        return self._cable.random.randint(1, min(size_octets, 65536))

    def _key(self, address: str, port: int) -> tuple[str, int]:
        if address in ("", "0.0.0.0", "::"):  # noqa: S104
            return self._address, port
        if address.startswith("127.") or address == "::1":
            return f"{self.process.name}!{address}", port
        return address, port

    def listen(
        self, address: str, port: int, factory: Any, *, tls: Any = None
    ) -> Any:
        if port == 0:
            self._next_port += 1
            port = self._next_port
        key = self._key(address, port)
        there = self.ports.get(key)
        if there is not None and there.network.process.alive:
            raise CannotListenError(address, port, OSError("in use"))
        made = _Port(self, key, factory)
        made.tls = tls is not None
        self.ports[key] = made
        factory.doStart()
        return made

    def listen_unix(
        self, path: str, factory: Any, *, mode: int = 0o600
    ) -> Any:
        return self.listen(f"{self.process.name}!{path}", 1, factory)

    def connect(
        self,
        address: str,
        port: int,
        factory: Any,
        *,
        timeout_s: float = 30.0,
        bind_address: str | None = None,
        tls: Any = None,
    ) -> Deferred[Any]:
        connected: Deferred[Any] = Deferred()
        self._next_port += 1
        here = (bind_address or self._address, self._next_port)
        self.soon(
            self._connect, (address, port), here, factory, tls, connected
        )
        return connected

    def _connect(
        self,
        there: tuple[str, int],
        here: tuple[str, int],
        factory: Any,
        tls: Any,
        connected: Deferred[Any],
    ) -> None:
        port = self._cable.find(self.process, *there)
        if port is None or self._cable.refuse(self._address, *there):
            self.note(f"refused {there}")
            connected.errback(Failure(ConnectionRefusedError()))
            return
        self.note(f"connected {there}")
        ours = SimulatedTransport(self, here, there, tls is not None)
        theirs = SimulatedTransport(port.network, there, here, port.tls)
        ours.other, theirs.other = theirs, ours
        server = port.factory.buildProtocol(_address(*here))
        if server is None:
            connected.errback(Failure(ConnectionRefusedError()))
            return
        client = factory.buildProtocol(_address(*there))
        self.open[ours] = None
        port.network.open[theirs] = None
        ours.protocol, theirs.protocol = client, server
        port.network.run(server.makeConnection, theirs)
        client.makeConnection(ours)
        if ours.TLS and theirs.TLS:
            ours._shake()
        connected.callback(client)

    def datagram(self, protocol: Any, address: str = "0.0.0.0") -> Any:  # noqa: S104
        raise OSError("the simulated network carries streams only")

    def cut_all(self) -> None:
        """The process is gone: its peers see a reset."""
        for transport in self.open:
            transport.disconnected = True
            other = transport.other
            if other is not None and other.network_alive():
                other.network().soon(other.lost, ConnectionLost())
        self.open.clear()
