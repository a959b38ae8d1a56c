"""
One query to one server.

Over UDP from a fresh random port: whatever does not fit (another sender,
another id, question or case, or not sound at all) is passed over and waiting
goes on, so that a stranger's packet cannot end the query [SECURITY B11.2].
Over TCP the stream is the server's own: what does not fit ends it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import (
    DatagramProtocol,
    Factory,
    Protocol,
    connectionDone,
)
from twisted.names import dns
from twisted.python.failure import Failure

from imailpy.dns.frame import Malformed
from imailpy.dns.settings import Server
from imailpy.errors import LookupFailed
from imailpy.interfaces.world import IWorld

Accept = Callable[[bytes], dns.Message]

_LENGTH = struct.Struct("!H")


class _Once:
    """A result that is given once, whoever comes first."""

    def __init__(
        self, world: IWorld, server: Server, timeout_s: float
    ) -> None:
        self.server = server
        self.answered: Deferred[dns.Message] = Deferred()
        self._timer: Any = world.clock.call_later(
            timeout_s, self.fail, "timed out"
        )

    def give(self, message: dns.Message) -> None:
        if self._timer is not None:
            self._end()
            self.answered.callback(message)

    def fail(self, why: str) -> None:
        if self._timer is not None:
            self._end()
            text = f"{self.server.address}: {why}"
            self.answered.errback(LookupFailed(text))

    def _end(self) -> None:
        self._timer.cancel()
        self._timer = None


class _Datagrams(DatagramProtocol):
    """Waits for the one packet that answers."""

    def __init__(self, server: Server, accept: Accept, once: _Once) -> None:
        self._sender = (server.address, server.port)
        self._accept = accept
        self._once = once
        self.passed_over = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        try:
            if tuple(addr[:2]) != self._sender:
                raise Malformed("from somebody else")
            message = self._accept(datagram)
        except Malformed:
            self.passed_over += 1
            return
        self._once.give(message)

    def connectionRefused(self) -> None:
        self._once.fail("nobody answers there")


def ask_udp(
    world: IWorld,
    server: Server,
    query: bytes,
    accept: Accept,
    timeout_s: float,
) -> Deferred[dns.Message]:
    """
    Ask over UDP.

    Args:
        accept: Gives the message, or raises `Malformed`.

    Returns:
        The message; or `LookupFailed`.
    """
    once = _Once(world, server, timeout_s)
    any_address = "::" if ":" in server.address else "0.0.0.0"  # noqa: S104
    protocol = _Datagrams(server, accept, once)
    port = world.network.datagram(protocol, any_address)

    def close(result: Any) -> Any:
        port.stopListening()
        return result

    once.answered.addBoth(close)
    try:
        port.write(query, (server.address, server.port))
    except OSError as error:
        once.fail(f"cannot send: {error}")
    return once.answered


class _Stream(Protocol):
    """One query, one answer [RFC7766 8]."""

    def __init__(self, query: bytes, accept: Accept, once: _Once) -> None:
        self._query = query
        self._accept = accept
        self._once = once
        self._unread = b""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(_LENGTH.pack(len(self._query)) + self._query)

    def dataReceived(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack_from(self._unread)
        answer = self._unread[_LENGTH.size :]
        if len(answer) < length:
            return
        try:
            self._once.give(self._accept(answer[:length]))
        except Malformed as error:
            self._once.fail(f"bad answer over TCP: {error}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._once.fail("connection lost")


def ask_tcp(
    world: IWorld,
    server: Server,
    query: bytes,
    accept: Accept,
    timeout_s: float,
) -> Deferred[dns.Message]:
    """Ask over TCP; as `ask_udp`."""
    once = _Once(world, server, timeout_s)
    protocols: list[_Stream] = []

    def build() -> Protocol:
        protocol = _Stream(query, accept, once)
        protocols.append(protocol)
        return protocol

    def close(result: Any) -> Any:
        for protocol in protocols:
            transport: Any = protocol.transport
            if transport is not None:
                transport.abortConnection()
        return result

    once.answered.addBoth(close)
    connecting: Any = world.network.connect(
        server.address,
        server.port,
        Factory.forProtocol(build),
        timeout_s=timeout_s,
    )
    connecting.addErrback(lambda failure: once.fail(str(failure.value)))
    return once.answered
