"""An account's mail in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zope.interface import implementer

from imailpy.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxLimit,
    MailboxNameRefused,
    MailboxNotFound,
    OverQuota,
)
from imailpy.interfaces.body import IBody
from imailpy.interfaces.store import IAccountMail, MailboxInfo
from imailpy.mail import UidSet
from imailpy.message.rendition import Rendition
from imailpy.store.bodies import octets_of
from imailpy.store.memory.mailbox import Kept, MemoryMailbox
from imailpy.store.names import INBOX, canonical_name, is_below, parents
from imailpy.store.scanning import scanned
from imailpy.store.shared import Effect

if TYPE_CHECKING:
    from imailpy.store.memory.store import MemoryStore


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
            moved = box.copy_now(
                UidSet(((1, 2**32 - 1),)), target.info.name, moving=True
            )
            box.take_out(moved.source, None, counted=False)
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
        self.next_modseq()


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
