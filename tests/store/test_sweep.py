"""The sweeper: what is gone frees the disk, whenever it is cut off."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.queue import Attempt, QueuedRecipient, QueueState
from imailpy.interfaces.store import Acceptance, FlagChange, NewMessage
from imailpy.mail import NULL_PATH, Path, Reply, SystemFlag, UidSet
from imailpy.store.sqlite import SqliteStore
from imailpy.store.sqlite.audit import audit
from tests.store.contract import Base
from tests.store.test_sqlite import Durable
from tests.support.settings import Fixed
from tests.support.store import ADDRESSES, SIMPLE, deliver, fill, spooled
from tests.support.world import TestWorld, result_of

ALL = UidSet(((1, 2**32 - 1),))
ALICE, BOB, CAROL = ADDRESSES
DELETED = FlagChange("add", SystemFlag.DELETED)

AT_ONCE = {"undelete_s": 0.0, "blob_grace_s": 0.0, "queue_history_s": 60.0}


class Stopped(BaseException):
    """The process was killed here."""


class Case(Durable, Base, SynchronousTestCase):
    """A store that forgets at once."""

    SETTINGS: dict[str, Any] = AT_ONCE

    def setUp(self) -> None:
        self.world = TestWorld()
        self.store = self.make_store(**self.SETTINGS)
        fill(self.store)

    def count(self, table: str) -> int:
        [(count,)] = self.store.read(f"SELECT count(*) FROM {table}")
        return count

    def disk_octets(self, directory: str | None = None) -> int:
        """What the data directory takes on the disk."""
        return sum(
            os.stat(f"{folder}/{name}").st_size
            for folder, _, names in os.walk(directory or self.directory)
            for name in names
        )

    def drop(self, box: Any, uids: UidSet) -> None:
        result_of(box.store(uids, DELETED))
        result_of(box.expunge(uids))


class SweepTests(Case):
    """Rows and octets go when nothing refers to them."""

    def test_expunged_goes(self) -> None:
        """The last copy of a message takes its octets along."""
        deliver(self.store, ALICE)
        box = self.open()
        result_of(box.copy(ALL, "Sent"))
        self.drop(box, ALL)
        result_of(self.store.sweep())
        self.assertEqual(self.count("messages"), 1)
        self.assertEqual(self.count("extents"), 1)
        self.assertGreater(len(self.body_of(self.open("Sent"), 1)), 10)
        self.drop(self.open("Sent"), ALL)
        result_of(self.store.sweep())
        for table in ("messages", "emails", "blobs", "extents"):
            self.assertEqual(self.count(table), 0, table)

    def test_undelete_period(self) -> None:
        """An expunged message stays for the time it can be brought back."""
        self.settings.change(evolve(self.settings.current, undelete_s=100.0))
        deliver(self.store, ALICE)
        self.drop(self.open(), ALL)
        result_of(self.store.sweep())
        self.assertEqual(self.count("messages"), 1)
        self.world.advance(101)
        result_of(self.store.sweep())
        self.assertEqual(self.count("messages"), 0)

    def test_D6_no_period_when_room_is_wanted(self) -> None:
        """Below the guard an expunged message makes room at once."""
        current = evolve(
            self.settings.current,
            undelete_s=86_400.0,
            blob_grace_s=3600.0,
            sweep_every_s=60.0,
        )
        self.settings.change(current)
        deliver(self.store, ALICE)
        self.drop(self.open(), ALL)
        result_of(self.store.sweep())
        self.assertEqual(self.count("messages"), 1)
        self.settings.change(evolve(current, min_free_octets=1 << 60))
        result_of(self.store.sweep())
        for table in ("messages", "emails", "blobs", "extents"):
            self.assertEqual(self.count(table), 0, table)

    def test_D6_looks_at_the_room_every_few_seconds(self) -> None:
        """A full disk does not wait for the next sweep."""
        current = evolve(
            self.settings.current, undelete_s=86_400.0, sweep_every_s=60.0
        )
        self.settings.change(current)
        self.store.upkeep.plan()
        deliver(self.store, ALICE)
        self.drop(self.open(), ALL)
        self.world.reactor.pump([1.0] * 20)
        self.assertEqual(self.count("messages"), 1)
        self.settings.change(evolve(current, min_free_octets=1 << 60))
        self.world.reactor.pump([1.0] * 6)
        self.assertEqual(self.count("messages"), 0)
        self.store.upkeep.stop()

    def test_same_body_is_kept_once(self) -> None:
        """One body in an account is kept once, and never shared by two."""
        octets = b"A: b\r\n\r\n" + b"z" * 50_000
        for _ in range(3):
            deliver(self.store, ALICE, octets)
        deliver(self.store, BOB, octets)
        self.assertEqual(self.count("blobs"), 2)
        self.assertEqual(self.count("extents"), 2)
        self.drop(self.open(), UidSet.of(1))
        result_of(self.store.sweep())
        self.assertEqual(self.body_of(self.open(), 2)[-5:], b"z" * 5)

    def test_damaged_copy_is_mended(self) -> None:
        """A damaged body is replaced when the same one comes again."""
        octets = b"A: b\r\n\r\n" + b"z" * 50_000
        deliver(self.store, ALICE, octets)
        [name] = self.store.segments.names()
        path = f"{self.directory}/segments/{name}"
        with open(path, "r+b") as file:
            file.seek(30_000)
            file.write(b"DAMAGE")
        deliver(self.store, ALICE, octets)
        self.assertTrue(self.body_of(self.open(), 1).endswith(octets))

    def test_mailboxes_and_accounts_go(self) -> None:
        """Deleted mailboxes and removed accounts leave nothing."""
        deliver(self.store, CAROL)
        result_of(self.mail().create("x"))
        deliver(self.store, ALICE, mailbox="x")
        result_of(self.mail().delete("x"))
        directory = self.store.directory
        carol = result_of(directory.find(Path.parse(CAROL)))
        result_of(directory.remove_account(carol.id))
        result_of(self.store.sweep())
        for table in ("messages", "extents"):
            self.assertEqual(self.count(table), 0, table)
        self.assertEqual(self.count("mailboxes"), 12)
        self.assertEqual(self.count("account_state"), 2)

    def test_queue_history(self) -> None:
        """Final recipients are kept for the history, then they go."""
        recipient = QueuedRecipient(Path.parse("x@far.test"), "far.test")
        result_of(
            self.store.accept(
                Acceptance(
                    "d",
                    1.0,
                    NULL_PATH,
                    spooled(self.store),
                    queued=(recipient,),
                )
            )
        )
        [row] = result_of(self.store.queue.rows())
        done = Attempt(row.id, QueueState.DONE, Reply(250, "OK"))
        result_of(self.store.queue.record([done]))
        self.assertEqual(self.count("extents"), 0)
        result_of(self.store.sweep())
        self.assertEqual(len(result_of(self.store.queue.rows())), 1)
        self.world.advance(61)
        result_of(self.store.sweep())
        self.assertEqual(result_of(self.store.queue.rows()), [])
        self.assertEqual(self.count("spool"), 0)

    def test_histories_are_walked(self) -> None:
        """Old deliveries and events go, young ones stay."""
        seen = FlagChange("add", SystemFlag.SEEN)
        deliver(self.store, ALICE)
        result_of(self.open().store(ALL, seen))
        self.world.advance(40 * 86_400)
        deliver(self.store, ALICE)
        result_of(self.open().store(ALL, seen))
        result_of(self.store.sweep())
        self.assertEqual(self.count("deliveries"), 1)
        self.assertEqual(self.count("events"), 1)

    def test_sweeps_by_itself(self) -> None:
        """The sweeper comes around on its own."""
        self.settings.change(evolve(self.settings.current, sweep_every_s=60.0))
        self.store.upkeep.plan()
        deliver(self.store, ALICE)
        self.drop(self.open(), ALL)
        self.world.advance(61)
        self.assertEqual(self.count("messages"), 0)


class CompactionTests(Case):
    """After expunging most of much, the disk holds little."""

    SETTINGS: dict[str, Any] = {
        **AT_ONCE,
        "segment_octets": 400_000,
        "inline_octets": 2_000,
        "own_segment_octets": 100_000,
    }
    SIZES = (1_000, 1_500, 10_000, 40_000, 90_000, 150_000)
    COUNT = 90

    def fill_box(self) -> dict[int, bytes]:
        """Fill INBOX; gives what every tenth message holds."""
        box = self.open()
        kept = {}
        for number in range(self.COUNT):
            size = self.SIZES[number % len(self.SIZES)]
            octets = b"N: %d\r\n\r\n" % number + os.urandom(size)
            body = spooled(self.store, octets)
            [uid] = result_of(box.append([NewMessage(body)]))
            body.release()
            if number % 10 == 0:
                kept[uid] = octets
        return kept

    def dropped(self, kept: dict[int, bytes]) -> UidSet:
        return UidSet.from_uids(set(range(1, self.COUNT + 1)) - set(kept))

    def check_kept(self, kept: dict[int, bytes]) -> None:
        box = self.open()
        self.assertEqual(list(box.uids), sorted(kept))
        for uid, octets in kept.items():
            self.assertEqual(self.body_of(box, uid), octets)

    def test_disk_holds_little_more_than_lives(self) -> None:
        """After expunging 90 %, at most 1.3 times what lives is left."""
        kept = self.fill_box()
        before = self.disk_octets()
        reading = result_of(self.open().body(5)).chunks()
        first = next(reading)
        self.drop(self.open(), self.dropped(kept))
        result_of(self.store.sweep())
        self.check_kept(kept)
        self.assertEqual(len(first + b"".join(reading)), 90_000 + 8)
        self.store = self.reopen()
        result_of(self.store.sweep())
        result_of(self.store.close())
        live = sum(map(len, kept.values()))
        # A fresh database takes so much for its tables.
        left = self.disk_octets() - self.empty_octets()
        self.store = SqliteStore(TestWorld(seed=3), self.settings)
        self.assertLess(left, 1.3 * live)
        self.assertLess(live, before / 5)
        self.check_kept(kept)

    def empty_octets(self) -> int:
        """What a store with accounts and no mail takes."""
        directory = f"{self.mktemp()}/x"
        settings = Fixed(evolve(self.settings.current, directory=directory))
        empty = SqliteStore(TestWorld(), settings)
        fill(empty)
        result_of(empty.close())
        return self.disk_octets(directory)

    def test_killed_at_every_step(self) -> None:
        """Compaction may be killed anywhere and goes on afterwards."""
        kept = self.fill_box()
        self.drop(self.open(), self.dropped(kept))
        result_of(self.store.close())
        original = f"{self.directory}.original"
        os.rename(self.directory, original)
        live = sum(map(len, kept.values()))
        names = (
            "store.sweep_expunged", "store.sweep_blobs",
            "store.after_segment_create", "store.after_segment_append",
            "store.compact_copied", "store.before_segment_sync",
            "store.after_segment_sync", "store.compact_synced",
            "store.compact_rows", "store.before_commit",
            "store.after_commit", "store.sweep_segments",
            "store.before_segment_remove", "store.before_checkpoint",
            "store.after_checkpoint",
        )  # fmt: skip
        for name in names:
            for turn in (1, 3):
                self.killed(original, name, turn, kept, live)
        shutil.copytree(original, self.directory)
        self.store = SqliteStore(TestWorld(), self.settings)

    def killed(
        self, original: str, name: str, turn: int, kept: Any, live: int
    ) -> None:
        """Sweep a copy, kill it, take what is on the disk, sweep again."""
        shutil.copytree(original, self.directory)
        world = TestWorld()
        store = SqliteStore(world, self.settings)
        dead = f"{self.directory}.dead"
        passed = [0]

        def kill() -> None:
            passed[0] += 1
            if passed[0] == turn:
                shutil.copytree(self.directory, dead)
                raise Stopped

        world.planted[name] = kill
        with contextlib.suppress(Stopped):
            result_of(store.sweep())
        world.planted.clear()
        result_of(store.close())
        shutil.rmtree(self.directory)
        if not os.path.exists(dead):
            self.assertGreater(turn, 1, f"{name} was never passed")
            return
        os.rename(dead, self.directory)
        self.store = SqliteStore(TestWorld(seed=2), self.settings)
        self.assertEqual(list(result_of(self.store.audit())), [], name)
        self.check_kept(kept)
        result_of(self.store.sweep())
        self.check_kept(kept)
        self.assertEqual(list(result_of(self.store.audit())), [], name)
        result_of(self.store.close())
        segments = self.disk_octets(f"{self.directory}/segments")
        self.assertLess(segments, 1.3 * live, name)
        shutil.rmtree(self.directory)

    def test_reader_that_comes_late(self) -> None:
        """Who read the row before a segment went looks it up again."""
        kept = self.fill_box()
        box = self.open()
        bodies = {uid: result_of(box.body(uid)) for uid in kept}
        self.drop(box, self.dropped(kept))
        result_of(self.store.sweep())
        for uid, body in bodies.items():
            self.assertEqual(b"".join(body.chunks()), kept[uid])
        self.check_kept(kept)


class DamageTests(Case):
    """B12.8: what is damaged is never served silently."""

    def test_B12_8_damaged_bodies(self) -> None:
        """A flipped bit is found when the body is read for delivery."""
        from imailpy import errors

        octets = b"A: b\r\n\r\n" + b"z" * 50_000
        recipient = QueuedRecipient(Path.parse("x@far.test"), "far.test")
        result_of(
            self.store.accept(
                Acceptance(
                    "d",
                    1.0,
                    NULL_PATH,
                    spooled(self.store, octets),
                    queued=(recipient,),
                )
            )
        )
        [name] = self.store.segments.names()
        path = f"{self.directory}/segments/{name}"
        with open(path, "r+b") as file:
            file.seek(20_000)
            file.write(b"D")
        body = result_of(self.store.queue.body("d"))
        with self.assertRaises(errors.StoreUnavailable):
            list(body.chunks())
        os.truncate(path, 30_000)
        complaints = result_of(self.store.audit())
        self.assertEqual(len(complaints), 1)
        body = result_of(self.store.queue.body("d"))
        with self.assertRaises(errors.StoreUnavailable):
            list(body.chunks(1, 49_000))
        self.store.connections.writer.execute(
            "DELETE FROM queue; DELETE FROM spool; DELETE FROM extents;"
            " DELETE FROM segments"
        )

    def test_audit_costs_what_there_is(self) -> None:
        """Twice the mail takes the audit twice the work, not four times."""
        reader = self.store.connections.reader

        def steps() -> int:
            count = [0]

            def count_one() -> bool:
                count[0] += 1
                return False

            reader.set_progress_handler(count_one, 100)
            self.assertEqual(audit(reader, self.store.segments), [])
            reader.set_progress_handler(None)
            return count[0]

        def fill_up(number: int) -> None:
            far = QueuedRecipient(Path.parse("x@far.test"), "far.test")
            for n in range(150):
                octets = b"N: %d\r\n\r\n" % n + b"x" * (n % 3 * 2500)
                deliver(self.store, ALICE, octets)
                result_of(
                    self.store.accept(
                        Acceptance(
                            f"q{number}-{n}",
                            1.0,
                            NULL_PATH,
                            spooled(self.store, octets),
                            queued=(far,),
                        )
                    )
                )

        self.settings.change(
            evolve(self.settings.current, inline_octets=1_000)
        )
        fill_up(1)
        once = steps()
        fill_up(2)
        self.assertLess(steps(), 2.5 * once)

    def test_audit_while_the_sweeper_works(self) -> None:
        """A segment that goes during an audit is no complaint."""
        large = SIMPLE + (b"x" * 998 + b"\r\n") * 2000
        deliver(self.store, ALICE, large)
        self.drop(self.open(), ALL)
        size_of = self.store.segments.size_of
        asked: list[str] = []

        def sweep_first(name: str) -> int:
            asked.append(name)
            result_of(self.store.sweep())
            return size_of(name)

        self.patch(self.store.segments, "size_of", sweep_first)
        self.assertEqual(result_of(self.store.audit()), [])
        self.assertEqual(len(asked), 1)
        self.assertRaises(OSError, size_of, asked[0])

    def test_audit_finds_a_missing_segment(self) -> None:
        """A segment that is wanted and gone is a complaint."""
        deliver(self.store, ALICE, SIMPLE + (b"x" * 998 + b"\r\n") * 2000)
        [name] = os.listdir(f"{self.directory}/segments")
        path = f"{self.directory}/segments/{name}"
        os.rename(path, f"{self.directory}/aside")
        [complaint] = result_of(self.store.audit())
        self.assertIn(name, complaint)
        os.rename(f"{self.directory}/aside", path)

    def test_audit_finds_wrong_counts(self) -> None:
        """The audit finds counters, references and UIDs that are wrong."""
        deliver(self.store, ALICE)
        deliver(self.store, ALICE, b"\r\n" + b"x" * 50_000)
        writer = self.store.connections.writer
        for wrong, right in (
            ("mailboxes SET exists_n = exists_n + 1",
             "exists_n = exists_n - 1"),
            ("mailboxes SET unseen_n = 7", "unseen_n = exists_n"),
            ("mailboxes SET uid_next = 1", "uid_next = exists_n + 1"),
            ("account_state SET used_octets = used_octets + 1",
             "used_octets = used_octets - 1"),
            ("emails SET refs = 5", "refs = 1"),
            ("blobs SET refs = 5", "refs = 1"),
            ("extents SET refs = 5", "refs = 1"),
            ("segments SET live_octets = live_octets + 1",
             "live_octets = live_octets - 1"),
            ("messages SET email = email + 10000", "email = email - 10000"),
        ):  # fmt: skip
            writer.execute(f"UPDATE {wrong}")
            self.assertNotEqual(list(result_of(self.store.audit())), [], wrong)
            writer.execute(f"UPDATE {wrong.split()[0]} SET {right}")
            self.assertEqual(list(result_of(self.store.audit())), [], right)
