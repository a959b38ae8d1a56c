"""What is kept, how it is found, and that it is never in mail's way."""

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import HistoryUnavailable
from imailpy.history import History, HistorySettings, keeper
from imailpy.history.database import DATABASE, Database
from imailpy.interfaces.history import IHistory, Passage
from imailpy.mail import Client, Decision, Reply, Verdict
from imailpy.world.simulated import Universe
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.world import TestWorld, result_of

NO = Decision(
    Verdict.REJECT,
    "relay.stranger",
    "no login and not listed",
    Reply(550, "Relaying denied", "5.7.1"),
    "relay.policy (default)",
    3,
)
YES = Decision(Verdict.ACCEPT, "mail.accept", "no check objected", snapshot=3)
DAY_S = 86_400


def passage(
    session: str = "session1", to: str = "y@elsewhere.test", at: float = 0.0
) -> Passage:
    return Passage(
        at or 1_750_000_000.0,
        Client("203.0.113.9", 4000, "smtp", "smtp", session),
        "client.example",
        None,
        None,
        [("mail", "X@outside.test", YES), ("rcpt", to, NO)],
        size_octets=77,
    )


class HistoryCase(SynchronousTestCase):
    """A history in a directory of its own."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.journal = KeptJournal()
        directory = self.mktemp()
        os.mkdir(directory, 0o700)
        self.settings = Fixed(HistorySettings(os.path.abspath(directory)))
        self.history = self.open()

    def open(self) -> History:
        world: Any = self.world
        made = History(world, self.settings, lambda: self.journal)
        self.addCleanup(lambda: result_of(made.stop()))
        return made

    def find(self, key: str, **more: Any) -> list[dict[str, Any]]:
        return list(result_of(self.history.find(key, **more)))

    def change(self, **more: Any) -> None:
        directory = self.settings.current.directory
        self.settings.change(HistorySettings(directory, **more))


class KeepingTests(HistoryCase):
    """Told, written, found."""

    def test_interface(self) -> None:
        """It is what its door says."""
        verifyObject(IHistory, self.history)

    def test_found_by_each_key(self) -> None:
        """A decision is found by session, client and both addresses."""
        self.history.add(passage())
        for key in (
            "session1",
            "203.0.113.9",
            "x@outside.test",
            "<Y@Elsewhere.test>",
        ):
            [entry] = self.find(key)
            self.assertEqual(entry["session"], "session1", key)
            step = entry["steps"][1]
            self.assertEqual(step["rule"], "relay.stranger")
            self.assertEqual(step["reason"], NO.reason)
            self.assertEqual(step["entry"], "relay.policy (default)")
            self.assertEqual(step["reply"], "550 5.7.1 Relaying denied")
            self.assertEqual(step["snapshot"], 3)
            self.assertEqual(entry["size_octets"], 77)
        self.assertEqual(self.find("z@elsewhere.test"), [])

    def test_passage_gets_its_message(self) -> None:
        """The message that a transaction made is found with it."""
        self.history.note(
            "smtp.accepted", {"session": "session1", "message": "m1"}
        )
        self.history.add(passage())
        self.history.add(passage())
        kinds = [entry["kind"] for entry in self.find("m1")]
        self.assertEqual(kinds, ["event", "passage"])

    def test_outcome_is_found_by_row(self) -> None:
        """What became of a recipient is found by its row of the queue."""
        facts = {"message": "m1", "row": "r1", "recipient": "a@b.test"}
        self.history.note("delivery.sent", {**facts, "reply": "250 ok"})
        [entry] = self.find("r1")
        self.assertEqual(entry["event"], "delivery.sent")
        self.assertEqual(entry["message"], "m1")

    def test_since_and_most(self) -> None:
        """Old ones can be left out, and there is an end to it."""
        for number in range(10):
            self.history.add(passage(at=1000.0 + number))
        self.assertEqual(len(self.find("session1", since=1005.0)), 5)
        newest = self.find("session1", most=2)
        self.assertEqual([entry["at"] for entry in newest], [1008, 1009])

    def test_envelopes(self) -> None:
        """Transactions can be had for a replay; other things not."""
        self.history.note("smtp.timeout", {"session": "s"})
        self.history.add(passage())
        [entry] = result_of(self.history.envelopes())
        self.assertEqual(entry["session"], "session1")

    def test_written_a_moment_later(self) -> None:
        """Nothing is written until half a second has passed."""
        self.history.add(passage())
        self.assertEqual(self.history.kept, 0)
        self.world.advance(keeper.MOMENT_S)
        self.assertEqual(self.history.kept, 1)

    def test_outlives_a_restart(self) -> None:
        """What was told before the stop is there after it."""
        self.history.add(passage())
        result_of(self.history.stop())
        self.history = self.open()
        self.assertEqual(len(self.find("session1")), 1)

    def test_nothing_after_the_stop(self) -> None:
        """A late entry harms nobody."""
        result_of(self.history.stop())
        self.history.add(passage())
        self.world.advance(10)
        with self.assertRaises(HistoryUnavailable):
            self.find("session1")

    def test_octets(self) -> None:
        """A message takes few octets."""
        for number in range(5000):
            self.history.add(passage(f"s{number:019}", f"u{number}@b.test"))
            if number % 100 == 99:
                self.world.advance(keeper.MOMENT_S)
        octets = self.history.figures()["history_octets"]
        self.assertLess(octets / 5000, 300)


class BoundsTests(HistoryCase):
    """Neither memory nor disk is filled."""

    def test_days(self) -> None:
        """What is older than its days goes."""
        self.history.add(passage(at=self.world.clock.now()))
        self.world.advance(1)
        self.world.advance(31 * DAY_S)
        self.history.add(passage("session2", at=self.world.clock.now()))
        self.world.advance(1)
        self.assertEqual(self.find("session1"), [])
        self.assertEqual(len(self.find("session2")), 1)

    def test_size(self) -> None:
        """The oldest go when the file is too large."""
        most = 200_000
        self.change(most_octets=most)
        for number in range(400):
            for each in range(20):
                session = f"{number:05}.{each}.{os.urandom(9).hex()}"
                self.history.add(passage(session, f"{session}@b.test"))
            self.world.advance(keeper.PRUNE_S)
        self.assertLess(self.history.figures()["history_octets"], most * 1.5)
        self.assertEqual(self.find("00000.0"), [])
        [newest] = result_of(self.history.envelopes(most=1))
        self.assertIn("00399", newest["session"])

    def test_zero_days(self) -> None:
        """0 days: there is no history, and no file."""
        self.change(days=0)
        self.history.add(passage())
        self.world.advance(10)
        path = f"{self.settings.current.directory}/{DATABASE}"
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.history.figures()["history"], "off")
        with self.assertRaises(HistoryUnavailable):
            self.find("session1")

    def test_flood_is_dropped_and_counted(self) -> None:
        """Over a bound entries are dropped; the log tells how many."""
        self.patch(keeper, "MOST_WAITING", 10)
        for _ in range(25):
            self.history.add(passage())
        self.world.advance(1)
        self.assertEqual((self.history.kept, self.history.dropped), (10, 15))
        [(name, facts)] = self.journal.events
        self.assertEqual((name, facts["entries"]), ("history.dropped", 15))


class TroubleTests(HistoryCase):
    """Trouble is the history's own."""

    def told(self) -> list[str]:
        return self.journal.names()

    def test_full_disk(self) -> None:
        """Without room nothing is written; it goes on when there is."""
        self.change(min_free_octets=1 << 62)
        self.history.add(passage())
        self.world.advance(1)
        self.history.add(passage("lost"))
        self.world.advance(1)
        self.assertEqual(self.told(), ["history.failed"])
        self.assertIn("failed", self.history.figures()["history"])
        self.change()
        self.world.advance(keeper.RETRY_S)
        self.history.add(passage("session2"))
        self.world.advance(1)
        self.assertEqual(
            self.told()[:2], ["history.failed", "history.resumed"]
        )
        self.assertEqual(len(self.find("session2")), 1)

    def test_damaged_file_is_set_aside(self) -> None:
        """A broken database gets another name; a new one begins."""
        directory = self.settings.current.directory
        with open(f"{directory}/{DATABASE}", "wb") as file:
            file.write(b"this was a database " * 500)
        self.history.add(passage())
        self.world.advance(1)
        self.assertEqual(self.told(), ["history.failed"])
        self.world.advance(keeper.RETRY_S)
        self.history.add(passage())
        self.world.advance(1)
        self.assertEqual(len(self.find("session1")), 1)
        self.assertTrue(os.path.exists(f"{directory}/broken-{DATABASE}"))

    def test_damaged_block(self) -> None:
        """One block that cannot be read costs its own entries alone."""
        self.history.add(passage())
        self.world.advance(1)
        database = self.history._database
        assert isinstance(database, Database)
        database._connection.execute("UPDATE blocks SET body = x'00'")
        self.history.add(passage())
        self.world.advance(1)
        self.assertEqual(len(self.find("session1")), 1)

    def test_nobody_else_may_read_it(self) -> None:
        """The file is for its owner alone."""
        self.history.add(passage())
        self.world.advance(1)
        path = f"{self.settings.current.directory}/{DATABASE}"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)


class SimulatedTests(SynchronousTestCase):
    """It runs where the whole house can run."""

    def test_simulated_machine(self) -> None:
        """Kept and found on a disk that is none."""
        universe = Universe(1)
        world: Any = universe.machine("mx.here.test", "192.0.2.25")
        world.disk.make_directory("/data")
        history = History(world, Fixed(HistorySettings("/data")))
        history.add(passage())
        found: list[Any] = []
        Deferred.fromCoroutine(history.find("session1")).addBoth(found.append)
        universe.run(60, until=lambda: bool(found))
        self.assertEqual(found[0][0]["session"], "session1")
