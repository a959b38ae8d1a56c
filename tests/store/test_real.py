"""
Real connections in WAL, real threads: what the simulation cannot see.

A reactor is needed: results come back from the writer thread.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.trial.unittest import TestCase

from imailpy.interfaces.directory import AccountSecrets, Domain
from imailpy.interfaces.store import (
    Acceptance,
    Column,
    FlagChange,
    MailboxDelivery,
    NewMessage,
)
from imailpy.mail import NULL_PATH, Path, SystemFlag, UidSet
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.real import RealWorld
from tests.support.settings import Fixed
from tests.support.store import spooled

ALL = UidSet(((1, 2**32 - 1),))
ALICE = Path.parse("alice@example.test")

# Accepts mail for ever and says so, a line each, once it is durable.
KILLED = """
import sys, time
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from tests.store.test_real import sender, opened
store = opened(sys.argv[1])
number = [int(sys.argv[2])]
for _ in range(8):
    Deferred.fromCoroutine(sender(store, number)).addErrback(
        lambda failure: failure.printTraceback(sys.stderr))
reactor.callLater(0, print, "ready", flush=True)
reactor.run()
"""


def opened(directory: str) -> SqliteStore:
    """Open a store on the machine as it is."""
    settings = StoreSettings(
        directory,
        min_free_octets=0,
        min_free_percent=0.0,
        reserve_octets=0,
        checkpoint_octets=200_000,
        sweep_every_s=0.2,
    )
    return SqliteStore(RealWorld(reactor), Fixed(settings))


def octets_of(number: int) -> bytes:
    """Give a message that its number decides."""
    size = (200, 3_000, 40_000, 120_000, 1_100_000)[number % 5 - 5]
    if number % 50:
        size = min(size, 120_000)
    seed = hashlib.sha256(b"%d" % number).digest()
    return b"N: %d\r\n\r\n" % number + seed * (size // 32)


async def sender(store: Any, number: list[int]) -> None:
    """Deliver messages one by one; print what is durable."""
    account = await store.directory.find(ALICE)
    while True:
        number[0] += 1
        mine = number[0]
        body = spooled(store, octets_of(mine))
        copy = MailboxDelivery(account.id, "INBOX", b"", ALICE)
        [done] = await store.accept(
            Acceptance(f"d{mine}", 1.0, NULL_PATH, body, deliveries=(copy,))
        )
        body.release()
        os.write(1, b"%d %d\n" % (mine, done.uid))


class RealTests(TestCase):
    """One store on real disk and threads."""

    def setUp(self) -> Deferred[Any]:
        self.directory = os.path.abspath(self.mktemp())
        self.store = opened(self.directory)
        return ensureDeferred(self.fill())

    async def fill(self) -> None:
        await self.store.directory.add_domain(Domain("example.test"))
        self.account = await self.store.directory.add_account(
            ALICE, AccountSecrets()
        )
        self.mail = self.store.account(self.account.id)

    def tearDown(self) -> Deferred[Any]:
        return ensureDeferred(self.finish())

    async def finish(self) -> None:
        complaints = await self.store.audit()
        await self.store.close()
        self.assertEqual(list(complaints), [])

    def test_many_at_once(self) -> Deferred[Any]:
        """Many sessions at once: groups form, all is stored, all see it."""

        async def run() -> None:
            box = await self.mail.open("INBOX")
            waiting = [
                ensureDeferred(
                    box.append([NewMessage(spooled(self.store, octets_of(n)))])
                )
                for n in range(200)
            ]
            found = await gatherResults(waiting)
            self.assertEqual(
                sorted(uid for [uid] in found), list(range(1, 201))
            )
            self.assertLess(self.store.writer.groups, 150)
            self.assertEqual(len(box.uids), 200)
            for number, [uid] in enumerate(found):
                body = await box.body(uid)
                self.assertEqual(b"".join(body.chunks()), octets_of(number))

        return ensureDeferred(run())

    def test_read_while_written(self) -> Deferred[Any]:
        """Reading goes on while others write, expunge and sweep."""

        async def write(box: Any) -> None:
            for n in range(40):
                await box.append(
                    [NewMessage(spooled(self.store, octets_of(n)))]
                )
                await box.store(
                    UidSet.of(n), FlagChange("add", SystemFlag.DELETED)
                )
                await box.expunge(UidSet.of(n))

        async def run() -> None:
            box = await self.mail.open("INBOX")
            writing = ensureDeferred(write(box))
            while not writing.called:
                rows = await box.rows(ALL, [Column.UID, Column.ENVELOPE])
                for uid, _ in rows:
                    body = await box.body(uid)
                    if body is not None:
                        b"".join(body.chunks())
                await self.store.sweep()
                await self.mail.mailboxes()
            await writing
            self.assertEqual(list(box.uids), [40])

        return ensureDeferred(run())

    def test_large_mailbox_opens_beside_writes(self) -> Deferred[Any]:
        """A mailbox read in the reader thread misses no commit."""
        from imailpy.store.sqlite import store as module

        self.patch(module, "_LOADED_HERE", 0)

        async def deliver(number: int) -> int:
            copy = MailboxDelivery(self.account.id, "INBOX", b"", ALICE)
            body = spooled(self.store, octets_of(1))
            [done] = await self.store.accept(
                Acceptance(
                    f"d{number}", 1.0, NULL_PATH, body, deliveries=(copy,)
                )
            )
            return done.uid

        async def run() -> None:
            delivering = [ensureDeferred(deliver(n)) for n in range(100)]
            opening = [
                ensureDeferred(self.mail.open("INBOX")) for _ in range(3)
            ]
            boxes = await gatherResults(opening)
            await gatherResults(delivering)
            self.assertEqual(len({id(box) for box in boxes}), 1)
            self.assertEqual(list(boxes[0].uids), list(range(1, 101)))

        return ensureDeferred(run())

    def test_40_MB(self) -> Deferred[Any]:
        """A mail of 40 MB goes in and comes out byte for byte."""
        octets = b"A: b\r\n\r\n" + os.urandom(40 * 1024 * 1024)

        async def run() -> None:
            box = await self.mail.open("INBOX")
            body = spooled(self.store, octets)
            [uid] = await box.append([NewMessage(body)])
            body.release()
            got = await box.body(uid)
            self.assertEqual(got.size_octets, len(octets))
            digest = hashlib.sha256()
            for chunk in got.chunks():
                self.assertLessEqual(len(chunk), 262_144)
                digest.update(chunk)
            self.assertEqual(digest.digest(), hashlib.sha256(octets).digest())

        return ensureDeferred(run())

    def test_D3_kill(self) -> Deferred[Any]:
        """kill -9 under load: nothing acknowledged is lost or doubled."""

        async def run() -> None:
            await self.store.close()
            acknowledged: dict[int, int] = {}
            for turn in range(4):
                acknowledged.update(
                    self.killed(turn * 100_000, 30 + 40 * turn)
                )
            self.store = opened(self.directory)
            self.mail = self.store.account(self.account.id)
            box = await self.mail.open("INBOX")
            self.assertGreater(len(acknowledged), 100)
            self.assertEqual(
                len(set(acknowledged.values())), len(acknowledged)
            )
            for number, uid in acknowledged.items():
                body = await box.body(uid)
                self.assertEqual(
                    b"".join(body.chunks()), octets_of(number), number
                )

        return ensureDeferred(run())

    def killed(self, first: int, lines: int) -> dict[int, int]:
        """Run a sender until it has said so much, and kill it."""
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, self.directory, str(first)],
            stdout=subprocess.PIPE,
            cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        )
        said = b""
        while said.count(b"\n") < lines:
            piece = os.read(process.stdout.fileno(), 65_536)
            self.assertNotEqual(piece, b"", said)
            said += piece
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read()
        process.wait()
        process.stdout.close()
        found = {}
        for line in said.split(b"\n")[:-1]:
            if line != b"ready":
                number, uid = line.split()
                found[int(number)] = int(uid)
        return found
