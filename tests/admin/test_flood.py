"""A flood of like lines is counted, not written."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.flood import MOST_ALIKE, MOST_OF_A_KIND
from imailpy.admin.journal import Journal
from tests.realm.support import StillClock


class FloodTests(SynchronousTestCase):
    """The journal with a clock."""

    def setUp(self) -> None:
        self.clock = StillClock()
        self.lines: list[tuple[str, dict[str, Any]]] = []
        clock: Any = self.clock
        self.journal = Journal(
            lambda event, plain: self.lines.append((event, plain)),
            clock=clock,
        )

    def refuse(self, client: str, event: str = "rcpt.decision") -> None:
        self.journal.record(
            event, verdict="reject", rule="relay.stranger", client=client
        )

    def test_B13_10_and_so_many_more(self) -> None:
        """A thousand like refusals are twenty lines and a count."""
        for _ in range(1254):
            self.refuse("203.0.113.9")
        self.refuse("203.0.113.10")
        self.assertEqual(len(self.lines), MOST_ALIKE + 1)
        self.clock.reactor.advance(60)
        event, plain = self.lines[-1]
        self.assertEqual(event, "log.repeated")
        self.assertEqual(plain["text"], "and 1,234 more")
        self.assertEqual(plain["client"], "203.0.113.9")
        self.assertEqual(plain["of"], "rcpt.decision")
        self.refuse("203.0.113.9")
        self.assertEqual(self.lines[-1][0], "rcpt.decision")

    def test_B13_10_many_clients(self) -> None:
        """However many say it: the log grows by a bounded number."""
        for at in range(30_000):
            self.refuse(f"10.{at >> 8}.{at & 255}.1")
        self.assertLessEqual(len(self.lines), MOST_OF_A_KIND)
        self.clock.reactor.advance(60)
        total = len(self.lines) - 1 + self.lines[-1][1]["more"]
        self.assertEqual(total, 30_000)

    def test_what_must_be_there(self) -> None:
        """Accepted mail and logins are always written."""
        for _ in range(2000):
            self.journal.record("smtp.accepted", client="203.0.113.9")
            self.journal.record(
                "auth.decision", verdict="accept", client="203.0.113.9"
            )
        self.assertEqual(len(self.lines), 4000)
