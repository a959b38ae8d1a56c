"""D3: nothing that was acknowledged is lost or doubled by SIGKILL."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.whole.kills import Campaign

KILLS = int(os.environ.get("IMAILPY_KILLS", "30"))


class KillTests(SynchronousTestCase):
    """A short campaign; `python -m tests.whole.kills` runs long ones."""

    def test_D3_kills_under_load(self) -> None:
        """Thirty kills lose nothing, double nothing, and restart in 2 s."""
        campaign = Campaign(KILLS, seed=3)
        problems = campaign.run()
        self.assertEqual(problems, [], campaign.figures())
        self.assertTrue(campaign.ledger.stored)
        self.assertTrue(campaign.ledger.outside)
        # Python's own start included; CPU time, because the machine may be
        # busy with others. On an idle one the clock says nearly the same.
        self.assertLess(max(campaign.work_s), 2.0, campaign.figures())
