"""
What the writer does to messages: APPEND, COPY, MOVE, EXPUNGE.

Each function runs in the transaction, changes counters by what the rows say,
and leaves an `Effect` for the open mailbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imailpy.errors import MailboxLimit, OverQuota
from imailpy.interfaces.store import (
    Copied,
    NewMessage,
)
from imailpy.mail import SystemFlag, UidSet
from imailpy.message.rendition import Rendition
from imailpy.store import keywords as words
from imailpy.store.shared import Effect, uid_set
from imailpy.store.sqlite.keeping import Keeping, keep_email
from imailpy.store.sqlite.mail_jobs import event, find
from imailpy.store.sqlite.segments import Place
from imailpy.store.sqlite.state import AccountRow, MailboxRow

if TYPE_CHECKING:
    from imailpy.store.sqlite.writer import Tx

MAX_UID = 2**32 - 1
SEEN = int(SystemFlag.SEEN)
DELETED = int(SystemFlag.DELETED)

_INSERT_MESSAGE = (
    "INSERT INTO messages (mailbox, uid, modseq, created_modseq, flags,"
    " keywords, internal_date, save_date, size_octets, email, blob)"
    " VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
)
# The rows of a range that are there.
RANGE = " WHERE mailbox = ? AND uid BETWEEN ? AND ? AND expunged_at IS NULL"


def check_quota(account: AccountRow, octets: int) -> None:
    """Raise `OverQuota` when so many octets more do not fit."""
    quota = account.quota_octets
    if quota is not None and 0 < octets > quota - account.used_octets:
        raise OverQuota(f"quota of {account.id}: {quota} octets")


def reserve(tx: Tx, account: AccountRow, octets: int) -> None:
    """Count octets toward the quota; `OverQuota` when they do not fit."""
    check_quota(account, octets)
    tx.state.touch(account)
    account.used_octets += octets


def check_uids(mailbox: MailboxRow, count: int) -> None:
    """Raise `MailboxLimit` when there are not so many UIDs left [B12.7]."""
    if mailbox.uid_next + count - 1 > MAX_UID:
        raise MailboxLimit("the mailbox has no UIDs left: make another")


def use_keywords(
    tx: Tx, mailbox: MailboxRow, used: frozenset[str]
) -> frozenset[str]:
    """Note keywords as used in a mailbox; gives those that are new."""
    new = {w.lower(): w for w in used if w.lower() not in mailbox.keywords}
    if not new:
        return frozenset()
    tx.state.touch(mailbox)
    mailbox.keywords = {**mailbox.keywords, **new}
    for word in new.values():
        tx.execute(
            "INSERT INTO mailbox_keywords (mailbox, keyword) VALUES (?, ?)",
            (mailbox.key, word),
        )
    return frozenset(new.values())


def put(
    tx: Tx,
    account: AccountRow,
    mailbox: MailboxRow,
    email: int,
    blob: int,
    size: int,
    flags: int,
    keywords: frozenset[str],
    internal_date: int,
    effect: Effect,
) -> int:
    """Put an email into a mailbox; the quota was reserved. Gives the UID."""
    tx.state.touch(mailbox)
    uid: int = mailbox.uid_next
    check_uids(mailbox, 1)
    text = ""
    if keywords:
        spelt = words.spelt(keywords, mailbox.keywords, tx.settings)
        effect.new_keywords |= use_keywords(tx, mailbox, spelt)
        text = words.joined(spelt)
    tx.execute(
        _INSERT_MESSAGE,
        (
            mailbox.key,
            uid,
            effect.modseq,
            flags,
            text,
            internal_date,
            int(tx.now),
            size,
            email,
            blob,
        ),
    )
    mailbox.uid_next = uid + 1
    mailbox.highest_modseq = effect.modseq
    mailbox.exists_n += 1
    mailbox.unseen_n += not flags & SEEN
    mailbox.deleted_n += (flags & DELETED) != 0
    mailbox.size_octets += size
    effect.added.append((uid, flags, text))
    effect.size_octets += size
    return uid


def append(
    tx: Tx,
    key: int,
    messages: Sequence[NewMessage],
    places: Sequence[Place],
    renditions: Sequence[Rendition],
    by: Any,
) -> list[int]:
    """Store the messages of an APPEND, all or none."""
    mailbox = tx.state.mailbox(key)
    account = tx.state.account_of(mailbox)
    reserve(tx, account, sum(m.body.size_octets for m in messages))
    effect = Effect(key, account.next_modseq(), by=by)
    uids = []
    for message, place, rendition in zip(
        messages, places, renditions, strict=True
    ):
        keeping = Keeping(tx, message.body, place, rendition)
        email, blob = keep_email(tx, account, keeping, b"", rendition)
        keeping.finish()
        date = message.internal_date
        uids.append(
            put(
                tx,
                account,
                mailbox,
                email,
                blob,
                message.body.size_octets,
                int(message.flags),
                message.keywords,
                int(tx.now) if date is None else date,
                effect,
            )
        )
    tx.effects.append(effect)
    return uids


def copy(
    tx: Tx, key: int, uids: UidSet, target: str, *, moving: bool = False
) -> Copied:
    """Copy into another mailbox of the account, all or none."""
    mailbox = tx.state.mailbox(key)
    account = tx.state.account_of(mailbox)
    into = find(tx, account, target)
    rows = _select(tx, key, uids)
    if not rows:
        return Copied(into.uid_validity, (), ())
    check_uids(into, len(rows))
    size = sum(row[3] for row in rows)
    if not moving:
        reserve(tx, account, size)
    tx.state.touch(account)
    tx.state.touch(into)
    effect = Effect(into.key, account.next_modseq(), size_octets=size)
    used = frozenset(w for row in rows if row[2] for w in row[2].split())
    renamed = words_for(tx, into, used)
    effect.new_keywords = use_keywords(tx, into, frozenset(renamed.values()))
    first = into.uid_next
    _insert_copies(tx, mailbox, into, uids, effect.modseq, renamed, used)
    into.uid_next += len(rows)
    into.highest_modseq = effect.modseq
    into.exists_n += len(rows)
    into.unseen_n += sum(not row[1] & SEEN for row in rows)
    into.deleted_n += sum((row[1] & DELETED) != 0 for row in rows)
    into.size_octets += size
    target_uids = tuple(range(first, into.uid_next))
    effect.added = [
        (uid, row[1], _respelt(row[2], renamed))
        for uid, row in zip(target_uids, rows, strict=True)
    ]
    tx.effects.append(effect)
    return Copied(
        into.uid_validity, tuple(row[0] for row in rows), target_uids
    )


def words_for(
    tx: Tx, into: MailboxRow, used: frozenset[str]
) -> dict[str, str]:
    """Keyword here -> its spelling there; raises `MailboxLimit`."""
    if not used:
        return {}
    there = dict(into.keywords)
    for word in sorted(used):
        there.setdefault(word.lower(), word)
    if len(there) > tx.settings.mailbox_keywords_most:
        raise MailboxLimit(f"{len(there)} keywords in a mailbox")
    return {word: there[word.lower()] for word in used}


def _respelt(text: str, renamed: dict[str, str]) -> str:
    if not text:
        return text
    return words.joined({renamed[word] for word in text.split()})


def _select(tx: Tx, key: int, uids: UidSet) -> list[tuple[Any, ...]]:
    """(uid, flags, keywords, size) of the messages that are there."""
    rows: list[tuple[Any, ...]] = []
    for first, last in uids.ranges:
        rows += tx.execute(
            f"SELECT uid, flags, keywords, size_octets FROM messages{RANGE}"
            " ORDER BY uid",
            (key, first, last),
        ).fetchall()
    return rows


def _insert_copies(
    tx: Tx,
    mailbox: MailboxRow,
    into: MailboxRow,
    uids: UidSet,
    modseq: int,
    renamed: dict[str, str],
    used: frozenset[str],
) -> None:
    """INSERT ... SELECT, a statement for each range."""
    at = first = into.uid_next
    # The source is bounded above: a mailbox may be copied into itself.
    below = mailbox.uid_next
    for start, stop in uids.ranges:
        tx.execute(
            "INSERT INTO messages (mailbox, uid, modseq, created_modseq,"
            " flags, keywords, internal_date, save_date, size_octets, email,"
            " blob) SELECT ?, ? + row_number() OVER (ORDER BY uid) - 1, ?, ?,"
            " flags, keywords, internal_date, ?, size_octets, email, blob"
            f" FROM messages{RANGE} ORDER BY uid",
            (
                into.key,
                at,
                modseq,
                modseq,
                int(tx.now),
                mailbox.key,
                start,
                min(stop, below - 1),
            ),
        )
        at += tx.changes()
    tx.execute(
        "UPDATE emails SET refs = refs + c.n FROM"
        " (SELECT email, count(*) AS n FROM messages"
        " WHERE mailbox = ? AND uid >= ? GROUP BY email) AS c"
        " WHERE emails.id = c.email",
        (into.key, first),
    )
    if any(renamed[word] != word for word in used):
        _respell(tx, into, first, renamed)


def _respell(
    tx: Tx, into: MailboxRow, first: int, renamed: dict[str, str]
) -> None:
    texts = tx.execute(
        "SELECT DISTINCT keywords FROM messages"
        " WHERE mailbox = ? AND uid >= ? AND keywords <> ''",
        (into.key, first),
    ).fetchall()
    for (text,) in texts:
        tx.execute(
            "UPDATE messages SET keywords = ?"
            " WHERE mailbox = ? AND uid >= ? AND keywords = ?",
            (_respelt(text, renamed), into.key, first, text),
        )


def move(tx: Tx, key: int, uids: UidSet, target: str, by: Any) -> Copied:
    """Move into another mailbox [RFC6851]."""
    copied = copy(tx, key, uids, target, moving=True)
    if copied.source:
        # Moving within one mailbox must not take what was just put there.
        _expunge(tx, key, uid_set(copied.source), by, "", counted=False)
    return copied


def expunge(tx: Tx, key: int, uids: UidSet | None, by: Any) -> Sequence[int]:
    """Remove what has \\Deleted; gives the UIDs that went."""
    among = UidSet(((1, MAX_UID),)) if uids is None else uids
    return _expunge(tx, key, among, by, f" AND flags & {DELETED} <> 0")


def remove(tx: Tx, key: int, uids: UidSet, by: Any) -> Sequence[int]:
    """Remove messages whatever their flags; gives the UIDs that went."""
    return _expunge(tx, key, uids, by, "")


def _expunge(
    tx: Tx,
    key: int,
    uids: UidSet,
    by: Any,
    condition: str,
    *,
    counted: bool = True,
) -> list[int]:
    mailbox = tx.state.mailbox(key)
    account = tx.state.account_of(mailbox)
    modseq = account.modseq + 1
    rows: list[tuple[int, int, int]] = []
    for first, last in uids.ranges:
        rows += tx.execute(
            "UPDATE messages SET expunged_at = ?, modseq = ?"
            f"{RANGE}{condition} RETURNING uid, flags, size_octets",
            (tx.now, modseq, key, first, last),
        ).fetchall()
    if not rows:
        return []
    rows.sort()
    size = sum(row[2] for row in rows)
    tx.state.touch(account)
    tx.state.touch(mailbox)
    account.modseq = modseq
    if counted:
        account.used_octets -= size
    mailbox.highest_modseq = modseq
    mailbox.exists_n -= len(rows)
    mailbox.unseen_n -= sum(not row[1] & SEEN for row in rows)
    mailbox.deleted_n -= sum((row[1] & DELETED) != 0 for row in rows)
    mailbox.size_octets -= size
    gone = [row[0] for row in rows]
    event(tx, account, key, modseq, "expunge", str(uid_set(gone)))
    tx.effects.append(
        Effect(key, modseq, expunged=gone, size_octets=-size, by=by)
    )
    return gone
