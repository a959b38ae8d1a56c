"""A second copy of a message is known as one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from imailpy.delivery.repeats import REMEMBERED_S, Repeats, mark
from imailpy.interfaces.body import IBody
from imailpy.store.memory.spool import MemorySpool
from tests.support.world import TestWorld


def body(text: bytes) -> IBody:
    """A body that was scanned while it arrived."""
    incoming = MemorySpool().incoming()
    incoming.write(text)
    return incoming.finish()


class RepeatTests(SynchronousTestCase):
    """Ten minutes of memory."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.repeats = Repeats(self.world.clock, most=3)
        self.first = body(b"Message-ID: <1@x.test>\r\n\r\nhello\r\n")

    def test_B3_6_second_copy(self) -> None:
        """The same message from the same client names its first copy."""
        self.assertIsNone(self.repeats.first("192.0.2.1", self.first))
        self.repeats.accepted("192.0.2.1", self.first, "one")
        self.repeats.accepted("192.0.2.1", self.first, "two")
        self.assertEqual(self.repeats.first("192.0.2.1", self.first), "one")
        self.assertEqual(mark("one"), b"X-Imailpy-Repeat-Of: one\r\n")

    def test_others_are_not(self) -> None:
        """Another client, other octets, or no Message-ID: nothing is said."""
        self.repeats.accepted("192.0.2.1", self.first, "one")
        self.assertIsNone(self.repeats.first("192.0.2.2", self.first))
        other = body(b"Message-ID: <1@x.test>\r\n\r\nhallo\r\n")
        self.assertIsNone(self.repeats.first("192.0.2.1", other))
        nameless = body(b"Subject: x\r\n\r\nhello\r\n")
        self.repeats.accepted("192.0.2.1", nameless, "three")
        self.assertIsNone(self.repeats.first("192.0.2.1", nameless))

    def test_forgets(self) -> None:
        """After ten minutes, and past its bound, a message is forgotten."""
        self.repeats.accepted("192.0.2.1", self.first, "one")
        self.world.advance(REMEMBERED_S + 1)
        self.assertIsNone(self.repeats.first("192.0.2.1", self.first))
        self.repeats.accepted("192.0.2.1", self.first, "again")
        for number in range(3):
            text = b"Message-ID: <n%d@x.test>\r\n\r\nx\r\n" % number
            self.repeats.accepted("192.0.2.1", body(text), f"n{number}")
        self.assertIsNone(self.repeats.first("192.0.2.1", self.first))
