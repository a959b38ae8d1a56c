"""
Streams and datagrams of this machine.

A server's answer is sent at once where the socket takes it, not in the
reactor's next turn: that saves two `epoll_ctl` and a turn for every answer.
"""

from __future__ import annotations

import os
import resource
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from imailpy.interfaces.world import INetwork

# Descriptors that no client gets: the store's files, the spool's, look-ups
# and deliveries need them [SECURITY B13.2].
RESERVE = 64
# So long nobody is let in once only the reserve is left.
HOLD_S = 1.0


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
    """
    Accepts connections whose answers are sent at once.

    When descriptors run short it lets nobody in for a moment: clients wait
    in the kernel's queue, and those who are in are served on.
    """

    transport = EagerServer
    log = Logger()
    # Of all ports together: one line a second tells enough.
    told_at: float | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._held: Any = None

    def doRead(self) -> None:
        """Accept those who wait, as many as there is room for."""
        left = descriptors_left(self.fileno())  # type: ignore[no-untyped-call]
        if not left:
            self._hold()
            return
        self.numberAccepts = min(self.numberAccepts, left)
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
