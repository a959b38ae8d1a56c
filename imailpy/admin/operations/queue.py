"""The queue: mail that waits for the world."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.interfaces.queue import QueueRow, QueueState


class Queue:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._queue = house.store.queue

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "queue.list": self.queue_list,
            "queue.show": self.queue_show,
            "queue.retry": self.queue_retry,
            "queue.hold": self.queue_hold,
            "queue.drop": self.queue_drop,
        }

    async def queue_list(
        self,
        states: list[str] | None = None,
        route: str | None = None,
        after: str | None = None,
        most: int = 100,
    ) -> Plain:
        """A page of the queue; waiting recipients unless `states` says."""
        if states is None:
            states = ["ready", "deferred", "held"]
        try:
            wanted = frozenset(QueueState(state) for state in states)
        except ValueError as error:
            raise BadRequest(str(error), str(error)) from None
        rows = await self._queue.rows(
            states=wanted, route=route, after=after, most=min(most, 1000)
        )
        return [_row(row) for row in rows]

    async def queue_show(self, id: str) -> Plain:
        """One queued recipient."""
        return _row(await self._queue.row(id))

    async def queue_retry(self, ids: list[str]) -> Plain:
        """Try recipients now."""
        now = self._house.world.clock.now()
        count = await self._queue.retry(await self._ids(ids), now)
        if self._house.server is not None:
            self._house.server.wake_queue()
        return {"rows": count}

    async def queue_hold(self, ids: list[str]) -> Plain:
        """Keep recipients from being tried."""
        return {"rows": await self._queue.hold(await self._ids(ids))}

    async def queue_drop(self, ids: list[str]) -> Plain:
        """End recipients without a DSN."""
        return {"rows": await self._queue.drop(await self._ids(ids))}

    async def _ids(self, ids: list[str]) -> list[str]:
        """`all` stands for everything that waits."""
        if ids != ["all"]:
            return ids
        found: list[str] = []
        after: str | None = None
        waiting = frozenset(
            (QueueState.READY, QueueState.DEFERRED, QueueState.HELD)
        )
        while True:
            page = await self._queue.rows(
                states=waiting, after=after, most=1000
            )
            found.extend(row.id for row in page)
            if len(page) < 1000:
                return found
            after = page[-1].id


def _row(row: QueueRow) -> Plain:
    return {
        "id": row.id,
        "message": row.delivery_id,
        "from": str(row.reverse_path),
        "to": str(row.forward_path),
        "route": row.route,
        "state": row.state.value,
        "received_at": row.received_at,
        "next_try": row.next_try or None,
        "tries": row.tries,
        "size_octets": row.size_octets,
        "last_reply": str(row.last_reply) if row.last_reply else None,
        "last_host": row.last_host or None,
    }
