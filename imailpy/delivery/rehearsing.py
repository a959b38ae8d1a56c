"""A receiver that finds out what it would answer, and takes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from imailpy.delivery.accepting import Planning, taken
from imailpy.delivery.receiving import Receiver, Receiving
from imailpy.interfaces.delivery import IReceiver, IReceiving, Transaction
from imailpy.mail import Decision, Reply


@implementer(IReceiving)
class RehearsedReceiving(Receiving):
    """A message that goes through everything but the store."""

    async def accept(self, decisions: Sequence[Decision]) -> Sequence[Reply]:
        """Plan it, and answer as if it were kept."""
        if self._body is None:
            raise ValueError("nothing was finished")
        try:
            plan = await Planning(self._doors, self._body).plan(decisions)
        finally:
            self.discard()
        return taken(self._doors.transaction, plan)


@implementer(IReceiver)
class RehearsedReceiver(Receiver):
    """Where nothing goes."""

    def begin(self, transaction: Transaction) -> RehearsedReceiving:
        """A message is shown."""
        return RehearsedReceiving(self.doors(transaction))
