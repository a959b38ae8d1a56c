"""Counting what may come in millions."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.realm.counters import SLOT_OCTETS, Counters
from tests.realm.support import StillClock


class CountersTests(SynchronousTestCase):
    """The table."""

    def setUp(self) -> None:
        self.clock = StillClock()

    def table(self, slots: int = 1 << 12, key: bytes = b"key") -> Counters:
        clock: Any = self.clock
        return Counters(clock, key, slots)

    def test_spans(self) -> None:
        """A count is over with its span; widths are counted apart."""
        table = self.table()
        self.assertEqual([table.add(b"a", 60) for _ in range(3)], [1, 2, 3])
        self.assertEqual(table.add(b"b", 60, 5), 5)
        self.clock.reactor.advance(59)
        self.assertEqual(table.get(b"a", 60), 3)
        self.clock.reactor.advance(1)
        self.assertEqual(table.get(b"a", 60), 0)
        self.assertEqual(table.add(b"a", 60), 1)

    def test_remembers(self) -> None:
        """What was seen is known for its time, from when it was seen."""
        table = self.table()
        self.clock.reactor.advance(50)
        table.remember(b"a", 100)
        self.clock.reactor.advance(99)
        self.assertTrue(table.knows(b"a"))
        self.assertFalse(table.knows(b"b"))
        self.clock.reactor.advance(1)
        self.assertFalse(table.knows(b"a"))

    def test_B13_11_bounded_and_frequent_ones_stay(self) -> None:
        """
        Many that come once take no more room than the table has, and do not
        push out who comes often.
        """
        table = self.table()
        often = [b"often %d" % at for at in range(50)]
        for _ in range(20):
            for thing in often:
                table.add(thing, 600)
        for at in range(30_000):
            table.add(b"once %d" % at, 600)
        self.assertLessEqual(len(table), 1 << 12)
        self.assertEqual(table.size_octets, (1 << 12) * SLOT_OCTETS)
        stayed = sum(table.get(thing, 600) == 20 for thing in often)
        self.assertEqual(stayed, len(often))

    def test_B13_11_never_too_high(self) -> None:
        """Nobody is counted for what others did."""
        table = self.table(64)
        for at in range(5_000):
            self.assertEqual(table.add(b"thing %d" % at, 600), 1)

    def test_B13_12_place_depends_on_the_key(self) -> None:
        """Things that meet under one key are apart under another."""
        first, second = (
            [self.table(key=key)._look(b"%d" % at)[1:] for at in range(100)]
            for key in (b"one", b"two")
        )
        self.assertNotEqual(first, second)
        same = sum(a == b for a, b in zip(first, second, strict=True))
        self.assertEqual(same, 0)
