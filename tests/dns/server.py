"""A name server in memory, made with dnspython, that can lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from twisted.internet.protocol import Factory, Protocol

from tests.support.still_world import StillWorld

Change = Callable[[dns.message.Message], dns.message.Message | bytes | None]


class ScriptedServer:
    """
    Answers over UDP and TCP from a list of records in zone file form.

    Attributes:
        change: What becomes of each response: another message, other
            octets, or None for silence.
        forged: Datagrams sent first, made from the response, as
            (octets, sender).
        queries: What was asked so far.
        delay_s: How long a UDP answer takes.
    """

    def __init__(self, world: StillWorld, address: str = "192.0.2.53") -> None:
        self.address = address
        self.zone: dict[tuple[str, str], Any] = {}
        self.nowhere: set[str] = set()
        self.change: Change = lambda response: response
        self.forged: Callable[[dns.message.Message], list[Any]] = (
            lambda response: []
        )
        self.queries: list[dns.message.Message] = []
        self.over_tcp = 0
        self.delay_s = 0.0
        self.negative_ttl = 600
        self.ad = False
        world.network.udp[address, 53] = self._datagram
        factory = Factory.forProtocol(_Stream)
        factory.server = self  # type: ignore[attr-defined]
        world.network.listen(address, 53, factory)

    def add(self, name: str, ttl: int, kind: str, *data: str) -> None:
        """Add a set of records."""
        self.zone[name, kind] = dns.rrset.from_text(
            f"{name}.", ttl, "IN", kind, *data
        )

    def respond(self, octets: bytes) -> dns.message.Message:
        """What an honest server answers."""
        query = dns.message.from_wire(octets)
        self.queries.append(query)
        response = dns.message.make_response(query, recursion_available=True)
        if self.ad:
            response.flags |= dns.flags.AD
        asked = query.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(asked.rdtype)
        for _ in range(40):
            if (name, kind) in self.zone:
                response.answer.append(self.zone[name, kind])
                return response
            if (name, "CNAME") not in self.zone:
                break
            response.answer.append(self.zone[name, "CNAME"])
            target = self.zone[name, "CNAME"][0].target
            name = target.to_text(omit_final_dot=True).lower()
        if not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        zone = name.rpartition(".")[2] + "."
        response.authority.append(
            dns.rrset.from_text(
                zone,
                self.negative_ttl,
                "IN",
                "SOA",
                f"ns.{zone} first\\.last.{zone} 1 2 3 4 {self.negative_ttl}",
            )
        )
        return response

    def octets(self, response: dns.message.Message) -> bytes | None:
        """The response as changed."""
        changed = self.change(response)
        if isinstance(changed, dns.message.Message):
            return changed.to_wire(max_size=65535)
        return changed

    def _datagram(self, octets: bytes, reply: Callable[..., None]) -> None:
        response = self.respond(octets)
        for forged, sender in self.forged(response):
            reply(forged, sender)
        answer = self.octets(response)
        if answer is None:
            return
        if len(answer) > 1232:
            response.answer, response.flags = [], response.flags | dns.flags.TC
            answer = response.to_wire()
        reply(answer, (self.address, 53), self.delay_s)


class _Stream(Protocol):
    def connectionMade(self) -> None:
        self.unread = b""

    def dataReceived(self, data: bytes) -> None:
        self.unread += data
        length = int.from_bytes(self.unread[:2], "big")
        if len(self.unread) < 2 + length:
            return
        server: Any = self.factory.server  # type: ignore[union-attr]
        server.over_tcp += 1
        answer = server.octets(server.respond(self.unread[2:]))
        if answer is not None:
            transport: Any = self.transport
            transport.write(len(answer).to_bytes(2, "big") + answer)
