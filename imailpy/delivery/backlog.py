"""
Rows in memory: which are claimed, and which of them wait for whom.

Pure book-keeping. A row is claimed from the moment it is read from the queue
until its result is written down; rows of one message to one destination wait
together; destinations take turns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from imailpy.interfaces.queue import QueueRow

Where = TypeVar("Where")


class Backlog(Generic[Where]):
    """
    Rows that wait, by destination and message.

    Attributes:
        claimed: Ids of all rows in memory, waiting or on their way.
    """

    def __init__(self) -> None:
        self.claimed: set[str] = set()
        self._waiting: OrderedDict[str, OrderedDict[str, list[QueueRow]]] = (
            OrderedDict()
        )
        self._where: dict[str, Where] = {}

    def add(self, key: str, where: Where, row: QueueRow) -> None:
        """Claim a row for a destination."""
        self.claimed.add(row.id)
        self._where[key] = where
        messages = self._waiting.setdefault(key, OrderedDict())
        messages.setdefault(row.delivery_id, []).append(row)

    def take(self, key: str, most: int) -> Sequence[QueueRow]:
        """Give rows of the oldest message; empty when none waits."""
        messages = self._waiting.get(key)
        if not messages:
            return ()
        delivery_id, rows = next(iter(messages.items()))
        if len(rows) > most:
            messages[delivery_id] = rows[most:]
            return rows[:most]
        del messages[delivery_id]
        if not messages:
            del self._waiting[key]
            del self._where[key]
        return rows

    def take_all(self, key: str) -> Sequence[QueueRow]:
        """Give all that waits for a destination."""
        messages = self._waiting.pop(key, OrderedDict())
        self._where.pop(key, None)
        return [row for rows in messages.values() for row in rows]

    def put_back(
        self, key: str, where: Where, rows: Sequence[QueueRow]
    ) -> None:
        """They were taken and not tried: they are the next again."""
        self._where[key] = where
        messages = self._waiting.setdefault(key, OrderedDict())
        delivery_id = rows[0].delivery_id
        messages[delivery_id] = [*rows, *messages.get(delivery_id, ())]
        messages.move_to_end(delivery_id, last=False)

    def let_go(self, row_ids: Iterable[str]) -> None:
        """Their result is written down."""
        self.claimed.difference_update(row_ids)

    def messages(self, key: str) -> int:
        """How many messages wait for a destination."""
        return len(self._waiting.get(key, ()))

    def turns(self) -> Sequence[tuple[str, Where]]:
        """Destinations with something waiting, in the order of their turn."""
        return [(key, self._where[key]) for key in self._waiting]

    def had_turn(self, key: str) -> None:
        """Let the others have theirs first."""
        if key in self._waiting:
            self._waiting.move_to_end(key)
