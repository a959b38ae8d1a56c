"""
How a message comes in: from a listener's pieces to a promise.

The octets go to the spool as they arrive; of a submission the header section
is held back and mended first. When the realm has decided, one call of
`IStore.accept` makes every copy and every row of the queue in one
transaction, and only then is anything promised.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from imailpy.delivery.deposit import deposit, reply_to
from imailpy.delivery.plan import Copy, Plan, again
from imailpy.delivery.report import header_section
from imailpy.delivery.routing import Route, Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.delivery.stamps import (
    final,
    received,
    trace,
    trace_fields,
    traces_in,
)
from imailpy.errors import MailError, PeerError, StorageFull
from imailpy.interfaces.body import IBody, IIncomingBody
from imailpy.interfaces.delivery import IReceiver, IReceiving, Transaction
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import (
    Acceptance,
    Delivered,
    IStore,
    MailboxDelivery,
)
from imailpy.interfaces.world import IWorld
from imailpy.mail import Decision, Reply, Verdict
from imailpy.message.header import SectionReader
from imailpy.message.mend import mend_section

_TOO_MANY_HOPS = Reply(554, "Too many hops", "5.4.6")
_LOOP = Reply(554, "Mail loops through this address", "5.4.6")
_UNKNOWN = Reply(550, "No such address here", "5.1.1")
_TOO_LARGE = Reply(550, "Message refused: header section too large", "5.6.0")

# Behind a delivery id: the part of the message that has to be tried again.
_AGAIN = ".again"


@implementer(IReceiver)
class Receiver:
    """Where accepted mail goes."""

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        store: IStore,
        router: Router,
        journal: IJournal,
    ) -> None:
        self.world = world
        self.settings = settings
        self.store = store
        self.router = router
        self.journal = journal

    def new_delivery_id(self) -> str:
        return self.world.random.token()

    def begin(self, transaction: Transaction) -> Receiving:
        return Receiving(self, transaction)

    async def key(self) -> bytes:
        """The secret behind the marks that we put into header fields."""
        return await self.store.directory.server_key("trace")


@implementer(IReceiving)
class Receiving:
    """One message that is arriving."""

    def __init__(self, receiver: Receiver, transaction: Transaction) -> None:
        self._receiver = receiver
        self._transaction = transaction
        self._settings = receiver.settings.current
        self._trouble: MailError | PeerError | None = None
        self._incoming: IIncomingBody | None = None
        self._body: IBody | None = None
        self._section = SectionReader() if transaction.submission else None
        self._held = b""
        size = transaction.envelope.parameters.size_octets
        try:
            self._incoming = receiver.store.spool.incoming(size)
        except StorageFull as error:
            self._trouble = error

    # Arriving

    def write(self, octets: bytes) -> None:
        if self._trouble is not None:
            return
        try:
            if self._section is None:
                self._keep(octets)
            else:
                self._mend(self._section, octets, final=False)
        except (MailError, PeerError) as error:
            self._give_up(error)

    def finish(self) -> IBody:
        if self._trouble is None and self._section is not None:
            try:
                self._mend(self._section, b"", final=True)
            except (MailError, PeerError) as error:
                self._give_up(error)
        if self._trouble is not None:
            raise self._trouble
        if self._incoming is None:
            raise ValueError("finished already")
        incoming, self._incoming = self._incoming, None
        body = self._body = incoming.finish()
        rendition = body.rendition
        if rendition is not None and rendition.hops > self._settings.hop_limit:
            self.discard()
            raise PeerError(_TOO_MANY_HOPS)
        return body

    def discard(self) -> None:
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            incoming.discard()
        if self._body is not None:
            body, self._body = self._body, None
            body.release()

    def _keep(self, octets: bytes) -> None:
        if self._incoming is not None and octets:
            self._incoming.write(octets)

    def _give_up(self, error: MailError | PeerError) -> None:
        self._trouble = error
        self._held, self._section = b"", None
        self.discard()

    def _mend(
        self, section: SectionReader, octets: bytes, *, final: bool
    ) -> None:
        """Hold the header section back until it is complete."""
        held = self._held + octets
        self._held = held[section.take(held, 0, final) :]
        if section.overlong:
            raise PeerError(_TOO_LARGE)
        if not section.done:
            return
        world = self._receiver.world
        mended = mend_section(
            section.octets,
            now=world.clock.now(),
            message_id=f"{self._transaction.delivery_id}@{world.host_name}",
            authserv_ids=(world.host_name,),
        )
        self._section = None
        rest, self._held = self._held, b""
        self._keep(mended.octets)
        self._keep(rest)

    # Accepting

    def accept(
        self, decisions: Sequence[Decision]
    ) -> Deferred[Sequence[Reply]]:
        return Deferred.fromCoroutine(self._accept(decisions))

    async def _accept(self, decisions: Sequence[Decision]) -> Sequence[Reply]:
        if self._body is None:
            raise ValueError("nothing was finished")
        recipients = self._transaction.envelope.recipients
        if len(decisions) != len(recipients):
            raise ValueError("one decision for each recipient")
        places = range(len(recipients))
        try:
            plan = await _Planning(self, self._body).plan(decisions)
            refused = dict(plan.replies)
            try:
                await _Promise(self, plan, self._body).make()
            except MailError as error:
                self._tell("delivery.unaccepted", why=error.private)
                return [refused.get(place, error.reply) for place in places]
        finally:
            self.discard()
        return [plan.replies[place] for place in places]

    def _tell(self, event: str, **facts: object) -> None:
        self._receiver.journal.record(
            event,
            session_id=self._transaction.client.session_id,
            message_id=self._transaction.delivery_id,
            **facts,
        )

    # What the two below need

    @property
    def receiver(self) -> Receiver:
        return self._receiver

    @property
    def transaction(self) -> Transaction:
        return self._transaction

    @property
    def settings(self) -> DeliverySettings:
        return self._settings

    tell = _tell


class _Planning:
    """Finds out what accepting a message comes to."""

    def __init__(self, receiving: Receiving, body: IBody) -> None:
        self._receiving = receiving
        self._router: Router = receiving.receiver.router
        self._body = body
        self._marks: frozenset[str] | None = None

    async def plan(self, decisions: Sequence[Decision]) -> Plan:
        plan = Plan()
        recipients = self._receiving.transaction.envelope.recipients
        for place, decision in enumerate(decisions):
            recipient = recipients[place]
            if decision.refuses:
                plan.refuse(place, decision)
                continue
            try:
                route = await self._router.resolve(recipient.forward_path)
                refusal = await self._refusal(plan, route)
            except MailError as error:
                plan.replies[place] = error.reply
                continue
            if refusal is not None:
                plan.replies[place] = refusal
                continue
            junk = decision.verdict is Verdict.QUARANTINE
            plan.take(place, recipient, route, junk)
        return plan

    async def _refusal(self, plan: Plan, route: Route) -> Reply | None:
        """Why a recipient cannot be taken after all."""
        if not route.exists:
            return _UNKNOWN
        if not route.aliases or not route.outward:
            return None
        # Sent on to the outside: it must not come round again
        # [SECURITY B13.7].
        key = await self._receiving.receiver.key()
        marks = {trace(key, alias) for alias in route.aliases}
        if self._marks is None:
            header, _ = header_section(self._body)
            self._marks = traces_in(header)
        if marks & self._marks:
            return _LOOP
        plan.traces |= marks
        return None


class _Promise:
    """Has the store take what was planned, and knows what to answer."""

    def __init__(self, receiving: Receiving, plan: Plan, body: IBody) -> None:
        self._receiving = receiving
        self._transaction = receiving.transaction
        self._store: IStore = receiving.receiver.store
        self._plan = plan
        self._body = body
        self._now = receiving.receiver.world.clock.now()
        self._stamp = b""

    async def make(self) -> None:
        plan, receiver = self._plan, self._receiving.receiver
        if plan.copies or plan.rows:
            self._stamp = received(
                self._transaction,
                receiver.world.host_name,
                self._now,
                await receiver.key(),
            )
            copies = list(plan.copies.values())
            done = await deposit(self._store, self._acceptance(copies))
            self._tell(done)
            failed = {
                id(copy): delivered
                for copy, delivered in zip(copies, done, strict=True)
                if delivered.error is not None
            }
            if failed:
                await self._settle(copies, failed)
        if plan.discarded:
            self._receiving.tell(
                "delivery.discarded", recipients=len(plan.discarded)
            )
        ok = Reply(250, f"OK {self._transaction.delivery_id}", "2.0.0")
        for place in range(len(self._transaction.envelope.recipients)):
            plan.replies.setdefault(place, ok)

    def _acceptance(self, copies: Sequence[Copy]) -> Acceptance:
        envelope = self._transaction.envelope
        return Acceptance(
            self._transaction.delivery_id,
            self._now,
            envelope.reverse_path,
            self._body,
            envelope.parameters,
            self._stamp + trace_fields(frozenset(self._plan.traces)),
            tuple(
                MailboxDelivery(
                    copy.place.account.id,
                    copy.mailbox,
                    final(envelope.reverse_path, copy.recipient.forward_path)
                    + self._stamp,
                    copy.recipient.forward_path,
                )
                for copy in copies
            ),
            tuple(self._plan.rows.values()),
        )

    async def _settle(
        self, copies: Sequence[Copy], failed: dict[int, Delivered]
    ) -> None:
        """
        Some copies could not be made.

        Whoever has nothing of the message is told so where that is possible:
        by LMTP, and by SMTP where it is true of all. What else is missing has
        been accepted by the one reply that there is, and is tried again.
        """
        whole = self._without_anything(copies, failed)
        kept = [copy for copy in copies if id(copy) not in failed]
        lmtp = self._transaction.client.service == "lmtp"
        if lmtp or not (kept or self._plan.rows or self._plan.discarded):
            self._plan.replies.update(whole)
        missing = [
            copy
            for copy in copies
            if id(copy) in failed
            and any(place not in self._plan.replies for place in copy.places)
        ]
        if missing:
            await self._try_again(missing)

    def _without_anything(
        self, copies: Sequence[Copy], failed: dict[int, Delivered]
    ) -> dict[int, Reply]:
        """Recipients for whom nothing at all was done, and why."""
        replies: dict[int, Reply] = {}
        served = self._plan.queued_for | self._plan.discarded
        for copy in copies:
            delivered = failed.get(id(copy))
            if delivered is None:
                served |= set(copy.places)
            else:
                for place in copy.places:
                    replies[place] = reply_to(delivered)
        return {p: reply for p, reply in replies.items() if p not in served}

    async def _try_again(self, missing: Sequence[Copy]) -> None:
        settings = self._receiving.settings
        next_try = self._now + settings.schedule.waits_s[0]
        envelope = self._transaction.envelope
        await self._store.accept(
            Acceptance(
                self._transaction.delivery_id + _AGAIN,
                self._now,
                envelope.reverse_path,
                self._body,
                envelope.parameters,
                self._stamp,
                queued=tuple(
                    again(copy, settings.separators, next_try)
                    for copy in missing
                ),
            )
        )
        self._receiving.tell("delivery.postponed", copies=len(missing))

    def _tell(self, done: Sequence[Delivered]) -> None:
        for delivered in done:
            delivery = delivered.delivery
            if delivered.error is None:
                self._receiving.tell(
                    "delivery.stored",
                    account=delivery.account_id,
                    mailbox=delivery.mailbox,
                    uid=delivered.uid,
                    recipient=str(delivery.recipient),
                )
            else:
                self._receiving.tell(
                    "delivery.unstored",
                    account=delivery.account_id,
                    mailbox=delivery.mailbox,
                    why=delivered.error.private,
                )
        for row in self._plan.rows.values():
            self._receiving.tell(
                "delivery.queued",
                recipient=str(row.forward_path),
                route=row.route,
            )
