"""Mailboxes and accounts in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen
from zope.interface import implementer

from imailpy.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxLimit,
    MailboxNameRefused,
    MailboxNotFound,
    MailError,
    OverQuota,
)
from imailpy.interfaces.body import IBody
from imailpy.interfaces.store import (
    Column,
    Copied,
    FlagChange,
    FlagsChanged,
    IAccountMail,
    IMailbox,
    MailboxInfo,
    NewMessage,
)
from imailpy.mail import SystemFlag, UidSet
from imailpy.message.rendition import Rendition
from imailpy.store import keywords as words
from imailpy.store.bodies import JoinedBody, MemoryBody, octets_of
from imailpy.store.names import INBOX, canonical_name, is_below, parents
from imailpy.store.scanning import scanned
from imailpy.store.shared import Effect, FlagRow, SharedMailbox

if TYPE_CHECKING:
    from imailpy.store.memory.store import MemoryStore

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
        return self._copy_now(uids, target)

    def _copy_now(
        self, uids: UidSet, target: str, moving: bool = False
    ) -> Copied:
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
        copied = self._copy_now(uids, target, moving=True)
        self._remove(copied.source, by, counted=False)
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
        self._remove(gone, by)
        return gone

    async def remove(self, uids: UidSet, *, by: Any = None) -> Sequence[int]:
        self._check_here()
        gone = self.present(uids)
        self._remove(gone, by)
        return gone

    def _remove(
        self, gone: Sequence[int], by: Any, counted: bool = True
    ) -> None:
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


class Mail:
    """All mail of one account."""

    def __init__(self, store: MemoryStore, account_id: str) -> None:
        self.store = store
        self.account_id = account_id
        self.boxes: dict[str, MemoryMailbox] = {}
        self.subscribed: set[str] = set()
        self.used_octets = 0
        self.modseq = 0
        self.threads: dict[str, str] = {}

    def next_modseq(self) -> int:
        """Draw the next one of the account."""
        self.modseq += 1
        return self.modseq

    def check_quota(self, more_octets: int) -> None:
        """Raise `OverQuota` when so much more does not fit."""
        quota = self.store.directory.quota(self.account_id)
        if quota is None or more_octets <= 0:
            return
        if self.used_octets + more_octets > quota:
            raise OverQuota(f"quota of {self.account_id}: {quota}")

    def mailbox(self, name: str) -> MemoryMailbox:
        """Raise `MailboxNotFound` when there is none."""
        try:
            return self.boxes[canonical_name(name)]
        except (KeyError, MailboxNameRefused):
            raise MailboxNotFound(f"mailbox {name!r}") from None

    def make(self, name: str, special_use: str | None = None) -> MemoryMailbox:
        """Make a mailbox; raises as `IAccountMail.create`."""
        name = canonical_name(name)
        if name in self.boxes:
            raise MailboxExists(f"mailbox {name!r}")
        missing = [n for n in parents(name) if n not in self.boxes]
        most = self.store.settings.mailboxes_most
        if len(self.boxes) + len(missing) + 1 > most:
            raise MailboxLimit(f"{most} mailboxes")
        for above in missing:
            self._put(above, None)
        return self._put(name, special_use)

    def _put(self, name: str, special_use: str | None) -> MemoryMailbox:
        info = MailboxInfo(
            id=f"m{self.store.random.token()}",
            name=name,
            uid_validity=self.store.next_uid_validity(),
            uid_next=1,
            highest_modseq=self.next_modseq(),
            exists=0,
            unseen=0,
            deleted=0,
            size_octets=0,
            special_use=special_use,
            subscribed=name in self.subscribed,
        )
        box = self.boxes[name] = MemoryMailbox(self, info)
        return box

    def keep(self, body: IBody, prefix: bytes, internal_date: int) -> Kept:
        """Make the part of a message that never changes."""
        rendition = scanned(body)
        email_id = f"e{self.store.random.token()}"
        return Kept(
            internal_date=internal_date,
            save_date=int(self.store.clock.now()),
            size_octets=len(prefix) + body.size_octets,
            email_id=email_id,
            thread_id=self._thread(rendition, email_id),
            prefix=prefix,
            octets=octets_of(body),
            rendition=rendition,
        )

    def _thread(self, rendition: Rendition, email_id: str) -> str:
        """Give the thread of any message that it refers to, or a new one."""
        ids = [*rendition.references, rendition.message_id]
        ids = [i for i in ids if i]
        known = (self.threads[i] for i in reversed(ids) if i in self.threads)
        thread = next(known, f"t{email_id[1:]}")
        for message_id in ids:
            self.threads.setdefault(message_id, thread)
        return thread

    def delete(self, name: str) -> None:
        """Remove one; raises as `IAccountMail.delete`."""
        box = self.mailbox(name)
        if box.info.name == INBOX:
            raise MailboxNameRefused("INBOX cannot be deleted")
        if any(is_below(other, box.info.name) for other in self.boxes):
            raise MailboxHasChildren(f"mailbox {name!r}")
        del self.boxes[box.info.name]
        self.used_octets -= box.info.size_octets
        box.apply(Effect(0, self.next_modseq(), gone=True))

    def rename(self, old: str, new: str) -> None:
        """Rename; raises as `IAccountMail.rename`."""
        box = self.mailbox(old)
        old, new = box.info.name, canonical_name(new)
        if new in self.boxes:
            raise MailboxExists(f"mailbox {new!r}")
        if old == INBOX:
            target = self.make(new)
            moved = box._copy_now(
                UidSet(((1, 2**32 - 1),)), target.info.name, moving=True
            )
            box._remove(moved.source, None, counted=False)
            return
        if is_below(new, old):
            raise MailboxNameRefused("a mailbox cannot be below itself")
        moves = {
            name: new + name[len(old) :]
            for name in self.boxes
            if name == old or is_below(name, old)
        }
        for target_name in moves.values():
            canonical_name(target_name)
            if target_name in self.boxes and target_name not in moves:
                raise MailboxExists(f"mailbox {target_name!r}")
        boxes = {moves[name]: self.boxes.pop(name) for name in moves}
        for name, moved_box in boxes.items():
            moved_box.renamed(name, moved_box.info.special_use)
            moved_box.subscribed(name in self.subscribed)
        for above in parents(new):
            if above not in self.boxes:
                self._put(above, None)
        self.boxes.update(boxes)


@implementer(IAccountMail)
class MemoryAccountMail:
    """Door to the mail of an account."""

    def __init__(self, store: MemoryStore, account_id: str) -> None:
        self.account_id = account_id
        self._store = store

    @property
    def _mail(self) -> Mail:
        return self._store.mail(self.account_id)

    async def mailboxes(self) -> Sequence[MailboxInfo]:
        boxes = self._mail.boxes
        return [boxes[name].info for name in sorted(boxes)]

    async def subscriptions(self) -> Sequence[str]:
        return sorted(self._mail.subscribed)

    async def info(self, name: str) -> MailboxInfo:
        return self._mail.mailbox(name).info

    async def open(self, name: str) -> MemoryMailbox:
        return self._mail.mailbox(name)

    async def create(
        self, name: str, *, special_use: str | None = None
    ) -> MailboxInfo:
        return self._mail.make(name, special_use).info

    async def delete(self, name: str) -> None:
        self._mail.delete(name)

    async def rename(self, old: str, new: str) -> None:
        self._mail.rename(old, new)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        mail = self._mail
        name = canonical_name(name)
        if subscribed:
            mail.subscribed.add(name)
        else:
            mail.subscribed.discard(name)
        if name in mail.boxes:
            mail.boxes[name].subscribed(subscribed)

    async def used_octets(self) -> int:
        return self._mail.used_octets
