"""
A machine in memory whose clock moves only when a test says so.

    world = StillWorld()
    world.network.listen("192.0.2.1", 25, factory)
    ...
    world.run(30.0)       # thirty seconds pass, everything due happens

Streams join two protocols in one thread, in pieces of `piece` octets, with
Twisted's flow control; `network.silent` swallows connections, and a port
nobody listens at refuses them. Datagrams go to `network.udp[address, port]`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.interfaces.world import IClock, INetwork, IRandom, IWorld
from imailpy.world.simulated.processes import (
    InlineProcesses,
    InlineWatchdog,
)

START = 1_800_000_000.0


class _Call:
    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()

    def active(self) -> bool:
        return bool(self._call.active())


@implementer(IClock)
class StillClock:
    """Twisted's test clock behind our door."""

    def __init__(self) -> None:
        self.twisted = Clock()

    def now(self) -> float:
        return START + self.twisted.seconds()

    def monotonic(self) -> float:
        return float(self.twisted.seconds())

    def call_later(
        self, delay_s: float, function: Callable[..., object], *a: Any
    ) -> _Call:
        return _Call(self.twisted.callLater(delay_s, function, *a))


@implementer(IRandom)
class SeededRandom:
    """The same numbers every time."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._tokens = 0

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def token(self) -> str:
        self._tokens += 1
        return f"token{self._tokens:04d}"

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)


class MemoryTransport:
    """One end of a stream."""

    def __init__(
        self, network: MemoryNetwork, host: Any, peer: Any, tls: Any
    ) -> None:
        self.network = network
        self.host, self.peer = host, peer
        self.tls = tls
        self.protocol: Any = None
        self.other: MemoryTransport
        self.inbox: list[tuple[bool, bytes]] = []
        self.paused = False
        self.closing = self.closed = False
        self.producer: Any = None
        self.streaming = False
        self.producer_paused = False
        self._asked = False

    # What a protocol calls

    def write(self, octets: bytes) -> None:
        if self.closing or self.closed or not octets:
            return
        self.other.inbox.append((self.tls is not None, bytes(octets)))
        self.other.ask()
        waiting = sum(len(piece) for _, piece in self.other.inbox)
        full = waiting > self.network.window_octets
        if full and self.streaming and not self.producer_paused:
            self.producer_paused = True
            self.producer.pauseProducing()

    def writeSequence(self, pieces: Sequence[bytes]) -> None:
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        if not self.closing and not self.closed:
            self.closing = True
            self.other.ask()
            self.ask()

    def abortConnection(self) -> None:
        self._end(Failure(error.ConnectionAborted()))
        self.other._end_soon(Failure(error.ConnectionLost()))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.producer is not None:
            raise RuntimeError("there is a producer already")
        self.producer, self.streaming = producer, streaming
        self.producer_paused = False
        if self.closed:
            producer.stopProducing()
        elif not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer, self.streaming = None, False
        self.ask()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        if self.paused:
            self.paused = False
            self.ask()

    def stopProducing(self) -> None:
        self.loseConnection()

    def startTLS(self, context_factory: Any) -> None:
        self.tls = context_factory

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getPeer(self) -> Any:
        return self.peer

    def getHost(self) -> Any:
        return self.host

    # How octets move

    def ask(self) -> None:
        if not self._asked:
            self._asked = True
            self.network.clock.call_later(self.network.latency_s, self._turn)

    def _turn(self) -> None:
        self._asked = False
        if self.closed:
            return
        if self.inbox and not self.paused and self.protocol is not None:
            secured, octets = self.inbox[0]
            if secured != (self.tls is not None) or (
                secured and self.network.tls_broken
            ):
                self.abortConnection()
                return
            piece = self.network.piece
            if len(octets) > piece:
                self.inbox[0] = (secured, octets[piece:])
                octets = octets[:piece]
            else:
                self.inbox.pop(0)
            self.protocol.dataReceived(octets)
            self.other._drained()
        if self.inbox and not self.paused:
            self.ask()
        elif not self.inbox and self.other.closing:
            self._end(Failure(error.ConnectionDone()))
        if self.closing and self.producer is None and not self.other.inbox:
            self._end(Failure(error.ConnectionDone()))
            self.other.ask()

    def _drained(self) -> None:
        if self.closed or self.producer is None:
            return
        waiting = sum(len(piece) for _, piece in self.other.inbox)
        if waiting <= self.network.window_octets // 2:
            if not self.streaming:
                self.producer.resumeProducing()
            elif self.producer_paused:
                self.producer_paused = False
                self.producer.resumeProducing()

    def _end_soon(self, reason: Failure) -> None:
        self.network.clock.call_later(0, self._end, reason)

    def _end(self, reason: Failure) -> None:
        if self.closed:
            return
        self.closed = True
        if self.producer is not None:
            self.producer.stopProducing()
        self.protocol.connectionLost(reason)


class _Listening:
    def __init__(self, network: MemoryNetwork, host: Any) -> None:
        self.network, self.host = network, host

    def getHost(self) -> Any:
        return self.host

    def stopListening(self) -> Any:
        self.network.listeners.pop((self.host.host, self.host.port), None)
        return succeed(None)


class _Datagrams:
    def __init__(
        self, network: MemoryNetwork, protocol: Any, host: Any
    ) -> None:
        self.network, self.protocol, self.host = network, protocol, host
        self.open = True
        protocol.makeConnection(self)

    def getHost(self) -> Any:
        return self.host

    def write(self, octets: bytes, to: tuple[str, int]) -> None:
        server = self.network.udp.get(to)
        self.network.datagrams.append((self.host.port, to, octets))
        if server is not None:
            self.network.clock.call_later(0, server, octets, self.reply)

    def reply(
        self, octets: bytes, sender: tuple[str, int], delay_s: float = 0.0
    ) -> None:
        self.network.clock.call_later(delay_s, self._arrive, octets, sender)

    def _arrive(self, octets: bytes, sender: tuple[str, int]) -> None:
        if self.open:
            self.protocol.datagramReceived(octets, sender)

    def stopListening(self) -> Any:
        self.open = False
        return succeed(None)


@implementer(INetwork)
class MemoryNetwork:
    """Everything that can be reached, in one process."""

    def __init__(self, clock: StillClock) -> None:
        self.clock = clock
        self.listeners: dict[tuple[str, int], tuple[Any, Any]] = {}
        self.udp: dict[tuple[str, int], Callable[..., object]] = {}
        self.silent: set[str] = set()
        self.connections: list[tuple[str, int]] = []
        self.datagrams: list[tuple[int, tuple[str, int], bytes]] = []
        self.piece = 65536
        self.window_octets = 65536
        self.latency_s = 0.0
        self.tls_broken = False
        self._next_port = 40000

    def listen(
        self, address: str, port: int, factory: Any, *, tls: Any = None
    ) -> Any:
        port = port or self._port()
        if (address, port) in self.listeners:
            raise error.CannotListenError(address, port, OSError("in use"))
        self.listeners[address, port] = (factory, tls)
        factory.doStart()
        return _Listening(self, _address(address, port))

    def listen_unix(
        self, path: str, factory: Any, *, mode: int = 0o600
    ) -> Any:
        return self.listen(path, 0, factory)

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
        self.connections.append((address, port))
        connected: Deferred[Any] = Deferred()
        if address in self.silent:
            self.clock.call_later(
                timeout_s, connected.errback, error.TimeoutError()
            )
            return connected
        if (address, port) not in self.listeners:
            return fail(error.ConnectionRefusedError())
        server_factory, server_tls = self.listeners[address, port]
        here = _address(bind_address or "192.0.2.77", self._port())
        there = _address(address, port)
        server = MemoryTransport(self, there, here, server_tls)
        client = MemoryTransport(self, here, there, tls)
        server.other, client.other = client, server
        server.protocol = server_factory.buildProtocol(here)
        client.protocol = factory.buildProtocol(there)

        def join() -> None:
            server.protocol.makeConnection(server)
            client.protocol.makeConnection(client)
            connected.callback(client.protocol)

        self.clock.call_later(0, join)
        return connected

    def datagram(self, protocol: Any, address: str = "0.0.0.0") -> Any:
        # A port that looks random, as an operating system's does.
        return _Datagrams(self, protocol, _address(address, self._port()))

    def _port(self) -> int:
        self._next_port = 1024 + (self._next_port * 31 + 7) % 64000
        return self._next_port


def _address(host: str, port: int) -> Any:
    kind = IPv6Address if ":" in host else IPv4Address
    return kind("TCP", host, port)


class MemoryFiles:
    """Small files, as a dict from path to octets."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def read_foreign(
        self, path: str, most_octets: int = 1 << 20, *, private: bool = False
    ) -> bytes:
        return self.read(path)


@implementer(IWorld)
class StillWorld:
    """Clock, network and randomness of a machine in memory."""

    def __init__(self, host_name: str = "mx.example.test") -> None:
        self.clock: Any = StillClock()
        self.network: Any = MemoryNetwork(self.clock)
        self.random: Any = SeededRandom()
        self.disk: Any = MemoryFiles()
        self.threads: Any = None
        self.processes: Any = InlineProcesses()
        self.watchdog: Any = InlineWatchdog()
        self.host_name = host_name
        self.died: list[tuple[int, str]] = []

    def longest_callback_s(self) -> float:
        return 0.0

    def fault_point(self, name: str) -> None:
        pass

    def die(self, exit_code: int, reason: str) -> None:
        self.died.append((exit_code, reason))

    def run(
        self,
        seconds: float = 0.0,
        most_turns: int = 100_000,
        enough: Callable[[], object] = lambda: False,
    ) -> None:
        """Let time pass, from one thing due to the next, until `enough`."""
        clock = self.clock.twisted
        until = clock.seconds() + seconds
        for _ in range(most_turns):
            due = [
                call.getTime()
                for call in clock.getDelayedCalls()
                if call.getTime() <= until
            ]
            if enough():
                return
            if not due:
                break
            clock.advance(max(0.0, min(due) - clock.seconds()))
        else:
            raise RuntimeError("it never comes to rest")
        clock.advance(max(0.0, until - clock.seconds()))


def result_of(awaitable: Any, world: StillWorld | None = None) -> Any:
    """Give what an awaitable comes to; let the world run if it must wait."""
    waiting = (
        awaitable
        if isinstance(awaitable, Deferred)
        else Deferred.fromCoroutine(awaitable)
    )
    if world is not None and not waiting.called:
        world.run(86_400, enough=lambda: waiting.called)
    results: list[Any] = []
    waiting.addBoth(results.append)
    if not results:
        raise AssertionError("it still waits")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
