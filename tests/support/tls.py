"""TLS in one process: two ends of memory BIOs, and Twisted's on top."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import FakeTransport, IOPump, connect


def pump(one: SSL.Connection, other: SSL.Connection) -> None:
    """Carry octets between two ends until both have nothing to say."""
    moved = True
    while moved:
        moved = False
        for source, target in ((one, other), (other, one)):
            try:
                octets = source.bio_read(65536)
            except SSL.WantReadError:
                continue
            target.bio_write(octets)
            moved = True


def handshake(server: SSL.Connection, client: SSL.Connection) -> None:
    """
    Have two ends shake hands. Raises `SSL.Error` of whoever gives up, the
    client's first: it tells the alert that the server sent.
    """
    server.set_accept_state()
    client.set_connect_state()
    refusal: SSL.Error | None = None
    for _ in range(6):
        for end in (client, server):
            try:
                end.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                refusal = refusal if refusal is not None else error
                if end is client:
                    raise
            pump(server, client)
    if refusal is not None:
        raise refusal


def alert(error: SSL.Error) -> str:
    """What an `SSL.Error` says, as one text."""
    return " ".join(str(part) for part in error.args[0:1])


class Kept(Protocol):
    """Keeps what came and why it ended."""

    def __init__(self) -> None:
        self.received = b""
        self.reason: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason.value


def over_tls(
    server: Protocol, server_tls: Any, client: Protocol, client_tls: Any
) -> tuple[IOPump, Clock]:
    """Connect two Twisted protocols by TLS from the first octet."""
    clock = Clock()
    ends = []
    for protocol, tls, is_client in (
        (server, server_tls, False),
        (client, client_tls, True),
    ):
        factory = TLSMemoryBIOFactory(
            tls, is_client, Factory.forProtocol(lambda p=protocol: p), clock
        )
        wrapper = factory.buildProtocol(None)
        ends.append((wrapper, FakeTransport(wrapper, not is_client)))
    (s, s_transport), (c, c_transport) = ends
    return connect(s, s_transport, c, c_transport), clock
