"""The durable queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
from zope.interface import implementer

from imailpy.errors import ObjectNotFound, StoreUnavailable
from imailpy.interfaces.body import IBody
from imailpy.interfaces.queue import (
    Attempt,
    IQueue,
    QueueRow,
    QueueState,
)
from imailpy.mail import MailParameters, Path, Reply
from imailpy.store.bodies import JoinedBody
from imailpy.store.sqlite.accept_jobs import accept
from imailpy.store.sqlite.keeping import release_extents
from imailpy.store.sqlite.segments import Place

if TYPE_CHECKING:
    from imailpy.interfaces.store import Acceptance
    from imailpy.message.rendition import Rendition
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Job, Tx

_STATES = (
    QueueState.READY,
    QueueState.DEFERRED,
    QueueState.HELD,
    QueueState.DONE,
    QueueState.FAILED,
)
_NUMBERS = {state: number for number, state in enumerate(_STATES)}
READY, DEFERRED, HELD, DONE, FAILED = range(5)
FIRST_FINAL = DONE

_ROWS = (
    "SELECT q.id, q.delivery_id, s.reverse_local, s.reverse_domain,"
    " q.local_part, q.domain, q.route, q.state, s.received_at, q.next_try,"
    " q.tries, q.notices, q.notify, q.orcpt, s.parameters,"
    " s.body_octets + length(s.prefix), q.reply_code, q.reply_text,"
    " q.reply_status, q.last_host"
    " FROM queue q JOIN spool s ON s.delivery_id = q.delivery_id"
)


@implementer(IQueue)
class SqliteQueue:
    """Reads in the reactor thread, changes through the writer."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._calls: list[Callable[[], None]] = []

    def _read(self, sql: str, bindings: tuple[Any, ...] = ()) -> Any:
        try:
            return self._store.reader.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise StoreUnavailable(f"queue: {error!r}") from error

    async def due(self, now: float, most: int) -> Sequence[QueueRow]:
        found: list[QueueRow] = []
        # One range of the index for each state, so that a long queue that
        # is not due costs nothing.
        for state in (READY, DEFERRED):
            rows = self._read(
                f"{_ROWS} WHERE q.state = ? AND q.next_try <= ?"
                " ORDER BY q.next_try, q.id LIMIT ?",
                (state, now, most),
            )
            found += [self._row(row) for row in rows]
        found.sort(key=lambda row: row.next_try)
        return found[:most]

    async def next_due(self) -> float | None:
        rows = self._read(
            "SELECT min(next_try) FROM queue WHERE state = 0"
            " UNION ALL SELECT min(next_try) FROM queue WHERE state = 1"
        )
        return min(
            (when for (when,) in rows if when is not None), default=None
        )

    async def record(
        self, attempts: Sequence[Attempt], reports: Sequence[Acceptance] = ()
    ) -> None:
        def run(
            tx: Tx, places: list[Place], renditions: list[Rendition]
        ) -> None:
            for attempt in attempts:
                _record(tx, attempt)
            for report, place, rendition in zip(
                reports, places, renditions, strict=True
            ):
                accept(tx, report, place, rendition)

        await self._store.work_with_bodies(
            run, [report.body for report in reports], grows=False
        )

    async def body(self, delivery_id: str) -> IBody:
        rows = self._read(
            "SELECT extent, sha256, prefix FROM spool WHERE delivery_id = ?",
            (delivery_id,),
        )
        if not rows or rows[0][0] is None:
            raise ObjectNotFound(f"delivery {delivery_id}")
        extent, sha256, prefix = rows[0]
        shared = self._store.read_extent(extent, sha256, verify=True)
        return JoinedBody(prefix, shared)

    async def rows(
        self,
        *,
        states: frozenset[QueueState] | None = None,
        route: str | None = None,
        after: str | None = None,
        most: int = 100,
    ) -> Sequence[QueueRow]:
        wanted = sorted(
            _NUMBERS[state]
            for state in (_STATES if states is None else states)
        )
        where = [f"q.state IN ({', '.join('?' * len(wanted))})"]
        bindings: list[Any] = [*wanted]
        if route is not None:
            where.append("q.route = ?")
            bindings.append(route)
        if after is not None:
            where.append("q.id > ?")
            bindings.append(self._number(after))
        rows = self._read(
            f"{_ROWS} WHERE {' AND '.join(where)} ORDER BY q.id LIMIT ?",
            (*bindings, most),
        )
        return [self._row(row) for row in rows]

    async def row(self, row_id: str) -> QueueRow:
        rows = self._read(f"{_ROWS} WHERE q.id = ?", (self._number(row_id),))
        if not rows:
            raise ObjectNotFound(f"queue row {row_id}")
        return self._row(rows[0])

    async def retry(self, row_ids: Sequence[str], now: float) -> int:
        def run(tx: Tx, job: Job) -> int:
            changed = 0
            for number in numbers:
                tx.execute(
                    "UPDATE queue SET state = ?, next_try = ?"
                    " WHERE id = ? AND state < ?",
                    (READY, now, number, FIRST_FINAL),
                )
                changed += tx.changes()
            tx.queued = changed > 0
            return changed

        numbers = [self._number(row_id) for row_id in row_ids]
        return int(await self._store.work(run, grows=False))

    async def hold(self, row_ids: Sequence[str]) -> int:
        def run(tx: Tx, job: Job) -> int:
            changed = 0
            for number in numbers:
                tx.execute(
                    "UPDATE queue SET state = ? WHERE id = ? AND state < ?",
                    (HELD, number, HELD),
                )
                changed += tx.changes()
            return changed

        numbers = [self._number(row_id) for row_id in row_ids]
        return int(await self._store.work(run, grows=False))

    async def drop(self, row_ids: Sequence[str]) -> int:
        def run(tx: Tx, job: Job) -> int:
            return sum(_drop(tx, number) for number in numbers)

        numbers = [self._number(row_id) for row_id in row_ids]
        return int(await self._store.work(run, grows=False))

    async def counts(self) -> dict[str, int]:
        rows = await self._store.connections.read_long(_count)
        counts = dict(rows)
        return {
            state.value: counts.get(number, 0)
            for number, state in enumerate(_STATES)
        }

    def when_queued(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def tell(self) -> None:
        """Something was queued, and is committed."""
        for call in tuple(self._calls):
            call()

    # --- ids: the shard, then a number; text to everybody else

    def _id(self, number: int) -> str:
        return f"q{self._store.shard}{number:012x}"

    def _number(self, row_id: str) -> int:
        return _number(self._store.shard, row_id)

    def _row(self, row: tuple[Any, ...]) -> QueueRow:
        reply = None
        if row[16] is not None:
            reply = Reply(row[16], row[17], row[18])
        return QueueRow(
            id=self._id(row[0]),
            delivery_id=row[1],
            reverse_path=Path(row[2], row[3]),
            forward_path=Path(row[4], row[5]),
            route=row[6],
            state=_STATES[row[7]],
            received_at=row[8],
            next_try=row[9],
            tries=row[10],
            notices=row[11],
            notify=frozenset(row[12].split()),
            orcpt=row[13] or None,
            parameters=MailParameters(**json.loads(row[14])),
            size_octets=row[15],
            last_reply=reply,
            last_host=row[19],
        )


def _count(connection: Any) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = connection.execute(
        "SELECT state, count(*) FROM queue GROUP BY state"
    ).fetchall()
    return found


def _record(tx: Tx, attempt: Attempt) -> None:
    """Write one result down; a row that is final stays as it is."""
    state = _NUMBERS[attempt.state]
    final = state >= FIRST_FINAL
    tx.execute(
        "UPDATE queue SET state = ?, next_try = ?, tries = tries + ?,"
        " notices = CASE WHEN ? > 0 THEN ? ELSE notices END,"
        " reply_code = ?, reply_status = ?, reply_text = ?, last_host = ?,"
        " final_at = ? WHERE id = ? AND state < ?",
        (
            state,
            attempt.next_try,
            int(attempt.counts_as_try),
            attempt.notices,
            attempt.notices,
            attempt.reply.code,
            attempt.reply.enhanced_status,
            attempt.reply.text,
            attempt.host,
            tx.now if final else None,
            _number(tx.state.shard, attempt.id),
            FIRST_FINAL,
        ),
    )
    if final and tx.changes():
        _let_go(tx, _number(tx.state.shard, attempt.id))


def _number(shard: str, row_id: str) -> int:
    """Give the number of an id, -1 for one that is not ours."""
    start = f"q{shard}"
    digits = row_id[len(start) :]
    if not row_id.startswith(start) or len(digits) != 12:
        return -1
    if set(digits) - set("0123456789abcdef"):
        return -1
    return int(digits, 16)


def _drop(tx: Tx, number: int) -> int:
    tx.execute(
        "UPDATE queue SET state = ?, final_at = ? WHERE id = ? AND state < ?",
        (FAILED, tx.now, number, FIRST_FINAL),
    )
    if not tx.changes():
        return 0
    _let_go(tx, number)
    return 1


def _let_go(tx: Tx, number: int) -> None:
    """Let go of the octets once every recipient is final."""
    row = tx.execute(
        "SELECT s.delivery_id, s.extent FROM queue q"
        " JOIN spool s ON s.delivery_id = q.delivery_id"
        " WHERE q.id = ? AND NOT EXISTS (SELECT 1 FROM queue o"
        " WHERE o.delivery_id = q.delivery_id AND o.state < ?)",
        (number, FIRST_FINAL),
    ).fetchone()
    if row is None or row[1] is None:
        return
    tx.execute(
        "UPDATE spool SET extent = NULL WHERE delivery_id = ?", (row[0],)
    )
    release_extents(tx, [(row[1], 1)])
