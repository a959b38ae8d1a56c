"""
Taking responsibility for a message that has come whole.

`Planning` finds out where it goes, `Promise` has the store take it, and knows
what may be said then, and what was promised and is still to be done.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from imailpy.delivery.deposit import deposit, reply_to
from imailpy.delivery.plan import Copy, Plan, again
from imailpy.delivery.repeats import Repeats, mark
from imailpy.delivery.report import header_section
from imailpy.delivery.routing import Route, Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.delivery.stamps import (
    final,
    mark_fields,
    received,
    trace,
    trace_fields,
    traces_in,
)
from imailpy.errors import MailError
from imailpy.interfaces.body import IBody
from imailpy.interfaces.delivery import Transaction
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.store import (
    Acceptance,
    Delivered,
    IStore,
    MailboxDelivery,
)
from imailpy.interfaces.world import IWorld
from imailpy.mail import Decision, Reply, Verdict

_LOOP = Reply(554, "Mail loops through this address", "5.4.6")
_UNKNOWN = Reply(550, "No such address here", "5.1.1")

# Behind a delivery id: the part of the message that has to be tried again.
_AGAIN = ".again"


@frozen
class Doors:
    """What one transaction is accepted with."""

    world: IWorld
    settings: DeliverySettings
    store: IStore
    router: Router
    journal: IJournal
    transaction: Transaction
    repeats: Repeats

    async def key(self) -> bytes:
        """The secret behind the marks that we put into header fields."""
        return await self.store.directory.server_key("trace")

    def tell(self, event: str, **facts: object) -> None:
        """Tell the journal what becomes of this message."""
        self.journal.record(
            event,
            session_id=self.transaction.client.session_id,
            message_id=self.transaction.delivery_id,
            **facts,
        )


class Planning:
    """Finds out what accepting a message comes to."""

    def __init__(self, doors: Doors, body: IBody) -> None:
        self._doors = doors
        self._body = body
        self._marks: frozenset[str] | None = None

    async def plan(self, decisions: Sequence[Decision]) -> Plan:
        plan = Plan()
        recipients = self._doors.transaction.envelope.recipients
        for place, decision in enumerate(decisions):
            recipient = recipients[place]
            if decision.refuses:
                plan.refuse(place, decision)
                continue
            try:
                route = await self._doors.router.resolve(
                    recipient.forward_path
                )
                refusal = await self._refusal(plan, route)
            except MailError as error:
                plan.replies[place] = error.reply
                continue
            if refusal is not None:
                plan.replies[place] = refusal
                continue
            junk = decision.verdict is Verdict.QUARANTINE
            plan.take(place, recipient, route, junk, decision.held)
            for each in decision.marks:
                plan.marks.setdefault(each)
        return plan

    async def _refusal(self, plan: Plan, route: Route) -> Reply | None:
        """Why a recipient cannot be taken after all."""
        if not route.exists:
            return _UNKNOWN
        if not route.aliases or not route.outward:
            return None
        # Sent on to the outside: it must not come round again
        # [SECURITY B13.7].
        key = await self._doors.key()
        marks = {trace(key, alias) for alias in route.aliases}
        if self._marks is None:
            header, _ = header_section(self._body)
            self._marks = traces_in(header)
        if marks & self._marks:
            return _LOOP
        plan.traces |= marks
        return None


class Promise:
    """Has the store take what was planned, and knows what to answer."""

    def __init__(self, doors: Doors, plan: Plan, body: IBody) -> None:
        self._doors = doors
        self._transaction = doors.transaction
        self._plan = plan
        self._body = body
        self._now = doors.world.clock.now()
        self._stamp = b""

    async def make(self) -> None:
        plan, doors = self._plan, self._doors
        if plan.copies or plan.rows:
            self._stamp = received(
                self._transaction,
                doors.world.host_name,
                self._now,
                await doors.key(),
            )
            self._stamp += self._repeat_mark() + mark_fields(plan.marks)
            copies = list(plan.copies.values())
            done = await self._deposit(copies)
            self._tell(done)
            failed = {
                id(copy): delivered
                for copy, delivered in zip(copies, done, strict=True)
                if delivered.error is not None
            }
            if failed:
                await self._settle(copies, failed)
            self._remember()
        if plan.discarded:
            self._doors.tell(
                "delivery.discarded", recipients=len(plan.discarded)
            )
        ok = Reply(250, f"OK {self._transaction.delivery_id}", "2.0.0")
        for place in range(len(self._transaction.envelope.recipients)):
            plan.replies.setdefault(place, ok)

    async def _deposit(self, copies: Sequence[Copy]) -> list[Delivered]:
        """Have the store take it."""
        return await deposit(self._doors.store, self._acceptance(copies))

    def _remember(self) -> None:
        """Know it again if it comes once more."""
        self._doors.repeats.accepted(
            self._transaction.client.address,
            self._body,
            self._transaction.delivery_id,
        )

    def _repeat_mark(self) -> bytes:
        """Name the first copy where this is a second one."""
        client = self._transaction.client.address
        first = self._doors.repeats.first(client, self._body)
        if first is None:
            return b""
        self._doors.tell("delivery.repeated", first=first)
        return mark(first)

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
        settings = self._doors.settings
        next_try = self._now + settings.schedule.waits_s[0]
        envelope = self._transaction.envelope
        await self._doors.store.accept(
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
        self._doors.tell("delivery.postponed", copies=len(missing))

    def _tell(self, done: Sequence[Delivered]) -> None:
        for delivered in done:
            delivery = delivered.delivery
            if delivered.error is None:
                self._doors.tell(
                    "delivery.stored",
                    account=delivery.account_id,
                    mailbox=delivery.mailbox,
                    uid=delivered.uid,
                    recipient=str(delivery.recipient),
                )
            else:
                self._doors.tell(
                    "delivery.unstored",
                    account=delivery.account_id,
                    mailbox=delivery.mailbox,
                    why=delivered.error.private,
                )
        for row in self._plan.rows.values():
            self._doors.tell(
                "delivery.held" if row.held else "delivery.queued",
                recipient=str(row.forward_path),
                route=row.route,
            )
