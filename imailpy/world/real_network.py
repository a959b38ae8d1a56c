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
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from imailpy.interfaces.world import INetwork

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
        sent = self.writeSomeData(data)
        if not isinstance(sent, int):
            # The connection is lost: the reactor finds it out and tells.
            super().write(data)  # type: ignore[no-untyped-call]
        elif sent < len(data):
            super().write(data[sent:])  # type: ignore[no-untyped-call]


class EagerPort(tcp.Port):
    """Accepts connections whose answers are sent at once."""

    transport: Any = EagerServer
    # Whether an IPv6 port takes IPv4 clients, too.
    both = False

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
