"""
Who carries messages of the queue to where they go.

A carrier is open to one destination and takes one message after another: a
session with another server, or the way into our own mailboxes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed

from imailpy.interfaces.body import IBody
from imailpy.interfaces.queue import QueueRow
from imailpy.mail import Reply


@frozen
class Carried:
    """
    What came of one row.

    Attributes:
        reply: Positive: it is there; 4xx: try again; 5xx: it never will be.
        host: Who said it; empty when it was us.
        untried: The carrier broke before it could say anything about it.
        unknown: It may be there all the same.
        relayed: It went to a server that will not report its success.
        delivered: It is in its mailbox: nobody else reports that.
    """

    row: QueueRow
    reply: Reply
    host: str = ""
    untried: bool = False
    unknown: bool = False
    relayed: bool = False
    delivered: bool = False


class Carrier(ABC):
    """
    Takes messages to one destination.

    Attributes:
        key: Of the destination; set by who opened it.
    """

    key = ""

    @property
    @abstractmethod
    def usable(self) -> bool:
        """Whether it takes another message."""

    @property
    def reused(self) -> bool:
        """Whether the last message was not its first."""
        return False

    @abstractmethod
    async def carry(
        self, rows: Sequence[QueueRow], body: IBody
    ) -> Sequence[Carried]:
        """
        Take one message to some of its recipients.

        Args:
            rows: All of one message.

        Returns:
            One `Carried` for each row, in any order.

        Raises:
            MailError: Nothing was tried; the same may work later.
        """

    def close(self) -> Deferred[None]:
        """No more messages: fires when it is gone."""
        return succeed(None)

    def abort(self) -> None:  # noqa: B027 - what cannot last needs no end
        """Break off what is going on; `carry` returns soon."""
