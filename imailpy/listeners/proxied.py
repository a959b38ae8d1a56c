"""
Connections that come through a proxy.

On a listener that is marked for it the proxy's header comes first, before
TLS; only then is it known who is there, and the listener's own factory asked
for a protocol. Who is not listed as a proxy and sends a header all the same
is sent away: it would choose its own address [SECURITY B4.12].

    listed peer      -> header -> protocol for the client that it names
    anybody else     -> closed, or (`direct`) a protocol for itself

The first protocol steps aside once it has done its work: the transport
knows only the second one then.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.policy.networks import NOWHERE, Networks
from imailpy.protocol.proxy import HeaderReader, NoHeader, begins_header


@frozen
class ProxySettings:
    """
    Attributes:
        peers: The proxies: they must send a header.
        direct: Whether others may connect, without a header.
        header_s: So long a proxy may take to send it.
    """

    peers: Networks = NOWHERE
    direct: bool = False
    header_s: float = 10.0


@frozen
class ProxiedAddress:
    """
    Where a client is, as its proxy says.

    Attributes:
        host: Its address; empty for a Unix socket.
        proxy: The proxy's own address.
    """

    host: str
    port: int
    proxy: str


class ProxiedFactory(Factory):
    """
    Stands before the factory of a marked listener.

    Args:
        inside: That factory.
        tls: With TLS from the first octet: who makes contexts.
        alpn: What a client's ALPN must name then.
    """

    noisy = False

    def __init__(
        self,
        world: IWorld,
        journal: IJournal,
        settings: Provider[ProxySettings],
        inside: Any,
        *,
        listener: str,
        tls: ITls | None = None,
        alpn: str = "",
    ) -> None:
        self.world = world
        self.inside = inside
        self.arriving: dict[Arriving, None] = {}
        self._journal = journal
        self._settings = settings
        self._listener = listener
        self._tls = tls
        self._alpn = alpn

    def buildProtocol(self, addr: IAddress | None) -> Arriving:
        settings = self._settings.current
        host = getattr(addr, "host", None) or ""
        arriving = Arriving(self, addr, settings, host in settings.peers)
        self.arriving[arriving] = None
        return arriving

    def context(self) -> Any:
        """Give a context for TLS from the first octet, None without."""
        return None if self._tls is None else self._tls.server(self._alpn)

    def refused(self, addr: Any, why: str) -> None:
        """Tell the journal that somebody was sent away."""
        self._journal.record(
            "proxy.refused",
            rule="proxy.refused",
            reason=why,
            client=getattr(addr, "host", None) or "",
            listener=self._listener,
        )

    def stop(self) -> Any:
        """Send away who has not said a header yet, then everybody else."""
        for arriving in tuple(self.arriving):
            arriving.abort()
        return self.inside.stop()

    @property
    def connections(self) -> Any:
        """Those of the factory inside."""
        return self.inside.connections


class Arriving(Protocol):
    """
    A connection before it is known who is there.

    Args:
        listed: Whether the peer is a proxy, which has to send a header.
    """

    def __init__(
        self,
        proxied: ProxiedFactory,
        addr: Any,
        settings: ProxySettings,
        listed: bool,
    ) -> None:
        self._proxied = proxied
        self._addr = addr
        self._settings = settings
        self._listed = listed
        self._reader = HeaderReader()
        self._timer: Any = None
        self._context: Any = None
        # Its protocol, where that is at work before the first octet came:
        # the greeting of a client that came directly.
        self._inner: Any = None

    # What Twisted calls

    def connectionMade(self) -> None:
        settings = self._settings
        if not (self._listed or settings.direct):
            self._refuse("not listed as a proxy of this listener")
            return
        self._context = self._proxied.context()
        if self._listed or self._context is not None:
            self._timer = self._proxied.world.clock.call_later(
                settings.header_s, self._timed_out
            )
        else:
            self._inner = self._proxied.inside.buildProtocol(self._addr)
            self._inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if not self._listed:
            if begins_header(data[:6]):
                self._refuse("a PROXY header, and not listed as a proxy")
            else:
                self._step_aside(self._addr, data)
            return
        try:
            self._reader.receive(data)
        except NoHeader as error:
            self._refuse(str(error))
            return
        header = self._reader.header
        if header is None:
            return
        # LOCAL and UNKNOWN: the proxy itself is the client.
        address: Any = self._addr
        if header.known:
            proxy = getattr(self._addr, "host", None) or ""
            address = ProxiedAddress(header.address, header.port, proxy)
        self._step_aside(address, self._reader.rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._done()
        if self._inner is not None:
            self._inner.connectionLost(reason)

    def abort(self) -> None:
        """Cut the connection."""
        if self._inner is None and self.transport is not None:
            self._done()
            self.transport.abortConnection()  # type: ignore[attr-defined]

    # Inside

    def _step_aside(self, address: Any, rest: bytes) -> None:
        """From now on the transport talks to the client's own protocol."""
        self._done()
        transport: Any = self.transport
        inner = self._inner
        fresh = inner is None
        if fresh:
            inner = self._proxied.inside.buildProtocol(address)
        if inner is None:
            transport.abortConnection()
            return
        transport.protocol = inner
        if self._context is not None:
            transport.startTLS(self._context)
        if fresh:
            inner.makeConnection(transport)
        if rest:
            # With TLS on it is TLS that reads them.
            transport.protocol.dataReceived(rest)

    def _refuse(self, why: str) -> None:
        self._done()
        self._proxied.refused(self._addr, why)
        self.transport.abortConnection()  # type: ignore[union-attr]

    def _timed_out(self) -> None:
        self._timer = None
        self._refuse(f"no PROXY header within {self._settings.header_s:g} s")

    def _done(self) -> None:
        self._proxied.arriving.pop(self, None)
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
