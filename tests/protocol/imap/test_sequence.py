"""Sequence sets against mailboxes."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import UidSet
from imailpy.protocol.imap.commands import STAR, SequenceSet
from imailpy.protocol.imap.refusal import Refusal
from imailpy.protocol.imap.sequence import exact, numbers, places, resolve
from tests.protocol.imap.work import calls

UIDS = array("I", [2, 3, 5, 9, 10, 11])


class SequenceTests(SynchronousTestCase):
    """Message numbers and UIDs."""

    def found(self, *ranges: tuple[int, int], by_uid: bool) -> list[int]:
        """Resolve, and leave out what is not there."""
        sequence = SequenceSet(ranges)
        uids = resolve(sequence, UIDS, 5, by_uid=by_uid)
        return list(exact(uids, UIDS, 5))

    def test_numbers(self) -> None:
        """Message numbers count what the session knows."""
        for ranges, uids in (
            ([(1, 1)], [2]),
            ([(1, 3)], [2, 3, 5]),
            ([(3, 1)], [2, 3, 5]),
            ([(1, STAR)], [2, 3, 5, 9, 10]),
            ([(STAR, STAR)], [10]),
            ([(STAR, 4)], [9, 10]),
            ([(5, 5), (1, 2), (2, 3)], [2, 3, 5, 10]),
        ):
            self.assertEqual(self.found(*ranges, by_uid=False), uids)

    def test_numbers_that_there_are_not(self) -> None:
        """A message number out of range is BAD, `*` of nothing too."""
        for ranges in ([(6, 6)], [(1, 6)], [(6, STAR)], [(1, 4294967295)]):
            self.assertRaises(Refusal, self.found, *ranges, by_uid=False)
        for ranges in (((STAR, STAR),), ((1, STAR),), ((1, 1),)):
            error = self.assertRaises(
                Refusal,
                resolve,
                SequenceSet(ranges),
                array("I"),
                0,
                by_uid=False,
            )
            self.assertEqual(error.status, "BAD")

    def test_uids(self) -> None:
        """UIDs that there are not are passed over."""
        for ranges, uids in (
            ([(1, 4294967295)], [2, 3, 5, 9, 10]),
            ([(4, 4)], []),
            ([(4, 9)], [5, 9]),
            ([(STAR, STAR)], [10]),
            ([(4000, STAR)], [10]),
            ([(11, 11)], []),
            ([(STAR, 3), (2, 2)], [2, 3, 5, 9, 10]),
        ):
            self.assertEqual(self.found(*ranges, by_uid=True), uids)
        nothing = resolve(
            SequenceSet(((1, STAR),)), array("I"), 0, by_uid=True
        )
        self.assertFalse(nothing)

    def test_ranges_end_with_messages(self) -> None:
        """What a range names is narrowed to what there is."""
        found = resolve(SequenceSet(((1, 10**9),)), UIDS, 6, by_uid=True)
        self.assertEqual(found, UidSet(((2, 11),)))

    def test_saved(self) -> None:
        """`$` is the saved result, or BAD where there is none."""
        saved = SequenceSet((), saved=True)
        kept = UidSet.of(3)
        self.assertIs(resolve(saved, UIDS, 6, by_uid=False, saved=kept), kept)
        self.assertRaises(Refusal, resolve, saved, UIDS, 6, by_uid=True)

    def test_places_and_numbers(self) -> None:
        """UIDs are turned back into message numbers."""
        found = UidSet.of(1, 3, 5, 11, 12)
        self.assertEqual(
            list(places(found, UIDS, 6)), [(1, 1), (2, 2), (5, 5)]
        )
        self.assertEqual(list(numbers(found, UIDS, 6)), [2, 3, 6])

    def test_B7_5_cost(self) -> None:
        """A range over all numbers costs no more than one message."""
        uids = array("I", range(1, 100_001))
        whole = SequenceSet(((1, 4294967295), (STAR, 1)))
        cost = calls(lambda: resolve(whole, uids, len(uids), by_uid=True))
        self.assertLess(cost, 60)
        many = [
            SequenceSet(tuple((n, n) for n in range(1, count, 2)))
            for count in (10_000, 20_000)
        ]
        costs = [
            calls(lambda m=m: resolve(m, uids, len(uids), by_uid=False))
            for m in many
        ]
        self.assertLess(costs[1], 2.2 * costs[0])

    @settings(max_examples=200, deadline=None)
    @given(
        st.sets(st.integers(1, 40), max_size=20),
        st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45))),
        st.booleans(),
    )
    def test_against_counting(
        self,
        there: set[int],
        ranges: list[tuple[int, int]],
        by_uid: bool,
    ) -> None:
        """Halving finds what counting finds."""
        uids = array("I", sorted(there))
        largest = max(there, default=0) if by_uid else len(uids)
        expected: set[int] = set()
        wrong = False
        for pair in ranges:
            low, high = sorted(n or largest for n in pair)
            wrong = wrong or (not by_uid and not 1 <= low <= high <= largest)
            for number, uid in enumerate(uids, 1):
                if low <= (uid if by_uid else number) <= high:
                    expected.add(uid)
        sequence = SequenceSet(tuple(ranges))
        try:
            found = resolve(sequence, uids, len(uids), by_uid=by_uid)
        except Refusal:
            self.assertTrue(wrong)
            return
        self.assertFalse(wrong)
        self.assertEqual(set(exact(found, uids, len(uids))), expected)
        self.assertEqual(
            exact(found, uids, len(uids)), UidSet.from_uids(expected)
        )
