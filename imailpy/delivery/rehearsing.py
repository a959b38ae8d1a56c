"""A receiver that finds out what it would answer, and takes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from imailpy.delivery.accepting import Planning, Promise
from imailpy.delivery.plan import Copy
from imailpy.delivery.receiving import Receiver, Receiving
from imailpy.errors import MailError, OverQuota
from imailpy.interfaces.delivery import IReceiver, IReceiving, Transaction
from imailpy.interfaces.store import Delivered
from imailpy.mail import Decision, Reply


class Pretence(Promise):
    """A promise that nobody keeps: the store is not asked."""

    async def _deposit(self, copies: Sequence[Copy]) -> list[Delivered]:
        """Say what the store would: whether there is room for each."""
        done = []
        for copy, delivery in zip(
            copies, self._acceptance(copies).deliveries, strict=True
        ):
            error: MailError | None = None
            account = copy.place.account
            standing = await self._doors.router.standing(account.address)
            room = standing.room_octets
            size_octets = len(delivery.prefix) + self._body.size_octets
            if room is not None and size_octets > room:
                error = OverQuota(f"quota of {account.id}")
            uid = 0 if error is None else None
            done.append(Delivered(delivery, uid, error))
        return done

    async def _try_again(self, missing: Sequence[Copy]) -> None:
        """There is nothing to be tried."""

    def _remember(self) -> None:
        """It never came."""


@implementer(IReceiving)
class RehearsedReceiving(Receiving):
    """A message that goes through everything but the store."""

    async def accept(self, decisions: Sequence[Decision]) -> Sequence[Reply]:
        """Plan it, and answer as if it were kept."""
        if self._body is None:
            raise ValueError("nothing was finished")
        try:
            plan = await Planning(self._doors, self._body).plan(decisions)
            await Pretence(self._doors, plan, self._body).make()
        finally:
            self.discard()
        return [plan.replies[place] for place in range(len(decisions))]


@implementer(IReceiver)
class RehearsedReceiver(Receiver):
    """Where nothing goes."""

    def begin(self, transaction: Transaction) -> RehearsedReceiving:
        """A message is shown."""
        return RehearsedReceiving(self.doors(transaction))
