"""What every provider's mailboxes must do."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from imailpy import errors
from imailpy.interfaces.store import Column, FlagChange, NewMessage
from imailpy.mail import SystemFlag, UidSet
from tests.store.contract import Base, Watcher
from tests.support.store import SIMPLE, account_of, deliver, spooled
from tests.support.world import result_of

ALL = UidSet(((1, 2**32 - 1),))
SEEN = SystemFlag.SEEN
DELETED = SystemFlag.DELETED
ALICE = "alice@example.test"


class MailboxContract(Base):
    """Messages in a mailbox."""

    def append(self, box: Any, count: int = 1, **more: Any) -> list[int]:
        return list(
            result_of(
                box.append(
                    [
                        NewMessage(
                            spooled(self.store, b"N: %d\r\n\r\nx\r\n" % n),
                            **more,
                        )
                        for n in range(count)
                    ]
                )
            )
        )

    def store_flags(
        self, box: Any, uids: UidSet, mode: str, *a: Any, **k: Any
    ):
        return result_of(box.store(uids, FlagChange(mode, *a), **k))

    def test_append_gives_ascending_uids(self) -> None:
        """Appended messages get growing UIDs and keep their octets."""
        box = self.open()
        self.assertEqual(self.append(box, 3), [1, 2, 3])
        self.assertEqual(list(box.uids), [1, 2, 3])
        self.assertEqual(self.body_of(box, 2), b"N: 1\r\n\r\nx\r\n")
        self.assertEqual(box.info.uid_next, 4)
        self.assertEqual(box.info.exists, 3)
        self.assertEqual(box.info.unseen, 3)
        self.assertIsNone(result_of(box.body(9)))

    def test_all_sizes_kept(self) -> None:
        """Bodies of every place of storage come back byte for byte."""
        box = self.open()
        for size in (10, 5_000, 40_000, 70_000, 400_000, 1_200_000):
            octets = b"A: b\r\n\r\n" + bytes(range(256)) * (size // 256)
            body = spooled(self.store, octets)
            [uid] = result_of(box.append([NewMessage(body)]))
            body.release()
            got = result_of(box.body(uid))
            self.assertEqual(b"".join(got.chunks()), octets)
            self.assertEqual(b"".join(got.chunks(5, 17)), octets[5:17])
            self.assertEqual(got.size_octets, len(octets))
        box = result_of(self.remake().open("INBOX"))
        self.assertEqual(box.info.exists, 6)
        self.assertEqual(len(self.body_of(box, 6)), len(octets))

    def remake(self) -> Any:
        """Restart, and give alice's mail."""
        self.store = self.reopen()
        return self.mail()

    def test_body_has_its_prefix(self) -> None:
        """A delivered message is the prefix of its copy, then the body."""
        uid = deliver(self.store, ALICE, prefix=b"X: 1\r\n")
        box = self.open()
        self.assertEqual(self.body_of(box, uid), b"X: 1\r\n" + SIMPLE)
        body = result_of(box.body(uid))
        self.assertEqual(
            b"".join(body.chunks(3, 12)), (b"X: 1\r\n" + SIMPLE)[3:12]
        )
        [row] = result_of(box.rows(ALL, [Column.PREFIX_SIZE, Column.SIZE]))
        self.assertEqual(row, (6, 6 + len(SIMPLE)))

    def test_read_in_order(self) -> None:
        """Who reads one message behind the other gets each as it is, and
        none that has gone meanwhile."""
        box = self.open()
        self.append(box, 40)
        for uid in range(1, 21):
            octets = b"N: %d\r\n\r\nx\r\n" % (uid - 1)
            self.assertEqual(self.body_of(box, uid), octets)
        gone = UidSet(((21, 25),))
        self.store_flags(box, gone, "add", DELETED)
        result_of(box.expunge())
        for uid in gone:
            self.assertIsNone(result_of(box.body(uid)))
        for uid in (*range(26, 41), 3, 4, 5):
            octets = b"N: %d\r\n\r\nx\r\n" % (uid - 1)
            self.assertEqual(self.body_of(box, uid), octets)
        self.assertIsNone(result_of(box.body(41)))

    def test_array_grows_in_place(self) -> None:
        """A session keeps its sequence numbers when others expunge."""
        box = self.open()
        self.append(box, 3)
        mine, length = box.uids, len(box.uids)
        self.append(box)
        self.assertIs(box.uids, mine)
        self.store_flags(box, UidSet.of(2), "add", DELETED)
        self.assertEqual(list(result_of(box.expunge())), [2])
        self.assertEqual(list(mine[:length]), [1, 2, 3])
        self.assertEqual(list(box.uids), [1, 3, 4])

    def test_store_modes(self) -> None:
        """Flags are added, removed, replaced; only what changed counts."""
        box = self.open()
        self.append(box, 3)
        done = self.store_flags(box, UidSet.of(1, 2, 7), "add", SEEN)
        self.assertEqual(done.changed, UidSet.of(1, 2))
        self.assertEqual(box.modseq(1), done.modseq)
        self.assertEqual(box.info.unseen, 1)
        again = self.store_flags(box, ALL, "add", SEEN)
        self.assertEqual(again.changed, UidSet.of(3))
        self.assertLess(box.modseq(1), box.modseq(3))
        self.store_flags(box, ALL, "replace", DELETED, frozenset({"b", "a"}))
        self.assertEqual(box.flags(2), (DELETED, "a b"))
        self.store_flags(box, ALL, "remove", DELETED, frozenset({"b"}))
        self.assertEqual(box.flags(2), (0, "a"))
        self.store_flags(box, UidSet.of(2), "add", SEEN, frozenset({"c"}))
        self.assertEqual(box.flags(2), (SEEN, "a c"))
        self.assertEqual(box.keywords, {"a", "b", "c"})
        self.assertEqual(box.info.deleted, 0)
        with self.assertRaises(KeyError):
            box.flags(9)

    def test_keywords_have_no_case(self) -> None:
        """A keyword keeps the spelling in which it came first."""
        box = self.open()
        self.append(box, 2)
        self.store_flags(box, ALL, "add", SEEN, frozenset({"Work"}))
        self.store_flags(box, UidSet.of(1), "add", SEEN, frozenset({"WORK"}))
        self.assertEqual(box.flags(1)[1], "Work")
        self.store_flags(box, ALL, "remove", SEEN, frozenset({"work"}))
        self.assertEqual(box.flags(1)[1], "")

    def test_B7_12_keyword_limits(self) -> None:
        """Too many keywords are refused, and nothing is changed."""
        box = self.open()
        self.append(box, 1)
        many = frozenset(f"k{n}" for n in range(65))
        with self.assertRaises(errors.MailboxLimit):
            self.store_flags(box, ALL, "add", SEEN, many)
        self.assertEqual(box.flags(1), (0, ""))
        some = frozenset(f"k{n}" for n in range(40))
        more = frozenset(f"l{n}" for n in range(40))
        self.store_flags(box, ALL, "add", SEEN, some)
        with self.assertRaises(errors.MailboxLimit):
            self.store_flags(box, ALL, "add", SEEN, more)
        self.assertEqual(len(box.flags(1)[1].split()), 40)
        self.assertEqual(len(box.keywords), 40)

    def test_B12_6_quota_under_parallel_appends(self) -> None:
        """Of fifty messages that come at once, exactly one fits, and the
        quota is never passed."""
        account = account_of(self.store, ALICE)
        account = evolve(account, quota_octets=15_000)
        result_of(self.store.directory.update_account(account))
        box = self.open()
        octets = b"A: b\r\n\r\n" + b"x" * 10_000
        self.world.threads.held = True
        waiting = [
            self.later(box.append([NewMessage(spooled(self.store, octets))]))
            for _ in range(50)
        ]
        self.world.threads.go()
        self.world.threads.held = False
        results: list[Any] = []
        for each in waiting:
            each.addBoth(results.append)
        fitted = [r for r in results if not isinstance(r, Failure)]
        self.assertEqual(len(results), 50)
        self.assertEqual(len(fitted), 1)
        for result in results:
            if isinstance(result, Failure):
                result.trap(errors.OverQuota)
        self.assertEqual(len(box.uids), 1)

    def later(self, awaitable: Any) -> Deferred[Any]:
        """What will come of it."""
        if isinstance(awaitable, Deferred):
            return awaitable
        return Deferred.fromCoroutine(awaitable)

    def test_unchanged_since(self) -> None:
        """STORE leaves alone what somebody else changed since."""
        box = self.open()
        self.append(box, 2)
        since = box.info.highest_modseq
        self.store_flags(box, UidSet.of(1), "add", SEEN)
        done = self.store_flags(
            box, ALL, "add", SystemFlag.FLAGGED, unchanged_since=since
        )
        self.assertEqual(done.changed, UidSet.of(2))
        self.assertEqual(done.refused, UidSet.of(1))
        self.assertEqual(box.flags(1)[0], SEEN)

    def test_copy(self) -> None:
        """Copies have new UIDs, the same octets, flags, and email id."""
        box, sent = self.open(), self.open("Sent")
        self.append(box, 3, flags=SEEN, keywords=frozenset({"k"}))
        done = result_of(box.copy(UidSet.of(1, 3, 9), "Sent"))
        self.assertEqual(done.source, (1, 3))
        self.assertEqual(done.target, (1, 2))
        self.assertEqual(done.uid_validity, sent.info.uid_validity)
        self.assertEqual(sent.flags(2), (SEEN, "k"))
        self.assertEqual(sent.keywords, {"k"})
        self.assertEqual(self.body_of(sent, 2), self.body_of(box, 3))
        asked = [Column.EMAIL_ID, Column.THREAD_ID, Column.INTERNAL_DATE]
        self.assertEqual(
            result_of(box.rows(UidSet.of(3), asked)),
            result_of(sent.rows(UidSet.of(2), asked)),
        )
        with self.assertRaises(errors.MailboxNotFound):
            result_of(box.copy(ALL, "Nowhere"))
        within = result_of(box.copy(UidSet.of(1), "INBOX"))
        self.assertEqual(within.target, (4,))

    def test_move(self) -> None:
        """A moved message is in the target and no longer here."""
        box, sent = self.open(), self.open("Sent")
        watch = Watcher()
        box.attach(watch)
        self.append(box, 3)
        used = result_of(self.mail().used_octets())
        done = result_of(box.move(UidSet.of(2, 3), "Sent", by=watch))
        self.assertEqual(done.source, (2, 3))
        self.assertEqual(list(box.uids), [1])
        self.assertEqual(list(sent.uids), [1, 2])
        self.assertEqual(watch.changes[-1].expunged, (2, 3))
        self.assertIs(watch.changes[-1].by, watch)
        self.assertEqual(result_of(self.mail().used_octets()), used)
        self.assertEqual(sent.info.unseen, 2)

    def test_expunge(self) -> None:
        """Only what has \\Deleted goes, and only among the UIDs asked."""
        box = self.open()
        self.append(box, 5)
        self.store_flags(box, UidSet.of(2, 3, 4), "add", DELETED)
        self.assertEqual(box.info.deleted, 3)
        self.assertEqual(list(result_of(box.expunge(UidSet.of(1, 3)))), [3])
        self.assertEqual(list(result_of(box.expunge())), [2, 4])
        self.assertEqual(list(result_of(box.expunge())), [])
        self.assertEqual(list(box.uids), [1, 5])
        self.assertEqual(box.info.deleted, 0)
        self.assertEqual(box.info.exists, 2)
        self.assertIsNone(result_of(box.body(3)))
        self.assertEqual(result_of(box.rows(UidSet.of(3), [Column.UID])), [])

    def test_remove(self) -> None:
        """Messages are removed whatever their flags, and nothing else is."""
        box = self.open()
        self.append(box, 5)
        self.store_flags(box, UidSet.of(2), "add", DELETED)
        used = result_of(self.mail().used_octets())
        watch = Watcher()
        box.attach(watch)
        gone = result_of(box.remove(UidSet.of(1, 4, 9), by=watch))
        self.assertEqual(list(gone), [1, 4])
        self.assertEqual(list(box.uids), [2, 3, 5])
        [change] = watch.changes
        self.assertEqual((change.expunged, change.by), ((1, 4), watch))
        self.assertEqual(change.modseq, box.info.highest_modseq)
        self.assertEqual((box.info.exists, box.info.deleted), (3, 1))
        self.assertLess(result_of(self.mail().used_octets()), used)
        self.assertEqual(list(result_of(box.remove(UidSet.of(1)))), [])
        self.assertEqual(len(watch.changes), 1)

    def test_many_expunged(self) -> None:
        """Expunging very many keeps order, flags and counts right."""
        box = self.open()
        self.append(box, 300)
        odd = UidSet.of(*range(1, 301, 2))
        self.store_flags(box, odd, "add", DELETED | SEEN)
        self.store_flags(box, UidSet.of(200), "add", SEEN)
        result_of(box.expunge())
        self.assertEqual(list(box.uids), list(range(2, 301, 2)))
        self.assertEqual(box.flags(200)[0], SEEN)
        self.assertEqual(box.info.unseen, 149)

    def test_rows(self) -> None:
        """Columns come in the order asked, at most 256 rows at once."""
        box = self.open()
        self.append(box, 300, internal_date=77, keywords=frozenset({"z"}))
        rows = result_of(box.rows(ALL, list(Column)))
        self.assertEqual(len(rows), 256)
        row = dict(zip(Column, rows[0], strict=True))
        self.assertEqual(row[Column.UID], 1)
        self.assertEqual(row[Column.INTERNAL_DATE], 77)
        self.assertEqual(row[Column.KEYWORDS], "z")
        self.assertEqual(row[Column.SIZE], len(b"N: 0\r\n\r\nx\r\n"))
        self.assertIsInstance(row[Column.ENVELOPE], bytes)
        self.assertIsInstance(row[Column.PREVIEW], str)
        self.assertIsInstance(row[Column.EMAIL_ID], str)
        self.assertEqual(row[Column.MODSEQ], box.modseq(1))
        rest = result_of(
            box.rows(UidSet(((257, 2**32 - 1),)), [Column.UID, Column.FLAGS])
        )
        self.assertEqual(rest, [(uid, 0) for uid in range(257, 301)])
        sparse = UidSet.of(5, 9, 250, 400)
        self.assertEqual(
            result_of(box.rows(sparse, [Column.UID, Column.SAVE_DATE])),
            [(uid, int(self.world.clock.now())) for uid in (5, 9, 250)],
        )

    def test_observers(self) -> None:
        """Who has a mailbox open hears of each change once, afterwards."""
        box, other = self.open(), self.open()
        self.assertIs(box, other)
        watch, gone = Watcher(), Watcher()
        box.attach(watch)
        box.attach(gone)
        box.detach(gone)
        self.append(box, 2)
        self.store_flags(box, ALL, "add", DELETED, by=watch)
        result_of(box.expunge(by=None))
        deliver(self.store, ALICE)
        added, flagged, expunged, delivered = watch.changes
        self.assertEqual(added.added, (1, 2))
        self.assertEqual(flagged.flags, UidSet.of(1, 2))
        self.assertIs(flagged.by, watch)
        self.assertEqual(expunged.expunged, (1, 2))
        self.assertEqual(delivered.added, (3,))
        modseqs = [change.modseq for change in watch.changes]
        self.assertEqual(modseqs, sorted(set(modseqs)))
        self.assertEqual(gone.changes, [])

    def test_restart_keeps_everything(self) -> None:
        """UIDs, flags, MODSEQs and counts are the same after a restart."""
        box = self.open()
        self.append(box, 4, keywords=frozenset({"k"}))
        self.store_flags(box, UidSet.of(2), "add", SEEN | DELETED)
        self.store_flags(box, UidSet.of(4), "add", DELETED)
        result_of(box.expunge(UidSet.of(4)))
        before = box.info, [(u, box.flags(u), box.modseq(u)) for u in box.uids]
        del box
        box = result_of(self.remake().open("INBOX"))
        after = box.info, [(u, box.flags(u), box.modseq(u)) for u in box.uids]
        self.assertEqual(before, after)
        self.assertEqual(box.keywords, {"k"})
        highest = box.info.highest_modseq
        self.assertEqual(self.append(box), [5])
        self.assertGreater(box.modseq(5), highest)

    def test_threads(self) -> None:
        """A reply stands in the thread of what it answers, come what may."""
        head = b"Message-ID: <%s@x>\r\nReferences: %s\r\n\r\nhello\r\n"
        uids = [
            deliver(self.store, ALICE, head % parts)
            for parts in (
                (b"1", b""),
                (b"2", b"<1@x>"),
                (b"4", b"<1@x> <2@x> <3@x>"),
                (b"3", b"<2@x>"),
                (b"other", b""),
                (b"late-reply", b"<early@x>"),
                (b"early", b""),
            )
        ]
        rows = result_of(self.open().rows(ALL, [Column.THREAD_ID]))
        threads = [thread for (thread,) in rows]
        self.assertEqual(len(uids), 7)
        self.assertEqual(len(set(threads[:4])), 1)
        self.assertEqual(threads[5], threads[6])
        self.assertEqual(len(set(threads)), 3)

    def test_quota(self) -> None:
        """What does not fit is refused whole; EXPUNGE makes room again."""
        from attrs import evolve

        account = result_of(
            self.store.directory.account(self.mail().account_id)
        )
        result_of(
            self.store.directory.update_account(
                evolve(account, quota_octets=1000)
            )
        )
        box = self.open()

        def put(*sizes: int) -> Any:
            return result_of(
                box.append(
                    [
                        NewMessage(
                            spooled(self.store, b"\r\n" + b"x" * (s - 2))
                        )
                        for s in sizes
                    ]
                )
            )

        put(600)
        with self.assertRaises(errors.OverQuota):
            put(300, 200)
        self.assertEqual(box.info.exists, 1)
        with self.assertRaises(errors.OverQuota):
            result_of(box.copy(ALL, "Sent"))
        result_of(box.move(ALL, "Sent"))
        put(400)
        with self.assertRaises(errors.OverQuota):
            put(3)
        with self.assertRaises(errors.OverQuota):
            deliver(self.store, ALICE)
        self.store_flags(box, ALL, "add", DELETED)
        result_of(box.expunge())
        self.assertEqual(result_of(self.mail().used_octets()), 600)
        put(400)
