"""
What STORE does: flags and keywords, as set SQL.

Runs in the transaction; leaves an `Effect` for the open mailbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imailpy.interfaces.store import FlagChange, FlagsChanged
from imailpy.mail import UidSet
from imailpy.store import keywords as words
from imailpy.store.shared import Effect, FlagRow, uid_set
from imailpy.store.sqlite.mail_jobs import event
from imailpy.store.sqlite.message_jobs import (
    DELETED,
    RANGE,
    SEEN,
    use_keywords,
)

if TYPE_CHECKING:
    from imailpy.store.sqlite.writer import Tx


def _delta(
    tx: Tx, key: int, uids: UidSet, change: FlagChange
) -> tuple[int, int]:
    """By how much (unseen, deleted) will grow; asked before the change."""
    flags = int(change.flags)
    if change.mode != "replace" and not flags & (SEEN | DELETED):
        return 0, 0
    unseen = deleted = count = 0
    for first, last in uids.ranges:
        row = tx.execute(
            f"SELECT count(*) FILTER (WHERE flags & {SEEN} = 0),"
            f" count(*) FILTER (WHERE flags & {DELETED} <> 0), count(*)"
            f" FROM messages{RANGE}",
            (key, first, last),
        ).fetchone()
        unseen += row[0]
        deleted += row[1]
        count += row[2]
    seen_bit, deleted_bit = flags & SEEN, flags & DELETED
    if change.mode == "add":
        return (
            -unseen if seen_bit else 0,
            count - deleted if deleted_bit else 0,
        )
    if change.mode == "remove":
        return (
            count - unseen if seen_bit else 0,
            -deleted if deleted_bit else 0,
        )
    return (
        (0 if seen_bit else count) - unseen,
        (count if deleted_bit else 0) - deleted,
    )


def store(
    tx: Tx,
    key: int,
    uids: UidSet,
    change: FlagChange,
    unchanged_since: int | None,
    by: Any,
) -> FlagsChanged:
    """Change flags and keywords."""
    mailbox = tx.state.mailbox(key)
    account = tx.state.account_of(mailbox)
    change = words.spelt_change(change, mailbox.keywords, tx.settings)
    refused: list[int] = []
    if unchanged_since is not None:
        refused = _changed_since(tx, key, uids, unchanged_since)
        uids = uids.difference(UidSet.from_uids(refused))
    delta = _delta(tx, key, uids, change)
    tx.state.touch(account)
    modseq = account.modseq + 1
    rows: list[FlagRow] = []
    for first, last in uids.ranges:
        rows += _store_range(tx, key, first, last, change, modseq)
    refused_set = UidSet.from_uids(refused)
    if not rows:
        return FlagsChanged(UidSet(), account.modseq, refused_set)
    account.modseq = modseq
    tx.state.touch(mailbox)
    mailbox.highest_modseq = modseq
    mailbox.unseen_n += delta[0]
    mailbox.deleted_n += delta[1]
    rows.sort()
    effect = Effect(key, modseq, flags=rows, by=by)
    if change.mode != "remove":
        effect.new_keywords = use_keywords(tx, mailbox, change.keywords)
    changed = uid_set([row[0] for row in rows])
    event(
        tx,
        account,
        key,
        modseq,
        "flags",
        str(changed),
        f"{change.mode} {int(change.flags)} {words.joined(change.keywords)}",
    )
    tx.effects.append(effect)
    return FlagsChanged(changed, modseq, refused_set)


def _changed_since(tx: Tx, key: int, uids: UidSet, since: int) -> list[int]:
    """UIDs of the set with a MODSEQ above `since` [RFC7162 3.1.3]."""
    found: list[int] = []
    for first, last in uids.ranges:
        rows = tx.execute(
            f"SELECT uid FROM messages{RANGE} AND modseq > ? ORDER BY uid",
            (key, first, last, since),
        ).fetchall()
        found += [uid for (uid,) in rows]
    return found


def _store_range(
    tx: Tx, key: int, first: int, last: int, change: FlagChange, modseq: int
) -> list[FlagRow]:
    """Change one range; gives what is different now."""
    flags = int(change.flags)
    within = (key, first, last)
    if change.mode == "replace":
        text = words.joined(change.keywords)
        return _update(
            tx,
            ("?1", "?2", "flags <> ?1 OR keywords <> ?2"),
            (flags, text, *within),
            modseq,
        )
    new = "flags | ?1" if change.mode == "add" else "flags & ~?1"
    if not change.keywords:
        return _update(
            tx,
            (new, "keywords", f"flags <> {new} OR ?2 <> ''"),
            (flags, "", *within),
            modseq,
        )
    rows: list[FlagRow] = []
    for old, text in _texts(tx, within, change):
        rows += _update(
            tx,
            (
                new,
                "?2",
                f"keywords = ?7 AND modseq <> ?6"
                f" AND (flags <> {new} OR keywords <> ?2)",
            ),
            (flags, text, *within),
            modseq,
            (old,),
        )
    return rows


def _update(
    tx: Tx,
    sql: tuple[str, str, str],
    bindings: tuple[Any, ...],
    modseq: int,
    more: tuple[Any, ...] = (),
) -> list[FlagRow]:
    """
    Look at what will change, then change it: RETURNING would take longer
    than both together.

    Args:
        sql: New flags, new keywords, which rows.
        bindings: Flags, keywords, mailbox, first and last UID; `modseq` and
            `more` come behind them.
    """
    flags, keywords, condition = sql
    where = (
        "WHERE mailbox = ?3 AND uid BETWEEN ?4 AND ?5"
        f" AND expunged_at IS NULL AND ({condition})"
    )
    values = (*bindings, modseq, *more)
    rows: list[FlagRow] = tx.execute(
        f"SELECT uid, {flags}, {keywords} FROM messages {where}"
        " AND ?6 > 0 ORDER BY uid",
        values,
    ).fetchall()
    if rows:
        tx.execute(
            f"UPDATE messages SET flags = {flags}, keywords = {keywords},"
            f" modseq = ?6 {where}",
            values,
        )
    return rows


def _texts(
    tx: Tx, within: tuple[int, int, int], change: FlagChange
) -> list[tuple[str, str]]:
    """(keywords that are there, what becomes of them)."""
    texts = tx.execute(
        f"SELECT DISTINCT keywords FROM messages{RANGE}", within
    ).fetchall()
    return [
        (old, words.changed_keywords(old, change, tx.settings))
        for (old,) in texts
    ]
