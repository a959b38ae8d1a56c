"""Mailboxes and accounts in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen
from zope.interface import implementer

from imailpy.errors import (
    MailboxNotFound,
    MailError,
)
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
from imailpy.mail import SystemFlag, UidSet
from imailpy.message.rendition import Rendition
from imailpy.store import keywords as words
from imailpy.store.bodies import JoinedBody, MemoryBody
from imailpy.store.shared import Effect, FlagRow, SharedMailbox

if TYPE_CHECKING:
    from imailpy.store.memory.account import Mail

ROWS_MOST = 256


@frozen
class Kept:
    """What never changes of a message."""

    internal_date: int
    save_date: int
    size_octets: int
    email_id: str
    thread_id: str
    prefix: bytes
    octets: bytes
    rendition: Rendition


_KEPT: dict[Column, Callable[[Kept], Any]] = {
    Column.INTERNAL_DATE: lambda kept: kept.internal_date,
    Column.SAVE_DATE: lambda kept: kept.save_date,
    Column.SIZE: lambda kept: kept.size_octets,
    Column.EMAIL_ID: lambda kept: kept.email_id,
    Column.THREAD_ID: lambda kept: kept.thread_id,
    Column.ENVELOPE: lambda kept: kept.rendition.envelope,
    Column.BODY: lambda kept: kept.rendition.body,
    Column.BODYSTRUCTURE: lambda kept: kept.rendition.bodystructure,
    Column.SENT_DATE: lambda kept: kept.rendition.sent_date,
    Column.LISTED_FIELDS: lambda kept: kept.rendition.listed_fields,
    Column.COMPLETE: lambda kept: int(kept.rendition.header_complete),
    Column.STRUCTURE: lambda kept: kept.rendition.structure,
    Column.PREVIEW: lambda kept: kept.rendition.preview,
    Column.PREFIX_SIZE: lambda kept: len(kept.prefix),
}


@implementer(IMailbox)
class MemoryMailbox(SharedMailbox):
    """One mailbox."""

    def __init__(self, mail: Mail, info: MailboxInfo) -> None:
        super().__init__(info, (), ())
        self._mail = mail
        self.kept: dict[int, Kept] = {}

    async def append(
        self, messages: Sequence[NewMessage], *, by: Any = None
    ) -> Sequence[int]:
        self._check_here()
        now = int(self._mail.store.clock.now())
        added = [
            (
                self._mail.keep(
                    message.body,
                    b"",
                    now
                    if message.internal_date is None
                    else message.internal_date,
                ),
                int(message.flags),
                message.keywords,
            )
            for message in messages
        ]
        return self.add(added, by=by)

    def add(
        self,
        added: Sequence[tuple[Kept, int, frozenset[str]]],
        *,
        by: Any = None,
    ) -> list[int]:
        """Put messages here, all or none."""
        size = sum(kept.size_octets for kept, _, _ in added)
        self._mail.check_quota(size)
        known = {word.lower(): word for word in self.keywords}
        rows: list[FlagRow] = []
        kepts: dict[int, Kept] = {}
        for uid, (kept, flags, keywords) in enumerate(
            added, self.info.uid_next
        ):
            spelt = words.spelt(keywords, known, self._mail.store.settings)
            known.update((word.lower(), word) for word in spelt)
            rows.append((uid, flags, words.joined(spelt)))
            kepts[uid] = kept
        self.kept.update(kepts)
        self._mail.used_octets += size
        self.apply(
            Effect(
                mailbox=0,
                modseq=self._mail.next_modseq(),
                added=rows,
                size_octets=size,
                new_keywords=frozenset(known.values()) - self.keywords,
                by=by,
            )
        )
        return [row[0] for row in rows]

    async def store(
        self,
        uids: UidSet,
        change: FlagChange,
        *,
        unchanged_since: int | None = None,
        by: Any = None,
    ) -> FlagsChanged:
        self._check_here()
        known = {word.lower(): word for word in self.keywords}
        settings = self._mail.store.settings
        change = words.spelt_change(change, known, settings)
        refused: list[int] = []
        rows: list[FlagRow] = []
        for uid in self.present(uids):
            if unchanged_since is not None and (
                self.modseq(uid) > unchanged_since
            ):
                refused.append(uid)
                continue
            old = self.flags(uid)
            new = (
                words.changed_flags(old[0], change),
                words.changed_keywords(old[1], change, settings),
            )
            if new != old:
                rows.append((uid, *new))
        modseq = self._mail.modseq
        if rows:
            modseq = self._mail.next_modseq()
            new_keywords = frozenset[str]()
            if change.mode != "remove":
                new_keywords = change.keywords - self.keywords
            self.apply(
                Effect(0, modseq, flags=rows, new_keywords=new_keywords, by=by)
            )
        return FlagsChanged(
            UidSet.from_uids(row[0] for row in rows),
            modseq,
            UidSet.from_uids(refused),
        )

    async def copy(self, uids: UidSet, target: str) -> Copied:
        self._check_here()
        return self.copy_now(uids, target)

    def copy_now(
        self, uids: UidSet, target: str, moving: bool = False
    ) -> Copied:
        """Copy; while moving, what goes makes room for what comes."""
        box = self._mail.mailbox(target)
        source = self.present(uids)
        if not source:
            return Copied(box.info.uid_validity, (), ())
        copies = [
            (self.kept[uid], flags, frozenset(keywords.split()))
            for uid in source
            for flags, keywords in (self.flags(uid),)
        ]
        moved = sum(k.size_octets for k, _, _ in copies) if moving else 0
        self._mail.used_octets -= moved
        try:
            added = box.add(copies)
        except MailError:
            self._mail.used_octets += moved
            raise
        return Copied(box.info.uid_validity, tuple(source), tuple(added))

    async def move(
        self, uids: UidSet, target: str, *, by: Any = None
    ) -> Copied:
        self._check_here()
        copied = self.copy_now(uids, target, moving=True)
        self.take_out(copied.source, by, counted=False)
        return copied

    async def expunge(
        self, uids: UidSet | None = None, *, by: Any = None
    ) -> Sequence[int]:
        self._check_here()
        among = UidSet(((1, 2**32 - 1),)) if uids is None else uids
        gone = [
            uid
            for uid in self.present(among)
            if self.flags(uid)[0] & SystemFlag.DELETED
        ]
        self.take_out(gone, by)
        return gone

    async def remove(self, uids: UidSet, *, by: Any = None) -> Sequence[int]:
        self._check_here()
        gone = self.present(uids)
        self.take_out(gone, by)
        return gone

    def take_out(
        self, gone: Sequence[int], by: Any, counted: bool = True
    ) -> None:
        """Take messages out; `counted`: they no longer count as used."""
        if not gone:
            return
        size = sum(self.kept.pop(uid).size_octets for uid in gone)
        if counted:
            self._mail.used_octets -= size
        self.apply(
            Effect(
                0,
                self._mail.next_modseq(),
                expunged=gone,
                size_octets=-size,
                by=by,
            )
        )

    async def rows(
        self, uids: UidSet, columns: Sequence[Column]
    ) -> Sequence[tuple[Any, ...]]:
        return [
            tuple(self._column(uid, column) for column in columns)
            for uid in self.present(uids, ROWS_MOST)
        ]

    def _column(self, uid: int, column: Column) -> Any:
        if column is Column.UID:
            return uid
        if column is Column.FLAGS:
            return self.flags(uid)[0]
        if column is Column.KEYWORDS:
            return self.flags(uid)[1]
        if column is Column.MODSEQ:
            return self.modseq(uid)
        return _KEPT[column](self.kept[uid])

    async def body(self, uid: int) -> IBody | None:
        kept = self.kept.get(uid)
        if kept is None:
            return None
        return JoinedBody(kept.prefix, MemoryBody(kept.octets))

    def _check_here(self) -> None:
        if self.gone:
            raise MailboxNotFound(f"{self.info.name} was deleted")
