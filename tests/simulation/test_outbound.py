"""Mail for the outside, in a simulated world, over days."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from imailpy.world.simulated.agenda import Crashed
from tests.simulation.history import History
from tests.simulation.outbound import Outbound

# Every history of the past that went wrong.
REGRESSIONS: tuple[int, ...] = ()


class OutboundTests(SynchronousTestCase):
    """Submission, queue, another server, reports."""

    SEEDS = (*range(6), *REGRESSIONS)

    def tearDown(self) -> None:
        """Code that ran when its machine went down has failed; no other."""
        for failure in self.flushLoggedErrors():
            self.assertIsInstance(
                failure.value, Crashed, failure.getTraceback()
            )

    def test_each_recipient_is_reached_or_reported(self) -> None:
        """
        Over days of retries and power cuts every recipient is reached, or
        its failure told in exactly one report; nothing stays in the queue.
        """
        lives = duplicates = 0
        for seed in self.SEEDS:
            told = Outbound(seed).run()
            lines = [f"seed {seed}", *told.problems, *told.log[-20:]]
            self.assertEqual(told.problems, [], "\n".join(lines))
            lives += told.lives
            duplicates += told.duplicates
        self.assertGreater(lives, len(self.SEEDS))
        # Between the other side's 250 and our record of it the power may
        # fail: such a message goes out again [RFC5321 4.5.4.1].
        self.assertGreater(duplicates, 0)

    def test_F4_failed_sync(self) -> None:
        """The queue outlives a failed sync: no result is forgotten."""
        ended = 0
        for seed in range(3):
            told = Outbound(seed, plan=_fail_sync).run()
            self.assertEqual(told.problems, [], seed)
            ended += told.exits.get(75, 0)
        self.assertGreaterEqual(ended, 2)

    def test_same_seed_same_history(self) -> None:
        """The same seed gives the same days."""
        first, second = Outbound(2).run(), Outbound(2).run()
        self.assertEqual(first.trace_hash, second.trace_hash)


def _fail_sync(history: History) -> None:
    history.faults.fail_sync(history.chance.randrange(2, 120))
