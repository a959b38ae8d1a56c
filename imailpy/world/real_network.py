"""
Streams and datagrams of this machine.

A server's answer is sent at once where the socket takes it, not in the
reactor's next turn: that saves two `epoll_ctl` and a turn for every answer.

"All of this machine" is one socket for IPv6 and IPv4 where there is IPv6. An
IPv4 client comes as `::ffff:192.0.2.1` then [RFC4291 2.5.5.2]; everybody
above sees `192.0.2.1`, so that a list of addresses means the same clients
whichever way they came.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from imailpy.interfaces.world import INetwork

# Descriptors that no client gets: the store's files, the spool's, look-ups
# and deliveries need them [SECURITY B13.2].
RESERVE = 64
# So long nobody is let in once only the reserve is left.
HOLD_S = 1.0
# So many are let in before those who are in already get their turn: in a
# flood of connections they wait for a few milliseconds, not for all of it.
ACCEPTS_A_TURN = 16


def descriptors_left(descriptor: int) -> int:
    """
    How many descriptors clients may still get.

    The system gives out the lowest free number, so the number itself tells
    how many are in use: no list of them has to be read.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        lowest = os.dup(descriptor)
    except OSError:
        return 0
    os.close(lowest)
    return max(0, most - RESERVE - lowest)


_MAPPED = "::ffff:"
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
EVERY_IPV6 = "::"
EVERY_IPV4 = "0.0.0.0"  # noqa: S104


def unmapped(address: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give a socket's address, that of an IPv4 peer in IPv4's own form."""
    host = address[0]
    if len(address) == 4 and host.startswith(_MAPPED) and "." in host:
        return (host[len(_MAPPED) :], address[1])
    return address


class EagerServer(tcp.Server):
    """A server's end of a connection that sends at once what it can."""

    def __init__(
        self, sock: Any, protocol: Any, client: tuple[Any, ...], *more: Any
    ) -> None:
        super().__init__(sock, protocol, unmapped(client), *more)

    def getHost(self) -> Any:
        """As `ITransport`."""
        host = self.socket.getsockname()
        plain = unmapped(host)
        if plain is not host:
            return IPv4Address("TCP", *plain)
        return super().getHost()  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        """As `ITransport`."""
        if (
            self.TLS
            or not self.connected
            or self.disconnecting
            or self.dataBuffer
            or self._tempDataBuffer
        ):
            super().write(data)  # type: ignore[no-untyped-call]
            return
        try:
            sent = self.socket.send(data)
        except OSError:
            # It is full, or lost: the reactor finds out, and tells.
            sent = 0
        if sent < len(data):
            super().write(data[sent:])  # type: ignore[no-untyped-call]


class EagerPort(tcp.Port):
    """
    Accepts connections whose answers are sent at once.

    When descriptors run short it lets nobody in for a moment: clients wait
    in the kernel's queue, and those who are in are served on.
    """

    transport: Any = EagerServer
    log = Logger()
    # Of all ports together: one line a second tells enough.
    told_at: float | None = None
    # Whether an IPv6 port takes IPv4 clients, too.
    both = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._held: Any = None

    def doRead(self) -> None:
        """Accept those who wait, as many as there is room for."""
        left = descriptors_left(self.fileno())  # type: ignore[no-untyped-call]
        if not left:
            self._hold()
            return
        self.numberAccepts = min(ACCEPTS_A_TURN, left)
        super().doRead()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any) -> None:
        """As `IListeningPort`: the port is closed."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _hold(self) -> None:
        reactor: Any = self.reactor
        now = reactor.seconds()
        told_at = EagerPort.told_at
        if told_at is None or not 0 <= now - told_at < 1.0:
            EagerPort.told_at = now
            self.log.warn("descriptors run short: nobody is let in just now")
        self.stopReading()  # type: ignore[no-untyped-call]
        self._held = reactor.callLater(HOLD_S, self._go_on)

    def _go_on(self) -> None:
        self._held = None
        self.startReading()  # type: ignore[no-untyped-call]

    def createInternetSocket(self) -> Any:
        """As `BasePort`."""
        made: Any = super().createInternetSocket()  # type: ignore[no-untyped-call]
        if self.addressFamily == socket.AF_INET6:
            made.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not self.both
            )
        return made

    def _buildAddr(self, address: tuple[Any, ...]) -> Any:
        plain = unmapped(address)
        if plain is not address:
            return IPv4Address("TCP", *plain)
        return super()._buildAddr(address)  # type: ignore[no-untyped-call]


@implementer(INetwork)
class RealNetwork:
    """Twisted's transports."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listen(
        self, address: str, port: int, factory: Any, *, tls: Any = None
    ) -> Any:
        if tls is not None:
            factory = TLSMemoryBIOFactory(tls, False, factory)
        if address:
            return self._listen(address, port, factory)
        try:
            return self._listen(EVERY_IPV6, port, factory, both=True)
        except CannotListenError as error:
            if error.socketError.errno not in _NO_IPV6:
                raise
        return self._listen(EVERY_IPV4, port, factory)

    def _listen(
        self, address: str, port: int, factory: Any, *, both: bool = False
    ) -> EagerPort:
        made = EagerPort(port, factory, 511, address, self._reactor)
        made.both = both
        made.startListening()
        return made

    def listen_unix(
        self, path: str, factory: Any, *, mode: int = 0o600
    ) -> Any:
        return self._reactor.listenUNIX(path, factory, mode=mode, wantPID=True)

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
        kind: Any = (
            TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        )
        bind = (bind_address, 0) if bind_address is not None else None
        endpoint = kind(self._reactor, address, port, timeout_s, bind)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        connected: Deferred[Any] = endpoint.connect(factory)
        return connected

    def datagram(self, protocol: Any, address: str = "0.0.0.0") -> Any:  # noqa: S104
        return self._reactor.listenUDP(0, protocol, interface=address)
