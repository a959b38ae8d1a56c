"""
What every provider of the store's doors must do.

Mixins: a provider's test module joins each with a `TestCase` and gives
`make_store`; `reopen` gives the same store after a restart, or the store
itself when it forgets.
"""

from __future__ import annotations

from typing import Any

from zope.interface import implementer
from zope.interface.verify import verifyObject

from imailpy.interfaces.body import IBody, IIncomingBody, ISpool
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.queue import IQueue
from imailpy.interfaces.store import (
    IAccountMail,
    IMailbox,
    IMailboxObserver,
    IStore,
    MailboxChange,
)
from tests.support.store import (
    account_of,
    deliver,
    fill,
    spooled,
)
from tests.support.world import TestWorld, result_of


@implementer(IMailboxObserver)
class Watcher:
    """Keeps the changes it was told of."""

    def __init__(self) -> None:
        self.changes: list[MailboxChange] = []

    def mailbox_changed(self, change: MailboxChange) -> None:
        self.changes.append(change)


class Base:
    """A fresh store with accounts, and how to look at it."""

    def make_store(self, **settings: Any) -> Any:
        """Give a fresh store; `self.world` is its world."""
        raise NotImplementedError

    def reopen(self) -> Any:
        """Close the store and give it opened again."""
        return self.store

    def setUp(self) -> None:
        self.world = TestWorld()
        self.store = self.make_store()
        fill(self.store)

    def tearDown(self) -> None:
        complaints = result_of(self.store.audit())
        result_of(self.store.close())
        self.assertEqual(list(complaints), [])

    def mail(self, address: str = "alice@example.test") -> Any:
        return self.store.account(account_of(self.store, address).id)

    def open(self, name: str = "INBOX", address: str = "alice@example.test"):
        return result_of(self.mail(address).open(name))

    def body_of(self, box: Any, uid: int) -> bytes:
        return b"".join(result_of(box.body(uid)).chunks())


class DoorsContract(Base):
    """The doors are there."""

    def test_doors(self) -> None:
        """Each object has the methods that its door promises."""
        verifyObject(IStore, self.store)
        verifyObject(IDirectory, self.store.directory)
        verifyObject(IQueue, self.store.queue)
        verifyObject(ISpool, self.store.spool)
        verifyObject(IAccountMail, self.mail())
        verifyObject(IMailbox, self.open())
        incoming = self.store.spool.incoming()
        verifyObject(IIncomingBody, incoming)
        incoming.write(b"a: b\r\n\r\n")
        verifyObject(IBody, incoming.finish())
        uid = deliver(self.store, "alice@example.test")
        verifyObject(IBody, result_of(self.open().body(uid)))

    def test_figures(self) -> None:
        """Counts of accounts and messages can be asked for."""
        deliver(self.store, "alice@example.test")
        figures = result_of(self.store.figures())
        self.assertEqual(figures["messages"], 1)
        self.assertEqual(figures["accounts"], 3)


class SpoolContract(Base):
    """Bodies in flight."""

    def test_any_size_comes_back(self) -> None:
        """A body of any size comes out of the spool byte for byte."""
        import hashlib

        for size in (0, 1, 65_535, 65_536, 65_537, 300_000, 1_500_000):
            octets = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000)
            octets += b"x" * (size - len(octets))
            body = spooled(self.store, octets)
            self.assertEqual(body.size_octets, size)
            self.assertEqual(body.sha256, hashlib.sha256(octets).digest())
            chunks = list(body.chunks())
            self.assertEqual(b"".join(chunks), octets)
            self.assertTrue(all(0 < len(c) <= 262_144 for c in chunks))
            self.assertEqual(b"".join(body.chunks(3, 9)), octets[3:9])
            body.release()
            body.release()

    def test_discard(self) -> None:
        """A body that is given up may be given up twice."""
        incoming = self.store.spool.incoming()
        incoming.write(b"x" * 100_000)
        incoming.discard()
        incoming.discard()

    def test_rendition_is_there(self) -> None:
        """What the scanner found is known when the body is complete."""
        body = spooled(self.store, b"Subject: a\r\n\r\nbody\r\n")
        self.assertEqual(body.rendition.header_octets, 14)
