"""
How long one command keeps the reactor: what grows with a client's mail is
done in slices, or in the thread for searching (SECURITY B7.4, B7.5).
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.store import MailboxInfo
from imailpy.listeners.imap import listing
from imailpy.protocol.imap.commands import List
from imailpy.protocol.imap.patterns import Pattern
from tests.support.imap import InMemory
from tests.support.store import deliver

ALICE = "alice@example.test"
BODY = b"Subject: x\r\n\r\n" + b"nothing to see\r\n" * 200


def infos(count: int) -> list[MailboxInfo]:
    """Mailboxes with names of 40 octets."""
    names = (f"{number:05}".ljust(39, "y") + "z" for number in range(count))
    return [MailboxInfo(n, n, 1, 1, 1, 0, 0, 0, 0) for n in names]


class ListTurnTests(SynchronousTestCase):
    """LIST over very many mailboxes."""

    def steps(self, count: int, *patterns: str, **more: Any) -> int:
        command = List(b"t", "", patterns, **more)
        return sum(1 for _ in listing.lines(command, infos(count), []))

    def test_B7_4_work_is_linear(self) -> None:
        """Twice the mailboxes are twice the steps, whatever the pattern."""
        for pattern in ("*%*%*%*%*%x", "*" * 200, "%", "*y*y*y*y*z"):
            self.assertEqual(
                self.steps(400, pattern), 2 * self.steps(200, pattern)
            )

    def test_B7_4_a_step_is_one_name(self) -> None:
        """Between two steps one name is held against the patterns."""
        looked: list[str] = []
        matches = Pattern.matches

        def counted(this: Pattern, name: str) -> bool:
            looked.append(name)
            return matches(this, name)

        self.patch(Pattern, "matches", counted)
        for selection in (frozenset[str](), frozenset({"RECURSIVEMATCH"})):
            command = List(b"t", "", ("*%*%*x",), selection=selection)
            for _ in listing.lines(command, infos(300), []):
                self.assertLessEqual(len(looked), 1)
                looked.clear()

    def test_lsub_steps_over_what_is_not_shown(self) -> None:
        """LSUB gives its caller a breath for each name it looks at."""
        names = [info.name for info in infos(100)]
        lines = list(listing.subscribed_lines("", "nothing", [], names))
        self.assertEqual(lines, [None] * 100)


class SearchTurnTests(InMemory, SynchronousTestCase):
    """SEARCH in many bodies."""

    def setUp(self) -> None:
        self.house = self.make_house()
        self.batches: list[int] = []
        pool = self.house.factory.shared.pool
        run = type(pool).run

        def counted(this: Any, function: Any, *arguments: Any) -> Any:
            if this is pool:
                self.batches.append(len(arguments[1]))
            return run(this, function, *arguments)

        self.patch(type(pool), "run", counted)

    def searched(self, octets: bytes, count: int, key: str) -> list[int]:
        """Search some messages; gives how many the thread had at once."""
        for _ in range(count):
            deliver(self.house.store, ALICE, octets)
        client = self.house.sign_in(select="INBOX")
        self.assertEqual(client.say(f"SEARCH {key}")[0], "* SEARCH")
        return self.batches

    def test_bodies_are_read_in_the_thread(self) -> None:
        """No body is read or decoded in the reactor thread."""
        self.assertEqual(self.searched(BODY, 100, "BODY xyz"), [64, 36])

    def test_header_sections_too(self) -> None:
        """Nor is a header section."""
        self.assertEqual(self.searched(BODY, 70, "HEADER X-Odd q"), [64, 6])

    def test_a_batch_is_bounded_by_octets(self) -> None:
        """Large messages go to the thread a few at a time."""
        self.assertEqual(self.searched(BODY * 200, 5, "BODY xyz"), [2, 2, 1])
