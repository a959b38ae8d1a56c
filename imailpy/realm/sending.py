"""
Counting what accounts send.

Counts are kept by the hour, the last 24 of them are a day: so the room of a
busy hour comes back a day later, and not all of it at midnight. What is
under way is reserved: a hundred connections at once get no more than one.

    begin     MAIL: the account's ledger, read from the store at first
    take      reserves a message, or a recipient
    commit    the message was taken: it counts
    release   it was not: as if nothing had been

What is new is written down once a second, in one transaction of the store: a
crash loses the counts of one second, never mail. Memory is bounded by the
number of ledgers; those with nothing under way and nothing new are let go.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import Any

from attrs import Factory, define
from twisted.internet.defer import Deferred

from imailpy.errors import MailError
from imailpy.interfaces.directory import Account, IDirectory
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.sending import (
    NO_OWN_LIMITS,
    AccountUse,
    HourUse,
    ISending,
    OwnLimits,
    UseChange,
)
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IWorld
from imailpy.mail import Client, Decision, Path
from imailpy.policy.facts import Usage
from imailpy.policy.settings import OverLimit, SendingLimits
from imailpy.realm.settings import RealmSettings
from imailpy.realm.silence import Silence

HOUR_S = 3600
DAY_HOURS = 24
WRITE_AFTER_S = 1.0
ALERT_EVERY_S = 86_400.0
MOST_LEDGERS = 10_000
MARK_OCTETS = 8


@define(eq=False)
class Ledger:
    """
    What one account has sent.

    Attributes:
        hours: Hour -> messages, recipients, first-time recipients.
        reserved: The same of what is under way.
        marks: First-time recipients that the store does not know yet.
        changed: Hours that the store does not know yet.
        tokens: Messages that may be sent at once, as of `tokens_at`.
    """

    hours: dict[int, list[int]]
    alerted_at: float = 0.0
    reserved: list[int] = Factory(lambda: [0, 0, 0])
    marks: dict[bytes, None] = Factory(dict)
    changed: set[int] = Factory(set)
    tokens: float | None = None
    tokens_at: float = 0.0
    open: int = 0
    _day: list[int] = Factory(lambda: [0, 0, 0])
    _day_of: int = -1

    def day(self, hour: int) -> tuple[int, int, int]:
        """Sum up a day, with what is under way."""
        if self._day_of != hour:
            self._day_of = hour
            self._day = [0, 0, 0]
            for at, counts in self.hours.items():
                if hour - DAY_HOURS < at <= hour:
                    for which in range(3):
                        self._day[which] += counts[which]
        day, reserved = self._day, self.reserved
        return (
            day[0] + reserved[0],
            day[1] + reserved[1],
            day[2] + reserved[2],
        )

    def add(self, hour: int, taken: list[int]) -> None:
        """Count what was sent in an hour."""
        counts = self.hours.setdefault(hour, [0, 0, 0])
        for which in range(3):
            counts[which] += taken[which]
        self.changed.add(hour)
        self._day_of = -1

    def burst(self, most: int, now: float) -> float:
        """Messages that may be sent at once."""
        if self.tokens is None:
            self.tokens = float(most)
        else:
            back = max(0.0, now - self.tokens_at) * most / 60
            self.tokens = min(float(most), self.tokens + back)
        self.tokens_at = now
        return self.tokens

    def copy(self) -> Ledger:
        """One that is as this one is now, and goes its own way."""
        return Ledger(
            {at: list(counts) for at, counts in self.hours.items()},
            self.alerted_at,
            list(self.reserved),
            dict(self.marks),
            set(self.changed),
            self.tokens,
            self.tokens_at,
            self.open,
        )

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (self.open or self.marks or self.changed)


def together(
    limits: SendingLimits, own: OwnLimits, account: Account
) -> SendingLimits:
    """Give an account's limits: its own, for the rest those of all."""
    if own is NO_OWN_LIMITS or own == NO_OWN_LIMITS:
        return limits

    def chosen(mine: int | None, of_all: int) -> int:
        return of_all if mine is None else mine

    over = limits.over
    if own.hold is not None:
        over = OverLimit.HOLD if own.hold else OverLimit.DEFER
    return SendingLimits(
        chosen(own.messages, limits.messages),
        chosen(own.recipients, limits.recipients),
        chosen(own.first_time, limits.first_time),
        chosen(own.burst, limits.burst),
        over,
        f"account {account.address}",
    )


class Sending:
    """The ledgers of all accounts."""

    def __init__(
        self,
        world: IWorld,
        settings: Provider[RealmSettings],
        directory: IDirectory,
        store: ISending,
        journal: IJournal,
    ) -> None:
        self.world = world
        self.journal: IJournal = journal
        self.store = store
        self._settings = settings
        self._directory = directory
        self._ledgers: OrderedDict[str, Ledger] = OrderedDict()
        self._timer: Any = None
        self._writing: Deferred[None] | None = None

    async def begin(self, account: Account) -> Spending | None:
        """
        Begin a message of an account's; None where nothing is counted.

        Raises:
            DirectoryUnavailable: It cannot be told what it has sent.
        """
        limits = await self.limits(account)
        if not limits.any:
            return None
        # Held for as long as somebody sends.
        ledger = self._ledgers.get(account.id)
        if ledger is None:
            ledger = await self._ledger(account.id)
        else:
            self._ledgers.move_to_end(account.id)
        return Spending(self, account, ledger, limits)

    async def limits(self, account: Account) -> SendingLimits:
        """What holds for an account."""
        of_all = self._settings.current.policy.sending
        own = await self.store.limits(account.id)
        return together(of_all, own, account)

    async def use(self, account: Account) -> tuple[int, int, int]:
        """Messages, recipients, first-time recipients of 24 hours."""
        ledger = await self._ledger(account.id)
        return ledger.day(self.hour())

    async def mark(self, path: Path) -> bytes:
        """What stands for a recipient: nobody can read it from there."""
        key = await self._directory.server_key("recipients")
        digest = hmac.digest(key, path.folded.encode(), "sha256")
        return digest[:MARK_OCTETS]

    def hour(self) -> int:
        """Which hour it is."""
        return int(self.world.clock.now() // HOUR_S)

    def changed(self) -> None:
        """Something is to be written down, within a second."""
        if self._timer is None:
            self._timer = self.world.clock.call_later(
                WRITE_AFTER_S, self._write_soon
            )

    def rehearsing(
        self, settings: Provider[RealmSettings] | None = None
    ) -> Sending:
        """
        A likeness that has counted the same, and whose counts are its own.

        Args:
            settings: Other ones than these.
        """
        return _Rehearsed(self, settings or self._settings)

    async def stop(self) -> None:
        """Write down what is new."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._writing is not None:
            await self._writing
        await self._write()

    # Inside

    async def _ledger(self, account_id: str) -> Ledger:
        ledger = self._ledgers.get(account_id)
        if ledger is None:
            kept = await self.store.use(account_id)
            # Somebody else may have been as fast.
            ledger = self._ledgers.get(account_id) or _read(kept)
            self._let_go()
            self._ledgers[account_id] = ledger
        self._ledgers.move_to_end(account_id)
        return ledger

    def _let_go(self) -> None:
        surplus = len(self._ledgers) + 1 - MOST_LEDGERS
        if surplus <= 0:
            return
        for account_id in list(self._ledgers)[: surplus + 8]:
            if self._ledgers[account_id].idle:
                del self._ledgers[account_id]

    def _write_soon(self) -> None:
        self._timer = None
        if self._writing is not None:
            self.changed()
            return
        writing: Deferred[None] = Deferred.fromCoroutine(self._write())
        if not writing.called:
            self._writing = writing
            writing.addBoth(self._written)

    def _written(self, _: Any) -> None:
        self._writing = None

    async def _write(self) -> None:
        """Write all that is new; what cannot be is tried again."""
        hour = self.hour()
        taken = []
        for account_id, ledger in self._ledgers.items():
            if ledger.changed or ledger.marks:
                taken.append((ledger, _change(account_id, ledger, hour)))
        if not taken:
            return
        for ledger, _ in taken:
            ledger.changed, ledger.marks = set(), {}
        try:
            await self.store.record([change for _, change in taken])
        except MailError as error:
            self.journal.record("submission.unrecorded", why=error.private)
            for ledger, change in taken:
                ledger.changed.update(each.hour for each in change.hours)
                ledger.marks.update(dict.fromkeys(change.marks))
            self.changed()


class _Rehearsed(Sending):
    """Begins with the ledgers of another one, and writes nothing down."""

    def __init__(
        self, live: Sending, settings: Provider[RealmSettings]
    ) -> None:
        super().__init__(
            live.world, settings, live._directory, live.store, Silence()
        )
        self._live = live

    async def _ledger(self, account_id: str) -> Ledger:
        if account_id not in self._ledgers:
            live = self._live._ledgers.get(account_id)
            if live is not None:
                self._ledgers[account_id] = live.copy()
        return await super()._ledger(account_id)

    def changed(self) -> None:
        """Nothing is written."""

    async def stop(self) -> None:
        """Likewise."""


def _read(kept: AccountUse) -> Ledger:
    return Ledger(
        {
            each.hour: [each.messages, each.recipients, each.first_time]
            for each in kept.hours
        },
        kept.alerted_at,
    )


def _change(account_id: str, ledger: Ledger, hour: int) -> UseChange:
    for old in [at for at in ledger.hours if at <= hour - DAY_HOURS]:
        del ledger.hours[old]
    return UseChange(
        account_id,
        tuple(
            HourUse(at, *ledger.hours[at])
            for at in sorted(ledger.changed)
            if at in ledger.hours
        ),
        tuple(ledger.marks),
        hour,
        ledger.alerted_at,
    )


class Spending:
    """
    One message of an account's, from MAIL on.

    Attributes:
        limits: As they were at MAIL.
    """

    def __init__(
        self,
        sending: Sending,
        account: Account,
        ledger: Ledger,
        limits: SendingLimits,
    ) -> None:
        self.limits = limits
        self._sending = sending
        self._account = account
        self._ledger = ledger
        self._taken = [0, 0, 0]
        self._marks: dict[bytes, None] = {}
        self._marked: tuple[Path | None, bytes] = None, b""
        self._open = False
        self._hour = sending.hour()

    def usage(self) -> Usage:
        """What the account has sent, with all that is under way."""
        ledger, limits = self._ledger, self.limits
        # The hour of MAIL is that of the whole transaction.
        hour = self._hour
        burst = 0.0
        if limits.burst and not self._open:
            now = self._sending.world.clock.monotonic()
            burst = ledger.burst(limits.burst, now)
        return Usage(
            str(self._account.address), limits, *ledger.day(hour), burst
        )

    async def is_new(self, path: Path) -> bool:
        """Whether the account has never written to an address."""
        if not self.limits.first_time:
            return False
        mark = await self._mark(path)
        if mark in self._marks or mark in self._ledger.marks:
            return False
        return not await self._sending.store.knows(self._account.id, mark)

    def take_message(self) -> None:
        """MAIL was granted."""
        self._open = True
        self._ledger.open += 1
        self._take(0)
        if self.limits.burst and self._ledger.tokens is not None:
            self._ledger.tokens -= 1

    async def take_recipient(self, path: Path, first_time: bool) -> None:
        """RCPT was said: reserve it, to be given back when it is refused."""
        self._take(1)
        if first_time:
            self._take(2)
            self._marks[await self._mark(path)] = None

    async def give_back(self, path: Path, first_time: bool) -> None:
        """RCPT was refused."""
        self._take(1, -1)
        if first_time:
            self._take(2, -1)
            self._marks.pop(await self._mark(path), None)

    def commit(self) -> None:
        """The message was taken."""
        if not self._open:
            return
        self._close()
        self._ledger.add(self._sending.hour(), self._taken)
        self._ledger.marks.update(self._marks)
        self._sending.changed()

    def release(self) -> None:
        """It was not; what it took of a burst is gone."""
        if self._open:
            self._close()

    def alert(self, decision: Decision, client: Client) -> None:
        """Tell an operator, once a day."""
        now = self._sending.world.clock.now()
        ledger = self._ledger
        if now < ledger.alerted_at + ALERT_EVERY_S:
            return
        ledger.alerted_at = now
        ledger.add(self._sending.hour(), [0, 0, 0])
        self._sending.changed()
        self._sending.journal.record(
            "submission.limit_alert",
            session_id=client.session_id,
            account=str(self._account.address),
            rule=decision.rule,
            reason=decision.reason,
            entry=decision.entry,
            client=client.address,
        )

    async def _mark(self, path: Path) -> bytes:
        """As `Sending.mark`; of one recipient it is asked twice or more."""
        marked, mark = self._marked
        if marked is not path:
            mark = await self._sending.mark(path)
            self._marked = path, mark
        return mark

    def _take(self, which: int, count: int = 1) -> None:
        if self._open:
            self._taken[which] += count
            self._ledger.reserved[which] += count

    def _close(self) -> None:
        self._open = False
        self._ledger.open -= 1
        for which in range(3):
            self._ledger.reserved[which] -= self._taken[which]
