"""One open mailbox of the database."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import apsw
from zope.interface import implementer

from imailpy.errors import MailboxNotFound, StoreUnavailable
from imailpy.interfaces.body import IBody
from imailpy.interfaces.store import (
    Column,
    Copied,
    FlagChange,
    FlagsChanged,
    IMailbox,
    MailboxInfo,
    NewMessage,
)
from imailpy.mail import UidSet
from imailpy.message.rendition import RENDERER_VERSION
from imailpy.store.bodies import JoinedBody
from imailpy.store.shared import Effect, SharedMailbox
from imailpy.store.sqlite import flag_jobs
from imailpy.store.sqlite import message_jobs as jobs
from imailpy.store.sqlite.keeping import COMPLETE

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore

ROWS_MOST = 256

_COLUMNS: dict[Column, str] = {
    Column.UID: "m.uid",
    Column.FLAGS: "m.flags",
    Column.KEYWORDS: "m.keywords",
    Column.MODSEQ: "m.modseq",
    Column.INTERNAL_DATE: "m.internal_date",
    Column.SAVE_DATE: "m.save_date",
    Column.SIZE: "m.size_octets",
    Column.EMAIL_ID: "e.email_id",
    Column.THREAD_ID: "e.thread_id",
    Column.ENVELOPE: "r.envelope",
    Column.BODY: "r.body",
    Column.BODYSTRUCTURE: "r.bodystructure",
    Column.SENT_DATE: "r.sent_date",
    Column.LISTED_FIELDS: "r.listed_fields",
    Column.COMPLETE: f"r.marks & {COMPLETE}",
    Column.STRUCTURE: "r.structure",
    Column.PREVIEW: "r.preview",
    Column.PREFIX_SIZE: "length(e.prefix)",
}
# What the arrays of the open mailbox know.
_AT_HAND = (Column.UID, Column.FLAGS, Column.KEYWORDS, Column.MODSEQ)

# Messages that a reader of one behind the other gets with one query.
READ_AHEAD = 16

INFO_COLUMNS = (
    "b.key, b.id, b.name, b.uid_validity, b.uid_next, b.highest_modseq,"
    " b.exists_n, b.unseen_n, b.deleted_n, b.size_octets, b.special_use,"
    " EXISTS (SELECT 1 FROM subscriptions s"
    " WHERE s.account = b.account AND s.name = b.name)"
)


def info_of(row: Sequence[Any]) -> MailboxInfo:
    """Read a row of `INFO_COLUMNS`."""
    values: Any = (*row[1:11], bool(row[11]))
    return MailboxInfo(*values)


Loaded = tuple[MailboxInfo, list[tuple[int, int, int, str]], list[str]]


def load(connection: Any, key: int) -> Loaded:
    """Read all of an open mailbox's state, as of one moment."""
    connection.execute("BEGIN")
    try:
        row = connection.execute(
            f"SELECT {INFO_COLUMNS} FROM mailboxes b"
            " WHERE b.key = ? AND b.deleted_at IS NULL",
            (key,),
        ).fetchone()
        if row is None:
            raise MailboxNotFound("the mailbox was deleted")
        rows = connection.execute(
            "SELECT uid, flags, modseq, keywords FROM messages"
            " WHERE mailbox = ? AND expunged_at IS NULL ORDER BY uid",
            (key,),
        ).fetchall()
        keywords = connection.execute(
            "SELECT keyword FROM mailbox_keywords WHERE mailbox = ?", (key,)
        ).fetchall()
    finally:
        connection.execute("COMMIT")
    return info_of(row), rows, [word for (word,) in keywords]


@lru_cache(maxsize=512)
def _query(columns: tuple[Column, ...], sparse: bool, stale: bool) -> str:
    """Give the SELECT for some columns."""
    wanted = [_COLUMNS[column] for column in columns]
    tables = "messages m"
    if any(column.startswith(("e.", "length(e.")) for column in wanted):
        tables += " JOIN emails e ON e.id = m.email"
    if any(column.startswith("r.") for column in wanted) or stale:
        tables += " JOIN blobs r ON r.id = m.blob"
    if stale:
        wanted = ["r.version", "r.id"]
    among = (
        "m.uid IN (SELECT value FROM carray(?))"
        if sparse
        else "m.uid BETWEEN ? AND ?"
    )
    return (
        f"SELECT {', '.join(wanted)} FROM {tables}"
        f" WHERE m.mailbox = ? AND {among} AND m.expunged_at IS NULL"
        " ORDER BY m.uid"
    )


@implementer(IMailbox)
class SqliteMailbox(SharedMailbox):
    """
    State as in `SharedMailbox`; changes go through the writer.

    Args:
        key: Of the row in `mailboxes`.
    """

    def __init__(self, store: SqliteStore, key: int, loaded: Loaded) -> None:
        super().__init__(*loaded)
        self._store = store
        self.key = key
        # What was committed up to here was loaded already.
        self._loaded_modseq = self.info.highest_modseq
        # Small bodies that were read along: uid -> row of `_read_bodies`.
        self._ahead: dict[int, tuple[Any, ...]] = {}
        self._last_read = 0

    def committed(self, effect: Effect) -> None:
        """Take what a commit did, unless it was there when loading."""
        if effect.modseq > self._loaded_modseq:
            self.apply(effect)

    async def append(
        self, messages: Sequence[NewMessage], *, by: Any = None
    ) -> Sequence[int]:
        uids: list[int] = await self._store.work_with_bodies(
            lambda tx, places, renditions: jobs.append(
                tx, self.key, messages, places, renditions, by
            ),
            [message.body for message in messages],
        )
        return uids

    async def store(
        self,
        uids: UidSet,
        change: FlagChange,
        *,
        unchanged_since: int | None = None,
        by: Any = None,
    ) -> FlagsChanged:
        changed: FlagsChanged = await self._store.work(
            lambda tx, job: flag_jobs.store(
                tx, self.key, uids, change, unchanged_since, by
            ),
            grows=False,
        )
        return changed

    async def copy(self, uids: UidSet, target: str) -> Copied:
        copied: Copied = await self._store.work(
            lambda tx, job: jobs.copy(tx, self.key, uids, target)
        )
        return copied

    async def move(
        self, uids: UidSet, target: str, *, by: Any = None
    ) -> Copied:
        copied: Copied = await self._store.work(
            lambda tx, job: jobs.move(tx, self.key, uids, target, by),
            grows=False,
        )
        return copied

    async def expunge(
        self, uids: UidSet | None = None, *, by: Any = None
    ) -> Sequence[int]:
        gone: list[int] = await self._store.work(
            lambda tx, job: jobs.expunge(tx, self.key, uids, by), grows=False
        )
        return gone

    async def remove(self, uids: UidSet, *, by: Any = None) -> Sequence[int]:
        gone: list[int] = await self._store.work(
            lambda tx, job: jobs.remove(tx, self.key, uids, by), grows=False
        )
        return gone

    async def rows(
        self, uids: UidSet, columns: Sequence[Column]
    ) -> Sequence[tuple[Any, ...]]:
        here = self.present(uids, ROWS_MOST)
        if not here:
            return []
        wanted = tuple(columns)
        if all(column in _AT_HAND for column in wanted):
            flags, words, modseqs = self.at_hand(here)
            known = dict(
                zip(_AT_HAND, (here, flags, words, modseqs), strict=True)
            )
            return list(
                zip(*(known[column] for column in wanted), strict=True)
            )
        if self._store.upkeep.stale:
            await self._render_again(here, wanted)
        return self._select(here, wanted)

    def _select(
        self,
        here: list[int],
        columns: tuple[Column, ...],
        stale: bool = False,
    ) -> list[tuple[Any, ...]]:
        # UIDs with nothing of ours between them are one range.
        between = self.present(UidSet(((here[0], here[-1]),)), len(here) + 1)
        sparse = len(between) > len(here)
        among: tuple[Any, ...] = (here[0], here[-1])
        if sparse:
            among = (apsw.carray(array("q", here)),)
        try:
            rows: list[tuple[Any, ...]] = self._store.reader.execute(
                _query(columns, sparse, stale), (self.key, *among)
            ).fetchall()
        except apsw.Error as error:
            raise StoreUnavailable(f"rows: {error!r}") from error
        return rows

    async def _render_again(
        self, here: list[int], columns: tuple[Column, ...]
    ) -> None:
        """Make renditions anew that an older renderer made."""
        if not any(_COLUMNS[column].startswith("r.") for column in columns):
            return
        old = {
            blob
            for version, blob in self._select(here, columns, stale=True)
            if version < RENDERER_VERSION
        }
        if old:
            await self._store.upkeep.render(sorted(old))

    async def body(self, uid: int) -> IBody | None:
        row = self._ahead.pop(uid, None)
        if row is not None and not self.holds(uid):
            return None
        if row is None:
            row = self._read_bodies(uid)
        self._last_read = uid
        if row is None:
            return None
        _, prefix, extent, sha256, octets = row
        if octets is None:
            shared = self._store.read_extent(extent, sha256)
        else:
            shared = self._store.inline(octets, sha256)
        return JoinedBody(prefix, shared) if prefix else shared

    def _read_bodies(self, uid: int) -> tuple[Any, ...] | None:
        """
        Read where a body is; what is small is read with it.

        Who reads one message behind the other gets the next ones from the
        same query: they are kept until they are asked for.
        """
        last, here = uid, self.uids
        at = bisect_left(here, uid)
        if 0 < at < len(here) and here[at - 1] == self._last_read:
            last = here[min(at + READ_AHEAD, len(here)) - 1]
        rows = self._store.read(
            "SELECT m.uid, e.prefix, b.extent, b.hash, x.octets"
            " FROM messages m"
            " JOIN emails e ON e.id = m.email"
            " JOIN blobs b ON b.id = m.blob"
            " LEFT JOIN extents x ON x.id = b.extent"
            " WHERE m.mailbox = ? AND m.uid BETWEEN ? AND ?"
            " AND m.expunged_at IS NULL ORDER BY m.uid",
            (self.key, uid, max(uid, last)),
        )
        self._ahead = {
            row[0]: row for row in rows if row[0] != uid and row[4] is not None
        }
        return rows[0] if rows and rows[0][0] == uid else None
