"""The queue in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve
from zope.interface import implementer

from imailpy.errors import ObjectNotFound
from imailpy.interfaces.body import IBody
from imailpy.interfaces.queue import (
    Attempt,
    IQueue,
    QueueRow,
    QueueState,
)
from imailpy.store.bodies import JoinedBody, MemoryBody, octets_of

if TYPE_CHECKING:
    from imailpy.interfaces.store import Acceptance

_WAITING = (QueueState.READY, QueueState.DEFERRED)
_FINAL = (QueueState.DONE, QueueState.FAILED)


@implementer(IQueue)
class MemoryQueue:
    """
    One row a recipient.

    Args:
        accept: Takes a report (a DSN).
    """

    def __init__(self, accept: Callable[[Acceptance], object]) -> None:
        self._accept = accept
        self._rows: dict[str, QueueRow] = {}
        self._bodies: dict[str, IBody] = {}
        self._seen: set[tuple[str, str, str]] = set()
        self._calls: list[Callable[[], None]] = []

    def add(self, acceptance: Acceptance) -> int:
        """Queue the recipients that are not queued yet; gives how many."""
        added = 0
        for recipient in acceptance.queued:
            key = (
                acceptance.delivery_id,
                str(recipient.forward_path),
                recipient.orcpt or "",
            )
            if key in self._seen:
                continue
            self._seen.add(key)
            added += 1
            row_id = f"q{len(self._rows) + 1:010}"
            self._rows[row_id] = QueueRow(
                id=row_id,
                delivery_id=acceptance.delivery_id,
                reverse_path=acceptance.reverse_path,
                forward_path=recipient.forward_path,
                route=recipient.route,
                state=(
                    QueueState.HELD if recipient.held else QueueState.READY
                ),
                received_at=acceptance.received_at,
                next_try=recipient.next_try,
                tries=0,
                notices=0,
                notify=recipient.notify,
                orcpt=recipient.orcpt,
                parameters=acceptance.parameters,
                size_octets=len(acceptance.queue_prefix)
                + acceptance.body.size_octets,
            )
        if added:
            self._bodies[acceptance.delivery_id] = JoinedBody(
                acceptance.queue_prefix,
                MemoryBody(octets_of(acceptance.body)),
            )
        return added

    def tell(self) -> None:
        """Something was queued."""
        for call in tuple(self._calls):
            call()

    async def due(self, now: float, most: int) -> Sequence[QueueRow]:
        rows = [
            row
            for row in self._rows.values()
            if row.state in _WAITING and row.next_try <= now
        ]
        rows.sort(key=lambda row: (row.next_try, row.id))
        return rows[:most]

    async def next_due(self) -> float | None:
        return min(
            (r.next_try for r in self._rows.values() if r.state in _WAITING),
            default=None,
        )

    async def record(
        self, attempts: Sequence[Attempt], reports: Sequence[Acceptance] = ()
    ) -> None:
        for attempt in attempts:
            row = await self.row(attempt.id)
            if row.state in _FINAL:
                continue
            self._rows[attempt.id] = evolve(
                row,
                state=attempt.state,
                next_try=attempt.next_try,
                tries=row.tries + attempt.counts_as_try,
                notices=attempt.notices or row.notices,
                last_reply=attempt.reply,
                last_host=attempt.host,
            )
            self._forget_body(row.delivery_id)
        for report in reports:
            self._accept(report)

    async def body(self, delivery_id: str) -> IBody:
        try:
            return self._bodies[delivery_id]
        except KeyError:
            raise ObjectNotFound(f"delivery {delivery_id}") from None

    async def rows(
        self,
        *,
        states: frozenset[QueueState] | None = None,
        route: str | None = None,
        after: str | None = None,
        most: int = 100,
    ) -> Sequence[QueueRow]:
        found = [
            row
            for row_id, row in sorted(self._rows.items())
            if (states is None or row.state in states)
            and route in (None, row.route)
            and (after is None or row_id > after)
        ]
        return found[:most]

    async def row(self, row_id: str) -> QueueRow:
        try:
            return self._rows[row_id]
        except KeyError:
            raise ObjectNotFound(f"queue row {row_id}") from None

    async def retry(self, row_ids: Sequence[str], now: float) -> int:
        return self._change(
            row_ids, (*_WAITING, QueueState.HELD), QueueState.READY, now
        )

    async def hold(self, row_ids: Sequence[str]) -> int:
        return self._change(row_ids, _WAITING, QueueState.HELD)

    async def drop(self, row_ids: Sequence[str]) -> int:
        return self._change(
            row_ids, (*_WAITING, QueueState.HELD), QueueState.FAILED
        )

    async def counts(self) -> dict[str, int]:
        counts = {state.value: 0 for state in QueueState}
        for row in self._rows.values():
            counts[row.state.value] += 1
        return counts

    def when_queued(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def _change(
        self,
        row_ids: Sequence[str],
        states: tuple[QueueState, ...],
        state: QueueState,
        now: float | None = None,
    ) -> int:
        changed = 0
        for row_id in row_ids:
            row = self._rows.get(row_id)
            if row is None or row.state not in states:
                continue
            when = row.next_try if now is None else now
            self._rows[row_id] = evolve(row, state=state, next_try=when)
            self._forget_body(row.delivery_id)
            changed += 1
        if changed and state is QueueState.READY:
            self.tell()
        return changed

    def _forget_body(self, delivery_id: str) -> None:
        if all(
            row.state in _FINAL
            for row in self._rows.values()
            if row.delivery_id == delivery_id
        ):
            self._bodies.pop(delivery_id, None)
