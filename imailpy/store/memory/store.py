"""The store in memory as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from zope.interface import implementer

from imailpy.errors import MailError, ObjectNotFound
from imailpy.interfaces.store import (
    Acceptance,
    Delivered,
    IStore,
    MailboxDelivery,
)
from imailpy.store.memory.account import Mail, MemoryAccountMail
from imailpy.store.memory.bans import MemoryBans
from imailpy.store.memory.directory import MemoryDirectory
from imailpy.store.memory.queue import MemoryQueue
from imailpy.store.memory.sending import MemorySending
from imailpy.store.memory.spool import MemorySpool
from imailpy.store.names import FIRST_MAILBOXES, canonical_name
from imailpy.store.settings import StoreSettings


class HasClock(Protocol):
    """As much of a world as this store needs."""

    @property
    def clock(self) -> Any: ...
    @property
    def random(self) -> Any: ...


@implementer(IStore)
class MemoryStore:
    """
    Everything in dicts.

    Args:
        world: Its clock and its randomness are used.
    """

    def __init__(
        self, world: HasClock, settings: StoreSettings | None = None
    ) -> None:
        self.clock = world.clock
        self.random = world.random
        self.settings = settings or StoreSettings("/nowhere")
        self.directory = MemoryDirectory(
            world.random, self._made, self._removed
        )
        self.queue = MemoryQueue(self._accept)
        self.spool = MemorySpool()
        self.sending = MemorySending(lambda account: account in self._mail)
        self.bans = MemoryBans()
        self._mail: dict[str, Mail] = {}
        self._delivered: dict[tuple[str, str], int] = {}
        self._uid_validity: int = world.random.below(2**31 - 2**20)

    def account(self, account_id: str) -> MemoryAccountMail:
        return MemoryAccountMail(self, account_id)

    def mail(self, account_id: str) -> Mail:
        """Give an account's mail; raises `ObjectNotFound`."""
        try:
            return self._mail[account_id]
        except KeyError:
            raise ObjectNotFound(f"account {account_id}") from None

    def next_uid_validity(self) -> int:
        """Draw a UIDVALIDITY that was never given out."""
        self._uid_validity += 1
        return self._uid_validity

    async def accept(self, acceptance: Acceptance) -> Sequence[Delivered]:
        return self._accept(acceptance)

    def _accept(self, acceptance: Acceptance) -> Sequence[Delivered]:
        results = [
            self._deliver(acceptance, delivery)
            for delivery in acceptance.deliveries
        ]
        if self.queue.add(acceptance):
            self.queue.tell()
        return results

    def _deliver(
        self, acceptance: Acceptance, delivery: MailboxDelivery
    ) -> Delivered:
        try:
            mail = self.mail(delivery.account_id)
            name = canonical_name(delivery.mailbox)
            mail.check_quota(
                len(delivery.prefix) + acceptance.body.size_octets
            )
            box = mail.boxes.get(name) or mail.make(name)
            key = (acceptance.delivery_id, box.info.id)
            if key not in self._delivered:
                kept = mail.keep(
                    acceptance.body,
                    delivery.prefix,
                    int(acceptance.received_at),
                )
                self._delivered[key] = box.add(
                    [(kept, int(delivery.flags), delivery.keywords)]
                )[0]
            return Delivered(delivery, self._delivered[key])
        except MailError as error:
            return Delivered(delivery, None, error)

    def _made(self, account_id: str) -> None:
        mail = self._mail[account_id] = Mail(self, account_id)
        for name, special_use in FIRST_MAILBOXES:
            mail.subscribed.add(name)
            mail.make(name, special_use)

    def _removed(self, account_id: str) -> None:
        mail = self._mail.pop(account_id)
        self.sending.forget(account_id)
        for name in sorted(mail.boxes, reverse=True):
            if name != "INBOX":
                mail.delete(name)

    async def audit(self) -> Sequence[str]:
        complaints = []
        for account_id, mail in self._mail.items():
            size = sum(
                kept.size_octets
                for box in mail.boxes.values()
                for kept in box.kept.values()
            )
            if size != mail.used_octets:
                complaints.append(f"{account_id}: used octets are wrong")
        return complaints

    async def figures(self) -> dict[str, int | float | str]:
        boxes = [b for m in self._mail.values() for b in m.boxes.values()]
        return {
            "accounts": len(self._mail),
            "mailboxes": len(boxes),
            "messages": sum(b.info.exists for b in boxes),
            "message_octets": sum(b.info.size_octets for b in boxes),
        }

    async def close(self) -> None:
        """Nothing to finish."""
