"""Whole servers in a simulated world: SMTP to store to IMAP, with crashes."""

from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import StoreRefused
from imailpy.world.simulated.agenda import Crashed
from imailpy.world.simulated.disk import Inode
from tests.simulation.auditor import Auditor, text_of
from tests.simulation.history import History, Told

# Every history of the past that went wrong.
REGRESSIONS: tuple[int, ...] = ()


class FiftyMessagesTests(SynchronousTestCase):
    """One seed, one history."""

    SEEDS = (*range(25), *REGRESSIONS)

    def tearDown(self) -> None:
        """Code that ran when its machine went down has failed; no other."""
        for failure in self.flushLoggedErrors():
            self.assertIsInstance(
                failure.value, Crashed, failure.getTraceback()
            )

    def assertKept(self, told: Told) -> None:
        """All promises were kept."""
        lines = [f"seed {told.seed}", *told.problems, *told.log[-20:]]
        self.assertEqual(told.problems, [], "\n".join(lines))

    def test_fifty_messages_one_crash(self) -> None:
        """
        Whatever the network cuts off and whenever the power fails, nothing
        acknowledged is lost, doubled or changed, and UIDs only grow.
        """
        lives = []
        for seed in self.SEEDS:
            told = History(seed).run()
            self.assertKept(told)
            self.assertGreaterEqual(told.deliveries, 50)
            lives.append(told.lives)
        # Or no history had a crash, or none while it recovered.
        self.assertGreater(lives.count(2), len(lives) // 4)
        self.assertGreater(len([n for n in lives if n > 2]), 0)

    def test_same_seed_same_history(self) -> None:
        """A seed that fails can be looked at again: nothing is by chance."""
        for seed in (3, 4, 5):
            first, second = History(seed).run(), History(seed).run()
            self.assertEqual(first.trace_hash, second.trace_hash, seed)
            self.assertEqual(first.events, second.events)

    def test_every_fault_point(self) -> None:
        """The power may fail at each named point: all promises are kept."""
        reached = History(7, plan=_no_faults).run().fault_points
        self.assertGreater(len(reached), 12)
        for name, times in sorted(reached.items()):
            plan = partial(_cut_at, name=name, count=(times + 1) // 2)
            told = History(7, plan=plan, early=True).run()
            self.assertKept(told)
            self.assertGreater(told.lives, 1, name)

    def test_F4_failed_sync(self) -> None:
        """
        A sync that fails is answered by 4xx and ends the process with 75;
        what is acknowledged after its restart outlives a power cut.
        """
        ended = answered = 0
        for seed in range(6):
            told = FailedSync(seed).run()
            self.assertKept(told)
            ended += told.exits.get(75, 0)
            answered += told.deferred.get(451, 0)
        self.assertGreaterEqual(ended, 5)
        self.assertGreaterEqual(answered, 5)

    def test_full_disk(self) -> None:
        """While there is no room 452 is answered, and nothing is lost."""
        answered = 0
        for seed in range(4):
            told = History(seed, plan=_no_room).run()
            self.assertKept(told)
            self.assertEqual(told.lives, 1)
            answered += told.deferred.get(452, 0)
        self.assertGreater(answered, 0)

    def test_lying_disk_is_found_out(self) -> None:
        """A disk whose flushes do nothing loses mail, and it is noticed."""
        self.patch(Inode, "sync", lambda inode: None)
        self.assertGreater(sum(map(_goes_wrong, range(6))), 3)

    def test_doubled_delivery_is_found_out(self) -> None:
        """A second copy of one delivery is noticed."""
        auditor = Auditor()
        octets = b"Received: from x\r\n\tid abc; now\r\n" + text_of("n", 9)
        auditor.sending("n", octets, ["a@x.test"])
        auditor.read("a@x.test", "INBOX", 1, 3, [(1, octets), (2, octets)])
        auditor.close(["a@x.test"], [])
        self.assertEqual(
            auditor.problems, ["abc for a@x.test: stored 2 times"]
        )


def _goes_wrong(seed: int) -> bool:
    def plan(history: History) -> None:
        history.faults.cut_at_operation(300)

    try:
        return bool(History(seed, plan=plan).run().problems)
    except StoreRefused:
        return True


def _no_faults(history: History) -> None:
    """Nothing happens."""


def _cut_at(history: History, name: str, count: int) -> None:
    history.faults.cut_at_point(count, name)


class FailedSync(History):
    """A sync fails, the process restarts, and later the power fails."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, plan=_fail_sync)

    def storm(self) -> None:
        """Should it live on, the power fails a little later all the same."""
        super().storm()
        if self.house.lives == 1:
            self.house.machine.power_cut()
            self.recover()

    def recover(self) -> None:
        """Start again, on the same disk; the power goes a little later."""
        self.faults.calm()
        self.house.restart()
        self.faults.cut_at_operation(self.chance.randrange(5, 200))
        self.universe.run(
            3600, until=lambda: not self.house.alive or not self.running
        )
        if self.house.alive:
            self.house.machine.power_cut()
        self.faults.calm()
        self.house.restart()


def _no_room(history: History) -> None:
    chance = history.chance
    history.faults.full_disk(
        chance.randrange(1, 400), chance.choice((1, 3, 20, 100))
    )


def _fail_sync(history: History) -> None:
    history.faults.fail_sync(history.chance.randrange(2, 40))
