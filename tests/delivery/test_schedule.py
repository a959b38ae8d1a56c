"""When to try again."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.delivery.schedule import Schedule

HOUR, DAY = 3600.0, 86_400.0


class ScheduleTests(SynchronousTestCase):
    """The ladder of retries."""

    def tries(self, *, bounce: bool = False, dice: float = 0.0) -> list[float]:
        """When each try of a message that never gets through is made."""
        schedule, now, made = Schedule(), 0.0, [0.0]
        while True:
            due = schedule.next_try(now, 0.0, len(made), dice, bounce=bounce)
            if due is None:
                return made
            self.assertGreater(due, now)
            now = due
            made.append(now)

    def test_five_days(self) -> None:
        """A message is tried for five days, the last time at their end."""
        made = self.tries()
        self.assertEqual(made[-1], 5 * DAY)
        self.assertEqual(made[1:4], [300.0, 900.0, 2100.0])
        self.assertTrue(30 < len(made) < 45, len(made))
        waits = [b - a for a, b in itertools.pairwise(made)]
        self.assertLessEqual(max(waits), 4 * HOUR)
        self.assertIn(4 * HOUR, made)

    def test_bounces_live_two_days(self) -> None:
        """A message without a sender is given up after two days."""
        self.assertEqual(self.tries(bounce=True)[-1], 2 * DAY)

    def test_delay_notice(self) -> None:
        """A delay is told once, not before four hours."""
        schedule = Schedule()
        self.assertFalse(schedule.delay_notice_due(4 * HOUR - 1, 0.0, 0))
        self.assertTrue(schedule.delay_notice_due(4 * HOUR, 0.0, 0))
        self.assertFalse(schedule.delay_notice_due(9 * HOUR, 0.0, 1))
        off = Schedule(delay_notice_s=0)
        self.assertFalse(off.delay_notice_due(9 * HOUR, 0.0, 0))

    @settings(max_examples=100, deadline=None)
    @given(
        st.floats(0, 6 * DAY),
        st.integers(0, 1000),
        st.floats(-1, 1),
        st.booleans(),
    )
    def test_any_moment(
        self, now: float, tries: int, dice: float, bounce: bool
    ) -> None:
        """The next try is later than now and never behind the end."""
        schedule = Schedule()
        end = schedule.expires_at(0.0, bounce=bounce)
        due = schedule.next_try(now, 0.0, tries, dice, bounce=bounce)
        if due is None:
            self.assertGreaterEqual(now, end)
        else:
            self.assertTrue(now < due <= end)
