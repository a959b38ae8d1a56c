"""Streams and datagrams of this machine."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from imailpy.interfaces.world import INetwork


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
        return self._reactor.listenTCP(
            port, factory, backlog=511, interface=address
        )

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
