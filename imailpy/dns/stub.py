"""
The stub resolver: asks recursive servers, believes little, remembers.

A question goes to the servers in order, those that failed a moment ago
last, in rounds with growing time-outs, within one budget. The same question
is on the wire once, whoever asks. There is no search list: names are
absolute.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.names import dns
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.dns.cache import Cache, Kept
from imailpy.dns.exchange import ask_tcp, ask_udp
from imailpy.dns.frame import AAAA, MX, PTR, TXT, A, Malformed
from imailpy.dns.reading import MOST_ALIASES, Reading, read
from imailpy.dns.resolv_conf import read_servers
from imailpy.dns.settings import DnsSettings, Server
from imailpy.dns.wire import (
    FORMERR,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    Question,
    read_response,
    write_query,
)
from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import Answer, IResolver, MailHost
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IWorld

# A server that failed is asked last for so long.
_AILING_S = 30.0


@implementer(IResolver)
class Resolver:
    """
    Asks the servers of the settings.

    Args:
        world: Datagrams, streams, clock, randomness, and `resolv.conf`.
        settings: Read anew for each question.
    """

    def __init__(self, world: IWorld, settings: Provider[DnsSettings]) -> None:
        self._world = world
        self._settings = settings
        self._cache = Cache(world.clock, settings.current.cache_entries)
        self._asking: dict[Question, list[Deferred[Reading]]] = {}
        self._on_wire = DeferredSemaphore(settings.current.most_in_flight)
        self._ailing: dict[Server, float] = {}
        self._servers: tuple[int, tuple[Server, ...]] = (-1, ())

    # The door

    async def mx(self, domain: str) -> Sequence[MailHost] | None:
        answer = await self.ask(domain, MX)
        if not answer.exists:
            return None
        hosts: list[MailHost] = []
        for record in answer.records:
            preference, _, host = record.partition(" ")
            hosts.append(MailHost(int(preference), host))
        return sorted(hosts, key=lambda host: (host.preference, host.host))

    async def addresses(self, host: str) -> Sequence[str]:
        # Both are asked at once; each may fail for itself.
        asked = [
            Deferred.fromCoroutine(self.ask(host, kind)) for kind in (AAAA, A)
        ]
        addresses: list[str] = []
        failed: LookupFailed | None = None
        for answered in asked:
            try:
                addresses.extend((await answered).records)
            except LookupFailed as error:
                failed = error
        if not addresses and failed is not None:
            raise failed
        return addresses

    async def txt(self, name: str) -> Answer:
        return await self.ask(name, TXT)

    async def ptr(self, address: str) -> Answer:
        name = ipaddress.ip_address(address).reverse_pointer
        return await self.ask(name, PTR)

    async def ask(self, name: str, kind: int) -> Answer:
        """
        Ask for records of any type whose number is `kind`.

        A name that DNS cannot hold does not exist. Raises `LookupFailed`.
        """
        try:
            question = Question.about(name, kind)
        except ValueError:
            return Answer(exists=False)
        reading = await self._reading(question)
        return Answer(
            reading.records,
            reading.exists,
            reading.secure,
            int(reading.ttl_s or 0),
        )

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    # Once each

    async def _reading(self, question: Question) -> Reading:
        known = self._cache.get(question)
        if known is not None:
            return _good(question, known)
        waiting: Deferred[Reading] = Deferred()
        if question in self._asking:
            self._asking[question].append(waiting)
            return await waiting
        if len(self._asking) >= self._settings.current.most_waiting:
            raise LookupFailed(f"{question}: too many questions waiting")
        self._asking[question] = [waiting]
        running = self._on_wire.run(
            lambda: Deferred.fromCoroutine(self._find(question))
        )
        running.addBoth(self._tell, question)
        return await waiting

    def _tell(self, result: Any, question: Question) -> None:
        """Give everybody who asked what was found, or why nothing was."""
        settings = self._settings.current
        kept: Kept
        if isinstance(result, Failure):
            kept, ttl_s = str(result.value), settings.failure_ttl_s
        else:
            kept, ttl_s = result, result.ttl_s
        self._cache.put(question, kept, ttl_s)
        for waiting in self._asking.pop(question):
            if isinstance(kept, str):
                waiting.errback(LookupFailed(f"{question}: {kept}"))
            else:
                waiting.callback(kept)

    # The search

    async def _find(self, question: Question) -> Reading:
        """Ask until there is an answer, following CNAMEs that lead on."""
        deadline = (
            self._world.clock.monotonic() + self._settings.current.budget_s
        )
        reading = await self._ask_servers(question, deadline)
        secure, aliases, ttl_s = reading.secure, reading.aliases, reading.ttl_s
        while reading.alias is not None:
            if aliases >= MOST_ALIASES:
                raise LookupFailed("chain of CNAMEs is too long")
            further = Question.about(reading.alias, question.kind)
            reading = await self._ask_servers(further, deadline)
            aliases += max(1, reading.aliases)
            secure = secure and reading.secure
            ttl_s = min(ttl_s or 0, reading.ttl_s or 0)
        return Reading(
            reading.records,
            reading.exists,
            secure,
            self._clamped(ttl_s, bool(reading.records)),
        )

    def _clamped(self, ttl_s: int | None, positive: bool) -> int:
        settings = self._settings.current
        longest = settings.longest_ttl_s
        if not positive:
            longest = min(longest, settings.longest_negative_ttl_s)
        return int(max(settings.shortest_ttl_s, min(ttl_s or 0, longest)))

    async def _ask_servers(
        self, question: Question, deadline: float
    ) -> Reading:
        settings = self._settings.current
        clock = self._world.clock
        why = "no server to ask"
        for a_round in range(settings.rounds):
            for server in self._in_order():
                left_s = deadline - clock.monotonic()
                if left_s <= 0:
                    raise LookupFailed(f"out of time; last: {why}")
                patience_s = min(left_s, settings.timeout_s * 2**a_round)
                try:
                    return await self._ask(question, server, patience_s)
                except (LookupFailed, Malformed) as error:
                    why = str(error)
                    self._ailing[server] = clock.monotonic() + _AILING_S
        raise LookupFailed(why)

    def _in_order(self) -> list[Server]:
        """The servers, those that failed a moment ago last."""
        settings, number = self._settings.current, self._settings.number
        if self._servers[0] != number:
            self._servers = (number, settings.servers or self._system())
            self._ailing.clear()
        now = self._world.clock.monotonic()
        return sorted(
            self._servers[1],
            key=lambda server: self._ailing.get(server, 0.0) > now,
        )

    def _system(self) -> tuple[Server, ...]:
        path = self._settings.current.resolv_conf
        try:
            servers = read_servers(self._world.disk.read_foreign(path))
        except OSError:
            servers = ()
        # As resolv.conf(5) says where nothing is said.
        return servers or (Server("127.0.0.1"),)

    async def _ask(
        self, question: Question, server: Server, timeout_s: float
    ) -> Reading:
        """Ask one server; `LookupFailed` or `Malformed` if that was no use."""
        message = await self._exchange(question, server, timeout_s, True)
        if message.rCode in (FORMERR, NOTIMP):
            # It may not know EDNS [RFC6891 7].
            message = await self._exchange(question, server, timeout_s, False)
        if message.rCode not in (NOERROR, NXDOMAIN):
            raise LookupFailed(f"{server.address}: code {message.rCode}")
        reading = read(message, question)
        if not reading.records and not (message.recAv or message.auth):
            # Neither recursive nor in charge: its "none" means nothing.
            raise LookupFailed(f"{server.address}: lame")
        if reading.secure and not self._trusts(server):
            return Reading(
                reading.records,
                reading.exists,
                False,
                reading.ttl_s,
                reading.alias,
                reading.aliases,
            )
        return reading

    async def _exchange(
        self, question: Question, server: Server, timeout_s: float, edns: bool
    ) -> dns.Message:
        world, settings = self._world, self._settings.current
        name = question.name.encode()
        if settings.randomise_case:
            name = self._in_random_case(name)
        message_id = world.random.below(65536)
        query = write_query(question, name, message_id, edns=edns)

        def accept(octets: bytes) -> dns.Message:
            return read_response(octets, query, question)

        if not settings.tcp_only:
            message = await ask_udp(world, server, query, accept, timeout_s)
            if not message.trunc:
                return message
        message = await ask_tcp(world, server, query, accept, timeout_s)
        if message.trunc:
            raise Malformed("truncated over TCP")
        return message

    def _in_random_case(self, name: bytes) -> bytes:
        coin = int.from_bytes(self._world.random.octets(32), "big")
        return bytes(
            octet ^ 0x20 if 97 <= octet <= 122 and coin >> at & 1 else octet
            for at, octet in enumerate(name)
        )

    def _trusts(self, server: Server) -> bool:
        """Whether its AD bit is worth anything [RFC6840 5.8]."""
        if server.address in self._settings.current.trusted:
            return True
        return ipaddress.ip_address(server.address).is_loopback


def _good(question: Question, known: tuple[float, Kept]) -> Reading:
    left_s, kept = known
    if isinstance(kept, str):
        raise LookupFailed(f"{question}: {kept} (a moment ago)")
    return Reading(kept.records, kept.exists, kept.secure, int(left_s))
