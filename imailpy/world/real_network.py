"""
Streams and datagrams of this machine.

A server's answer is sent at once where the socket takes it, not in the
reactor's next turn: that saves two `epoll_ctl` and a turn for every answer.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from imailpy.interfaces.world import INetwork


class EagerServer(tcp.Server):
    """A server's end of a connection that sends at once what it can."""

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

    transport = EagerServer


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
        made = EagerPort(port, factory, 511, address, self._reactor)
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
