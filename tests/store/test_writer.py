"""The writer: groups, full disks, failed flushes."""

from __future__ import annotations

import errno
from typing import Any

import apsw
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy import errors
from imailpy.interfaces.store import (
    Acceptance,
    FlagChange,
    MailboxDelivery,
    NewMessage,
)
from imailpy.mail import NULL_PATH, SystemFlag, UidSet
from imailpy.store.sqlite import writer as writer_module
from imailpy.world.real_disk import RealDisk
from tests.store.contract import Base, Watcher
from tests.store.test_sqlite import Durable
from tests.support.journal import KeptJournal
from tests.support.store import account_of, deliver, fill, spooled
from tests.support.world import TestWorld, result_of

ALL = UidSet(((1, 2**32 - 1),))
ALICE = "alice@example.test"


class FailingFile:
    """A file whose writes and syncs fail when the disk says so."""

    def __init__(self, disk: FailingDisk, file: Any) -> None:
        self._disk = disk
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, octets: bytes) -> None:
        self._disk.check("write")
        self._file.write(octets)

    def sync(self) -> None:
        self._disk.check("sync")
        self._file.sync()


class FailingDisk(RealDisk):
    """A real disk that fails on demand: operation -> errno."""

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}
        self.free: int | None = None

    def check(self, operation: str) -> None:
        if operation in self.failing:
            raise OSError(self.failing[operation], "planted")

    def create(self, path: str) -> Any:
        self.check("create")
        return FailingFile(self, super().create(path))

    def open(self, path: str, *, writable: bool = False) -> Any:
        return FailingFile(self, super().open(path, writable=writable))

    def sync_directory(self, path: str) -> None:
        self.check("sync")
        super().sync_directory(path)

    def free_octets(self, path: str) -> int:
        if self.free is not None:
            return self.free
        return super().free_octets(path)


class Case(Durable, Base, SynchronousTestCase):
    """A store on a disk that can fail."""

    SETTINGS: dict[str, Any] = {}

    def setUp(self) -> None:
        self.disk = FailingDisk()
        self.world = TestWorld(disk=self.disk)
        self.journal = KeptJournal()
        self.store = self.make_store(**self.SETTINGS)
        fill(self.store)

    def tearDown(self) -> None:
        self.disk.failing.clear()
        self.disk.free = None
        super().tearDown()

    def begin(self, coroutine: Any) -> list[Any]:
        """Start something; gives where its result or failure will be."""
        out: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(out.append)
        return out

    def message(self, size: int = 100) -> list[NewMessage]:
        return [NewMessage(spooled(self.store, b"\r\n" + b"x" * (size - 2)))]


class GroupTests(Case):
    """What arrives during a commit is the next group."""

    def test_one_commit_for_all(self) -> None:
        """Messages that arrive together share one commit."""
        box = self.open()
        groups = self.store.writer.groups
        self.world.threads.held = True
        waiting = [self.begin(box.append(self.message())) for _ in range(20)]
        self.assertEqual([out for out in waiting if out], [])
        self.world.threads.held = False
        self.world.threads.go()
        self.assertEqual(
            [out[0] for out in waiting], [[n] for n in range(1, 21)]
        )
        self.assertEqual(self.store.writer.groups, groups + 1)

    def test_group_of_16_MiB(self) -> None:
        """A group takes at most so many octets."""
        self.patch(writer_module, "GROUP_OCTETS", 2500)
        box = self.open()
        groups = self.store.writer.groups
        self.world.threads.held = True
        waiting = [
            self.begin(box.append(self.message(1000))) for _ in range(5)
        ]
        self.world.threads.held = False
        self.world.threads.go()
        self.assertEqual(len([out for out in waiting if out[0]]), 5)
        self.assertEqual(self.store.writer.groups, groups + 3)

    def test_failure_is_its_own(self) -> None:
        """A message of a group that fails does not hurt the others."""
        box = self.open()
        self.world.threads.held = True

        def bad(tx: Any, job: Any) -> None:
            tx.execute("INSERT INTO counters (name, value) VALUES ('x', 1)")
            raise ValueError("planted")

        first = self.begin(box.append(self.message()))
        second = self.begin(self.store.work(bad))
        wrong = self.begin(self.store.work(lambda tx, job: tx.execute("NO")))
        third = self.begin(box.append(self.message()))
        self.world.threads.held = False
        self.world.threads.go()
        self.assertEqual((first[0], third[0]), ([1], [2]))
        self.assertIsNotNone(second[0].check(ValueError))
        self.assertIsNotNone(wrong[0].check(errors.StoreUnavailable))
        rows = self.store.read("SELECT * FROM counters WHERE name = 'x'")
        self.assertEqual(rows, [])

    def test_B12_6_fifty_parallel_appends(self) -> None:
        """Of fifty parallel APPENDs exactly one fits the quota left."""
        account = result_of(
            self.store.directory.account(self.mail().account_id)
        )
        result_of(
            self.store.directory.update_account(
                evolve(account, quota_octets=15_000)
            )
        )
        box = self.open()
        self.world.threads.held = True
        waiting = [
            self.begin(box.append(self.message(10_000))) for _ in range(50)
        ]
        self.world.threads.held = False
        self.world.threads.go()
        refused = [out[0] for out in waiting if hasattr(out[0], "check")]
        self.assertEqual(len(refused), 49)
        for failure in refused:
            self.assertIsNotNone(failure.check(errors.OverQuota))
        self.assertEqual(result_of(self.mail().used_octets()), 10_000)

    def test_changes_in_order_of_commits(self) -> None:
        """Sessions hear of the changes of one group in their order."""
        box = self.open()
        watch = Watcher()
        box.attach(watch)
        self.world.threads.held = True
        self.begin(box.append(self.message()))
        self.begin(box.store(ALL, FlagChange("add", SystemFlag.DELETED)))
        self.begin(box.expunge())
        self.begin(box.append(self.message()))
        self.world.threads.held = False
        self.world.threads.go()
        self.assertEqual(len(watch.changes), 4)
        self.assertEqual(list(box.uids), [2])

    def test_who_waits_may_give_up(self) -> None:
        """A session that vanishes changes nothing for the others."""
        box = self.open()
        self.world.threads.held = True
        [message] = self.message(50_000)
        [filed] = self.message(100_000)
        waiting = Deferred.fromCoroutine(box.append([message, filed]))
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        message.body.release()
        filed.body.release()
        self.world.threads.held = False
        self.world.threads.go()
        self.assertEqual(list(box.uids), [1, 2])
        self.assertEqual(len(self.body_of(box, 2)), 100_000)
        self.assertEqual(self.store.spool.in_flight_octets, 0)
        self.assertEqual(self.disk.list(self.store.spool.directory), [])

    def test_opened_between_commit_and_news(self) -> None:
        """A mailbox opened after a commit does not hear of it twice."""
        self.world.threads.held = True
        account = account_of(self.store, ALICE)
        copy = MailboxDelivery(account.id, "INBOX", b"", account.address)
        self.begin(
            self.store.accept(
                Acceptance(
                    "d",
                    1.0,
                    NULL_PATH,
                    spooled(self.store),
                    deliveries=(copy,),
                )
            )
        )
        batch = self.world.threads._made[0]
        [(job, done)] = batch._waiting
        batch._waiting.clear()
        self.world.threads.held = False
        [result] = self.store.writer.process([job])
        opened = self.open()
        self.assertEqual(list(opened.uids), [1])
        done(result)
        self.assertEqual(list(opened.uids), [1])


class FullDiskTests(Case):
    """D6: a full disk refuses mail, loses none, and can be emptied."""

    SETTINGS = {"min_free_octets": 4 << 20, "reserve_octets": 2 << 20}

    def test_guard(self) -> None:
        """Below the guard mail is refused; EXPUNGE and reading go on."""
        box = self.open()
        result_of(box.append(self.message()))
        self.disk.free = 3 << 20
        self.world.advance(0.2)
        with self.assertRaises(errors.StorageFull) as caught:
            self.message()
        self.assertEqual(caught.exception.reply.code, 452)
        self.disk.free = None
        body = self.message()
        self.disk.free = 3 << 20
        with self.assertRaises(errors.StorageFull):
            result_of(box.append(body))
        self.assertEqual(self.body_of(box, 1), b"\r\n" + b"x" * 98)
        result_of(box.store(ALL, FlagChange("add", SystemFlag.DELETED)))
        self.assertEqual(result_of(box.expunge()), [1])
        self.disk.free = None
        self.assertEqual(result_of(box.append(self.message())), [2])

    def limit_pages(self, more: int) -> None:
        """Let SQLite find the disk full after so many pages more."""
        writer = self.store.connections.writer
        pages = writer.execute("PRAGMA page_count").get
        writer.execute(f"PRAGMA max_page_count = {pages + more}")

    def test_full_in_a_group(self) -> None:
        """When the disk fills up in a group, nobody of it was stored."""
        box = self.open()
        uid = result_of(box.append(self.message()))[0]
        self.limit_pages(2)
        self.world.threads.held = True
        waiting = [
            self.begin(box.append(self.message(20_000))) for _ in range(4)
        ]
        self.world.threads.held = False
        self.world.threads.go()
        for out in waiting:
            self.assertIsNotNone(out[0].check(errors.StorageFull))
        self.assertEqual(list(box.uids), [uid])
        self.assertEqual(self.world.deaths, [])
        self.limit_pages(1000)
        self.assertEqual(result_of(box.append(self.message())), [uid + 1])

    def test_reserve_lets_expunge_through(self) -> None:
        """EXPUNGE gets through on a full disk by giving up the reserve."""
        box = self.open()
        result_of(box.append(self.message()))
        result_of(box.store(ALL, FlagChange("add", SystemFlag.DELETED)))
        reserve = f"{self.directory}/reserve"
        self.assertTrue(self.disk.exists(reserve))

        def full(tx: Any, job: Any) -> str:
            if self.disk.exists(reserve):
                raise apsw.FullError("planted")
            return "done"

        self.assertEqual(result_of(self.store.work(full, grows=False)), "done")
        self.assertFalse(self.disk.exists(reserve))
        self.assertEqual(result_of(box.expunge()), [1])
        result_of(self.store.sweep())
        self.assertTrue(self.disk.exists(reserve))

    def test_spool_full(self) -> None:
        """A full disk under the spool refuses the body and leaves no file."""
        incoming = self.store.spool.incoming()
        incoming.write(b"x" * 300_000)
        self.disk.failing["write"] = errno.ENOSPC
        with self.assertRaises(errors.StorageFull):
            incoming.write(b"x")
        incoming.write(b"ignored")
        with self.assertRaises(errors.StorageFull):
            incoming.finish()
        self.assertEqual(self.disk.list(self.store.spool.directory), [])
        self.assertEqual(self.store.spool.in_flight_octets, 0)

    def test_segment_full(self) -> None:
        """No room in a segment refuses that message alone, for now."""
        box = self.open()
        result_of(box.append(self.message(50_000)))
        body = self.message(50_000)
        small = self.message(100)
        self.disk.failing["write"] = errno.ENOSPC
        self.world.threads.held = True
        large_out = self.begin(box.append(body))
        small_out = self.begin(box.append(small))
        self.world.threads.held = False
        self.world.threads.go()
        self.assertIsNotNone(large_out[0].check(errors.StorageFull))
        self.assertEqual(small_out[0], [2])
        self.disk.failing.clear()
        self.assertEqual(result_of(box.append(body)), [3])
        self.assertEqual(len(self.body_of(box, 3)), 50_000)

    def test_spool_budget(self) -> None:
        """Bodies in flight share one budget, and give it back."""
        self.settings.change(evolve(self.settings.current, spool_octets=1000))
        first = spooled(self.store, b"x" * 600)
        with self.assertRaises(errors.StorageFull):
            spooled(self.store, b"x" * 600)
        with self.assertRaises(errors.StorageFull):
            self.store.spool.incoming(600)
        first.release()
        second = spooled(self.store, b"x" * 600)
        del second
        third = self.store.spool.incoming()
        third.write(b"x" * 600)
        del third
        self.assertEqual(self.store.spool.in_flight_octets, 0)


class FailedFlushTests(Case):
    """F4: after a failed flush nothing more is written; the process ends."""

    def tearDown(self) -> None:
        self.disk.failing.clear()
        result_of(self.store.close())

    def test_F4_segment_sync(self) -> None:
        """A failed sync answers all of the group, and ends the process."""
        box = self.open()
        result_of(box.append(self.message()))
        self.disk.failing["sync"] = errno.EIO
        self.world.threads.held = True
        waiting = [
            self.begin(box.append(self.message(size)))
            for size in (50_000, 100, 60_000)
        ]
        self.world.threads.held = False
        self.world.threads.go()
        for out in waiting:
            self.assertIsNotNone(out[0].check(errors.OutcomeUnknown))
        [(code, _)] = self.world.deaths
        self.assertEqual(code, 75)
        self.disk.failing.clear()
        with self.assertRaises(errors.StoreUnavailable):
            result_of(box.append(self.message()))
        self.assertEqual(list(box.uids), [1])
        self.store = self.reopen()
        self.assertEqual(self.open().uids[0], 1)
        self.assertEqual(list(result_of(self.store.audit())), [])

    def test_F4_commit(self) -> None:
        """A COMMIT that fails leaves the outcome unknown, and ends it all."""
        box = self.open()

        def fail() -> None:
            raise apsw.IOError("planted")

        self.world.planted["store.before_commit"] = fail
        waiting = self.begin(box.append(self.message()))
        self.assertIsNotNone(waiting[0].check(errors.OutcomeUnknown))
        self.assertEqual(len(self.world.deaths), 1)
        del self.world.planted["store.before_commit"]
        with self.assertRaises(errors.StoreUnavailable):
            result_of(box.append(self.message()))

    def test_F4_own_file(self) -> None:
        """A large body whose sync fails ends the process too."""
        box = self.open()
        body = self.message(1_200_000)
        self.disk.failing["sync"] = errno.EIO
        with self.assertRaises(errors.OutcomeUnknown):
            result_of(box.append(body))
        self.assertEqual(len(self.world.deaths), 1)


class RefusedTests(Case):
    """Large bodies that are refused leave nothing behind."""

    def test_own_file_is_removed(self) -> None:
        """The file of a large message that did not fit goes at once."""
        account = result_of(
            self.store.directory.account(self.mail().account_id)
        )
        result_of(
            self.store.directory.update_account(
                evolve(account, quota_octets=1000)
            )
        )
        with self.assertRaises(errors.OverQuota):
            deliver(self.store, ALICE, b"\r\n" + b"x" * 1_500_000)
        self.assertEqual(self.store.segments.names(), [])
