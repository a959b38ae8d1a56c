"""
The sweeper: makes room, a small step at a time.

Rows go first, octets after the commit that let go of them; a reader that
still holds a body holds its file open, and one that comes too late looks the
row up again. Every step is a job like any other and may be cut off anywhere.

    expunged messages   -> emails -> blobs (grace) -> extents -> segments
    segments mostly dead: what lives is appended to the present one, synced,
    and its rows are pointed there; the old file goes once nothing lives in it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imailpy.store.sqlite.keeping import (
    count_in_segment,
    release_emails,
    release_extents,
)

if TYPE_CHECKING:
    from imailpy.store.sqlite.writer import Job, Tx

# Rows in one step, octets copied in one step of compaction.
ROWS = 500
COPIED_OCTETS = 4 * 1024 * 1024

# Rows of a history that are looked at in one sweep.
WALKED = 1000

# Pages given back in one step, and free pages that are left alone.
PAGES = 1000
FREE_PAGES_KEPT = 16


def expunged(tx: Tx, job: Job) -> int:
    """Messages past their time to be brought back."""
    rows = tx.execute(
        "SELECT mailbox, uid, email FROM messages"
        " WHERE expunged_at IS NOT NULL AND expunged_at <= ? LIMIT ?",
        (tx.now - tx.settings.undelete_s, ROWS),
    ).fetchall()
    tx.connection.executemany(
        "DELETE FROM messages WHERE mailbox = ? AND uid = ?",
        [row[:2] for row in rows],
    )
    release_emails(tx, list(Counter(row[2] for row in rows).items()))
    tx.world.fault_point("store.sweep_expunged")
    return len(rows)


def deleted_mailboxes(tx: Tx, job: Job) -> int:
    """Messages of deleted mailboxes, then the mailboxes."""
    key = tx.execute(
        "SELECT key FROM mailboxes WHERE deleted_at IS NOT NULL"
        " AND deleted_at <= ? LIMIT 1",
        (tx.now - tx.settings.undelete_s,),
    ).get
    if key is None:
        return 0
    rows = tx.execute(
        "SELECT uid, email FROM messages WHERE mailbox = ? LIMIT ?",
        (key, ROWS),
    ).fetchall()
    tx.connection.executemany(
        "DELETE FROM messages WHERE mailbox = ? AND uid = ?",
        [(key, row[0]) for row in rows],
    )
    release_emails(tx, list(Counter(row[1] for row in rows).items()))
    if not rows:
        tx.execute("DELETE FROM mailbox_keywords WHERE mailbox = ?", (key,))
        tx.execute("DELETE FROM mailboxes WHERE key = ?", (key,))
    tx.world.fault_point("store.sweep_mailboxes")
    return len(rows) + 1


def removed_accounts(tx: Tx, job: Job) -> int:
    """What is left of an account without mailboxes."""
    key = tx.execute(
        "SELECT key FROM account_state a WHERE removed_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM mailboxes b WHERE b.account = a.key)"
        " LIMIT 1"
    ).get
    if key is None:
        return 0
    for table in ("threads", "events", "subscriptions"):
        tx.execute(f"DELETE FROM {table} WHERE account = ?", (key,))
    tx.execute("DELETE FROM account_state WHERE key = ?", (key,))
    return 1


def unused_blobs(tx: Tx, job: Job) -> int:
    """Blobs that nothing has referred to for the time of grace."""
    rows = tx.execute(
        "SELECT id, extent FROM blobs WHERE unused_since IS NOT NULL"
        " AND unused_since <= ? AND refs <= 0 LIMIT ?",
        (tx.now - tx.settings.blob_grace_s, ROWS),
    ).fetchall()
    for blob, extent in rows:
        tx.execute("DELETE FROM blobs WHERE id = ?", (blob,))
        release_extents(tx, [(extent, 1)])
    tx.world.fault_point("store.sweep_blobs")
    return len(rows)


def old_queue_rows(tx: Tx, job: Job) -> int:
    """Final recipients past their history."""
    since = tx.now - tx.settings.queue_history_s
    rows = tx.execute(
        "SELECT id, delivery_id FROM queue"
        " WHERE final_at IS NOT NULL AND final_at <= ? LIMIT ?",
        (since, ROWS),
    ).fetchall()
    tx.connection.executemany(
        "DELETE FROM queue WHERE id = ?", [row[:1] for row in rows]
    )
    tx.connection.executemany(
        "DELETE FROM spool WHERE delivery_id = ? AND extent IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM queue q"
        " WHERE q.delivery_id = spool.delivery_id)",
        sorted({row[1:] for row in rows}),
    )
    return len(rows)


def _walk(tx: Tx, table: str, key: tuple[str, ...], since: float) -> None:
    """
    Look at the next rows of a history, remove the old ones.

    There is no index by time: it would cost more at every message than this
    walk, which comes around in a day or so.
    """
    columns = ", ".join(key)
    marks = ", ".join("?" * len(key))
    place = tx.state.walks.get(table)
    behind = f"WHERE ({columns}) > ({marks})" if place is not None else ""
    rows = tx.execute(
        f"SELECT at, {columns} FROM {table} {behind}"
        f" ORDER BY {columns} LIMIT {WALKED}",
        place or (),
    ).fetchall()
    tx.connection.executemany(
        f"DELETE FROM {table} WHERE ({columns}) = ({marks})",
        [row[1:] for row in rows if row[0] <= since],
    )
    tx.state.walks[table] = rows[-1][1:] if len(rows) == WALKED else None


def walk_histories(tx: Tx, job: Job) -> int:
    """Deliveries and events past their time, a stretch at a time."""
    settings = tx.settings
    _walk(
        tx,
        "deliveries",
        ("delivery_id", "mailbox"),
        tx.now - settings.queue_history_s,
    )
    _walk(
        tx,
        "events",
        ("account", "modseq", "mailbox", "what"),
        tx.now - settings.event_history_s,
    )
    return 0


def seal_wasteful(tx: Tx, job: Job) -> int:
    """Seal the present segment if most of it is dead: then it can go."""
    segments = tx.segments
    row = tx.execute(
        "SELECT size_octets, live_octets FROM segments WHERE name = ?",
        (segments.name,),
    ).fetchone()
    if row is not None and row[1] < row[0] * tx.settings.compact_below:
        segments.seal()
        tx.execute(
            "UPDATE segments SET sealed = 1 WHERE name = ?", (segments.name,)
        )
        segments.name = ""
    return 0


def compact(tx: Tx, job: Job) -> int:
    """Copy some of what lives in a segment that is mostly dead."""
    row = tx.execute(
        "SELECT name FROM segments WHERE own = 0 AND live_octets > 0"
        " AND live_octets < size_octets * ? AND name <> ? LIMIT 1",
        (tx.settings.compact_below, tx.segments.name),
    ).fetchone()
    if row is None:
        return 0
    extents = tx.execute(
        "SELECT id, offset, stored_octets FROM extents WHERE segment = ?"
        " ORDER BY offset LIMIT ?",
        (row[0], ROWS),
    ).fetchall()
    return _copy(tx, row[0], extents)


def _copy(tx: Tx, name: str, extents: list[tuple[int, int, int]]) -> int:
    old = tx.segments.open_alone(name)
    moved: list[tuple[int, Any, int]] = []
    octets = 0
    for extent, offset, size in extents:
        if octets >= COPIED_OCTETS:
            break
        # The entry's hash goes along as it is: what is damaged stays known
        # as damaged.
        sha256 = tx.segments.entry_sha256(old, offset) or b"\0" * 32
        place = tx.segments.append(old.chunks(offset, size), size, sha256)
        moved.append((extent, place, size))
        octets += size
    tx.world.fault_point("store.compact_copied")
    tx.segments.sync()
    tx.world.fault_point("store.compact_synced")
    for extent, place, size in moved:
        count_in_segment(tx, place, size)
        tx.execute(
            "UPDATE extents SET segment = ?, offset = ? WHERE id = ?",
            (place.segment, place.offset, extent),
        )
    tx.execute(
        "UPDATE segments SET live_octets = live_octets - ?1,"
        " dead_since = CASE WHEN live_octets - ?1 <= 0 THEN ?2 END"
        " WHERE name = ?3",
        (octets, tx.now, name),
    )
    tx.world.fault_point("store.compact_rows")
    return len(moved)


def dead_segments(tx: Tx, job: Job) -> int:
    """Forget segments without life; the files go after the commit."""
    rows = tx.execute(
        "SELECT name FROM segments WHERE live_octets <= 0 AND name <> ?"
        " LIMIT ?",
        (tx.segments.name, ROWS),
    ).fetchall()
    tx.connection.executemany("DELETE FROM segments WHERE name = ?", rows)
    tx.remove += [name for (name,) in rows]
    tx.world.fault_point("store.sweep_segments")
    return len(rows)


STEPS: tuple[Callable[[Tx, Job], int], ...] = (
    expunged,
    deleted_mailboxes,
    removed_accounts,
    unused_blobs,
    old_queue_rows,
    walk_histories,
    seal_wasteful,
    compact,
    dead_segments,
)


def vacuum(tx: Tx, job: Job) -> int:
    """Give free pages back to the disk; outside of any transaction."""
    free = tx.execute("PRAGMA freelist_count").get
    pages = tx.execute("PRAGMA page_count").get
    if free < FREE_PAGES_KEPT or free < pages // 10:
        return 0
    # The pragma gives a row a page: it has to be read to the end.
    tx.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
    return int(free - tx.execute("PRAGMA freelist_count").get)
