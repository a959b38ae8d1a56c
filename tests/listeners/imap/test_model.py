"""Sequence numbers are right in every session, whatever others do."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.imap import House, Talker
from tests.support.store import deliver
from tests.support.world import result_of

ALICE = "alice@example.test"

_LINE = re.compile(r"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \(UID (\d+))?")
# Numbers must not change while these are under way [RFC9051 7.5.1].
_BY_NUMBER = ("FETCH", "STORE", "SEARCH")

COMMANDS = (
    "NOOP",
    "FETCH {n} (UID FLAGS)",
    "FETCH {n}:* (UID ENVELOPE)",
    "UID FETCH 1:* FLAGS",
    "STORE {n} +FLAGS (\\Deleted)",
    "STORE {n} FLAGS.SILENT (\\Seen)",
    "STORE {n}:* -FLAGS (\\Deleted)",
    "UID STORE {n}:* +FLAGS (\\Deleted)",
    "SEARCH NOT DELETED",
    "UID SEARCH ALL",
    "EXPUNGE",
    "COPY {n} INBOX",
    "MOVE {n} INBOX",
    "deliver",
    "SELECT INBOX",
)


class Follower:
    """A client that believes what it is told, and checks it."""

    def __init__(self, case: SynchronousTestCase, client: Talker) -> None:
        self.case = case
        self.client = client
        self.uids: list[int | None] = []
        self.say("SELECT INBOX")

    def say(self, command: str) -> None:
        """Say a command and follow the answer."""
        if command.startswith("SELECT"):
            self.uids = []
        by_number = command.startswith(_BY_NUMBER)
        for line in self.client.say(command):
            match = _LINE.match(line)
            if match is None:
                continue
            number, what, uid = match.groups()
            self.follow(int(number), what, uid, line, by_number)

    def follow(
        self,
        number: int,
        what: str,
        uid: str | None,
        line: str,
        by_number: bool,
    ) -> None:
        """Take note of one line."""
        if what == "EXISTS":
            self.case.assertGreaterEqual(number, len(self.uids), line)
            self.uids += [None] * (number - len(self.uids))
            return
        self.case.assertLessEqual(number, len(self.uids), line)
        if what == "EXPUNGE":
            self.case.assertFalse(by_number, line)
            del self.uids[number - 1]
        elif uid is not None:
            known = self.uids[number - 1]
            self.case.assertIn(known, (None, int(uid)), line)
            self.uids[number - 1] = int(uid)


class ModelTests(SynchronousTestCase):
    """Two sessions do anything in any order."""

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 1),
                st.sampled_from(COMMANDS),
                st.integers(1, 6),
            ),
            min_size=20,
            max_size=40,
        )
    )
    @settings(max_examples=100, deadline=None)
    def test_B7_8_numbers_never_lie(
        self, steps: list[tuple[int, str, int]]
    ) -> None:
        """Each session's numbers mean what it was told they mean."""
        house = House()
        for _ in range(4):
            deliver(house.store, ALICE)
        both = [Follower(self, house.sign_in()) for _ in range(2)]
        for who, command, number in steps:
            if command == "deliver":
                deliver(house.store, ALICE)
            else:
                both[who].say(command.format(n=number))
        box = result_of(house.mail().open("INBOX"))
        for follower in both:
            follower.say("NOOP")
            follower.say("FETCH 1:* (UID)")
            self.assertEqual(follower.uids, list(box.uids))
        self.assertNotIn("imap.failed", house.journal.names())
