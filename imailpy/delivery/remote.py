"""
The way out: finds a host that takes the mail of a destination, and sends.

Sessions are tried host by host, address by address, until one is ready for
mail. What a host says about a message or a recipient then counts; that it
cannot be talked to leads to the next.

A message with octets beyond ASCII goes as it is to a host that does not offer
8BITMIME, although [RFC6152 3] wants it encoded anew or returned: encoding
breaks signatures, returning breaks mail, and no host is known any more that
would clip the eighth bit. SMTPUTF8 is another matter: it is never sent to a
host that does not offer it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import Factory

from imailpy.delivery.carriers import Carried, Carrier
from imailpy.delivery.client_protocol import Outgoing, Sent, SessionFailed
from imailpy.delivery.settings import DeliverySettings, NextHop, Security
from imailpy.delivery.signing_in import mechanisms
from imailpy.delivery.targets import Host, is_private, mail_hosts
from imailpy.delivery.undeliverable import Undeliverable, for_good, for_now
from imailpy.errors import LookupFailed
from imailpy.interfaces.body import IBody
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.queue import IQueue, QueueRow
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.mail import Envelope, Path, Recipient, Reply
from imailpy.protocol.smtp.client import ClientSession
from imailpy.protocol.smtp.client_commands import sendable
from imailpy.protocol.smtp.client_events import Broken
from imailpy.protocol.smtp.client_options import ClientOptions, TlsUse

_STARTTLS = {
    Security.NONE: TlsUse.NEVER,
    Security.OPPORTUNISTIC: TlsUse.OFFERED,
    Security.REQUIRED: TlsUse.REQUIRED,
    Security.IMPLICIT: TlsUse.NEVER,
}
_UNSAFE = Reply(553, "the address cannot be sent by SMTP", "5.1.3")


@frozen
class Destination:
    """
    Where rows of the queue go together.

    Attributes:
        key: The same for rows that may share a connection.
        domain: Whose hosts are asked for; empty where `hop` is set.
    """

    key: str
    domain: str = ""
    hop: NextHop | None = None


def destination_of(settings: DeliverySettings, domain: str) -> Destination:
    """Find the way that a domain's mail goes by the settings of now."""
    hop = settings.routes.get(domain)
    rest = domain
    while hop is None and "." in rest and not domain.startswith("["):
        _, _, rest = rest.partition(".")
        hop = settings.routes.get(f".{rest}")
    if hop is None and domain not in settings.by_mx:
        hop = settings.smart_host
    if hop is None:
        return Destination(domain, domain)
    return Destination(f"{hop.host}:{hop.port}", "", hop)


class Remote:
    """Opens sessions to other servers."""

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        queue: IQueue,
        resolver: IResolver,
        tls: ITls,
        journal: IJournal,
    ) -> None:
        self.world = world
        self.settings = settings
        self.queue = queue
        self.journal = journal
        self._resolver = resolver
        self._tls = tls

    async def open(self, destination: Destination) -> RemoteCarrier:
        """
        Open a session that is ready for mail.

        Raises:
            Undeliverable: For good only if trying again would be useless.
        """
        search = _Search(self, self._resolver, self._tls, destination)
        return await search.run()


class _Search:
    """One attempt to get a session with a destination."""

    def __init__(
        self,
        remote: Remote,
        resolver: IResolver,
        tls: ITls,
        destination: Destination,
    ) -> None:
        self._remote = remote
        self._world = remote.world
        self._settings = remote.settings.current
        self._resolver = resolver
        self._tls = tls
        self._destination = destination
        self._hop = destination.hop or NextHop("", self._settings.smtp_port)
        self._failures: list[Undeliverable] = []
        self._tried = 0

    async def run(self) -> RemoteCarrier:
        for host in await self._hosts():
            try:
                addresses = await self._addresses(host)
            except Undeliverable as failure:
                self._failures.append(failure)
                continue
            if self._leads_to_us(addresses):
                self._failures.append(
                    for_good("mail loops back to us", "5.4.6")
                )
                # Hosts that are worse than we would send it to us again.
                break
            for address in addresses:
                if self._tried >= self._settings.mx_addresses:
                    break
                self._tried += 1
                try:
                    return await self._session(host.name, address)
                except Undeliverable as failure:
                    self._failures.append(failure)
        raise self._verdict()

    def _verdict(self) -> Undeliverable:
        """What to say when nobody could be talked to."""
        if not self._failures:
            return for_now("no host to try")
        passing = [each for each in self._failures if each.reply.temporary]
        # If anything may pass, waiting may help.
        return (passing or self._failures)[-1]

    async def _hosts(self) -> Sequence[Host]:
        hop = self._destination.hop
        if hop is None:
            return await mail_hosts(
                self._resolver,
                self._world.random,
                self._settings,
                self._destination.domain,
                self._world.host_name,
            )
        try:
            address = str(ipaddress.ip_address(hop.host))
        except ValueError:
            return [Host(hop.host)]
        return [Host(hop.host, 0, (address,))]

    async def _addresses(self, host: Host) -> Sequence[str]:
        """Where to find a host; `Undeliverable` for nowhere."""
        addresses: Sequence[str] | None = host.addresses
        if addresses is None and host.name == "localhost":
            addresses = ("127.0.0.1",)
        if addresses is None:
            try:
                addresses = await self._resolver.addresses(host.name)
            except LookupFailed as error:
                raise for_now(
                    f"looking up {host.name}: {error.public}", "4.4.3"
                ) from error
        if self._destination.hop is not None:
            if not addresses:
                # Arranged by the operator: wrong for now, not for good.
                raise for_now(f"{host.name} has no address", "4.4.4")
            return addresses
        if not addresses:
            raise for_good(f"{host.name} has no address", "5.4.4")
        if self._settings.private_targets:
            return addresses
        public = [each for each in addresses if not is_private(each)]
        if not public:
            raise for_good(
                f"{host.name} has no address on the Internet", "5.4.4"
            )
        return public

    def _leads_to_us(self, addresses: Sequence[str]) -> bool:
        if self._destination.hop is not None:
            return False
        own = self._settings.own_addresses
        return any(address in own for address in addresses)

    async def _session(self, host: str, address: str) -> RemoteCarrier:
        """Open a session; without TLS where TLS fails and need not be."""
        try:
            return await self._attempt(host, address, None)
        except SessionFailed as failure:
            if (
                not failure.in_tls
                or self._hop.security is not Security.OPPORTUNISTIC
            ):
                raise self._unready(failure, host) from None
        self._remote.journal.record(
            "delivery.tls_failed", host=host, address=address
        )
        try:
            return await self._attempt(host, address, TlsUse.NEVER)
        except SessionFailed as failure:
            raise self._unready(failure, host) from None

    def _unready(self, failure: SessionFailed, host: str) -> Undeliverable:
        """A host that could be reached and would not do."""
        broken = failure.broken
        if broken.reply is None:
            return for_now(f"{host}: {broken.reason}", "4.4.2")
        reply = broken.reply
        arranged = self._destination.hop is not None
        if (broken.temporary or arranged) and not reply.temporary:
            # Another try may not meet that; and where a server that is to
            # take our mail refuses us, the settings are wrong, not the mail.
            reply = Reply(
                451, f"{broken.reason}: {reply.code} {reply.text}", "4.3.0"
            )
        return Undeliverable(reply, host)

    async def _attempt(
        self, host: str, address: str, starttls: TlsUse | None
    ) -> RemoteCarrier:
        hop, timeouts = self._hop, self._settings.timeouts
        implicit = hop.security is Security.IMPLICIT
        must = hop.security in (Security.REQUIRED, Security.IMPLICIT)
        context = None
        if hop.security is not Security.NONE:
            context = self._tls.client(host, verify=must and hop.verify)
        options = ClientOptions(
            self._world.host_name,
            lmtp=hop.lmtp,
            starttls=starttls or _STARTTLS[hop.security],
            tls=implicit,
            mechanisms=mechanisms(hop, self._world.random),
        )
        protocol = Outgoing(
            self._world,
            ClientSession(options),
            timeouts,
            lambda transport: transport.startTLS(context),
        )
        try:
            await self._world.network.connect(
                address,
                hop.port,
                _Single(protocol),
                timeout_s=timeouts.connect_s,
                tls=context if implicit else None,
            )
        except (ConnectError, OSError) as error:
            why = (
                "timed out"
                if isinstance(error, ConnectTimeout)
                else str(error) or "failed"
            )
            raise for_now(f"connecting to {host}[{address}]: {why}") from error
        await protocol.ready
        return RemoteCarrier(self._remote, protocol, f"{host}[{address}]", hop)


class _Single(Factory):
    """Gives the one protocol it was made for."""

    noisy = False

    def __init__(self, protocol: Outgoing) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: Any) -> Outgoing:
        return self._protocol


class RemoteCarrier(Carrier):
    """
    One session with one host.

    Attributes:
        host: Its name and address.
    """

    def __init__(
        self, remote: Remote, protocol: Outgoing, host: str, hop: NextHop
    ) -> None:
        self._remote = remote
        self._protocol = protocol
        self._hop = hop
        self.host = host

    @property
    def usable(self) -> bool:
        most = self._remote.settings.current.messages_per_connection
        return self._protocol.usable and self._protocol.sent < most

    @property
    def reused(self) -> bool:
        return self._protocol.sent > 1

    async def carry(
        self, rows: Sequence[QueueRow], body: IBody
    ) -> Sequence[Carried]:
        unsafe = [row for row in rows if not sendable(row.forward_path)]
        carried = [Carried(row, _UNSAFE) for row in unsafe]
        rows = [row for row in rows if row not in unsafe]
        if not rows:
            return carried
        try:
            sent = await self._protocol.send(_envelope(rows), body)
        except ValueError as error:
            self._remote.journal.record(
                "delivery.unsendable",
                message_id=rows[0].delivery_id,
                why=str(error),
            )
            return carried + [Carried(row, _UNSAFE) for row in rows]
        return carried + self._carried(rows, sent)

    def _carried(self, rows: Sequence[QueueRow], sent: Sent) -> list[Carried]:
        replies = dict(sent.results)
        carried = []
        for row in rows:
            reply = replies.get(_recipient(row))
            untried = unknown = False
            if reply is None:
                broken = sent.broken or Broken("no reply", True)
                reply = broken.reply
                if reply is None or reply.positive:
                    reply = Reply(451, broken.reason, "4.4.2")
                elif not reply.temporary:
                    reply = evolve(reply, code=451)
                unknown = broken.unknown
                untried = not unknown
            relayed = reply.positive and not sent.dsn and not self._hop.lmtp
            carried.append(
                Carried(
                    row,
                    reply,
                    self.host,
                    untried=untried,
                    unknown=unknown,
                    relayed=relayed,
                    delivered=reply.positive and self._hop.lmtp,
                )
            )
        return carried

    async def ask(self, path: Path) -> Reply | None:
        """
        Ask whether a recipient would be taken.

        Returns:
            The reply to RCPT; None where it did not come so far.
        """
        if not sendable(path):
            return _UNSAFE
        sent = await self._protocol.ask(Recipient(path))
        if sent.broken is not None:
            return None
        return sent.results[0][1] if sent.results else None

    def close(self) -> Deferred[None]:
        return self._protocol.close()

    def abort(self) -> None:
        self._protocol.abort("the server stops")


def _recipient(row: QueueRow) -> Recipient:
    return Recipient(row.forward_path, row.notify, row.orcpt)


def _envelope(rows: Sequence[QueueRow]) -> Envelope:
    recipients = tuple(_recipient(row) for row in rows)
    return Envelope(rows[0].reverse_path, recipients, rows[0].parameters)
