"""Marks of the realm on mail, and marks of others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imailpy.delivery.unmarking import Unmarking
from imailpy.mail import Decision, Mark, Verdict
from tests.delivery.house import ALICE, BOB, HouseCase
from tests.delivery.out import OutCase

MARKED = Decision(
    Verdict.ACCEPT,
    "spoof.local_sender",
    "scripted",
    marks=(Mark("LOCALSENDER", "not signed in, from 203.0.113.9"),),
)
FIELD = b"X-IMAIL-SPAM-LOCALSENDER: not signed in, from 203.0.113.9\r\n"
HEAD = b"From: a@b.test\r\n"
FORGED = (
    HEAD
    + b"x-imail-spam-dnsbl: (forged,\r\n\tand folded)\r\n"
    + b"Subject: one\r\n two\r\n"
    + b"X-IMAIL-SPAM-VALFROM: me\r\n"
    + b"X-Imail-Spa: stays\r\n"
    + b"\r\nX-IMAIL-SPAM-BODY: stays, too\r\n"
)
CLEAN = (
    HEAD + b"Subject: one\r\n two\r\nX-Imail-Spa: stays\r\n"
    b"\r\nX-IMAIL-SPAM-BODY: stays, too\r\n"
)


def unmarked(octets: bytes, cuts: list[int]) -> bytes:
    unmarking = Unmarking()
    out = b""
    at = 0
    for cut in [*cuts, len(octets)]:
        piece = octets[at:cut]
        at = max(cut, at)
        out += piece if unmarking.done else unmarking.take(piece)
    return out if unmarking.done else out + unmarking.end()


class MarkTests(HouseCase):
    """What the realm wants written."""

    def test_written_once(self) -> None:
        """A mark stands once on each copy."""
        self.send(ALICE, BOB, decisions=[MARKED, MARKED])
        for address in (ALICE, BOB):
            (mail,) = self.mails(address)
            self.assertEqual(mail.count(FIELD), 1)

    def test_unmarked(self) -> None:
        """Mail that no check marked has none."""
        self.send(ALICE)
        self.assertNotIn(b"X-IMAIL-SPAM", self.mails(ALICE)[0])

    def test_marks_of_strangers(self) -> None:
        """What a stranger wrote under these names is gone."""
        self.send(ALICE, octets=FORGED)
        (mail,) = self.mails(ALICE)
        self.assertTrue(mail.endswith(CLEAN), mail)

    def test_any_cut(self) -> None:
        """However the message comes in pieces, the same fields go."""
        for cut in range(len(FORGED)):
            self.assertEqual(unmarked(FORGED, [cut]), CLEAN, cut)
        every = list(range(len(FORGED)))
        self.assertEqual(unmarked(FORGED, every), CLEAN)

    def test_long_lines(self) -> None:
        """A line without an end is passed on, or dropped, in pieces."""
        long = b"x" * 300_000
        for name, stays in ((b"X-Long: ", True), (b"X-IMAIL-SPAM-L: ", False)):
            octets = HEAD + name + long + b"\r\nTo: b@c.test\r\n\r\nbody"
            cuts = list(range(0, len(octets), 10_000))[1:]
            found = unmarked(octets, cuts)
            wanted = HEAD + (name + long + b"\r\n" if stays else b"")
            self.assertEqual(found, wanted + b"To: b@c.test\r\n\r\nbody")

    def test_no_body(self) -> None:
        """A message that ends within its header section is treated alike."""
        for octets, wanted in (
            (HEAD + b"X-IMAIL-SPAM-A: b", HEAD),
            (HEAD + b"X-IMAIL-SPAM-A: b\r\n c", HEAD),
            (HEAD + b"X-I: b", HEAD + b"X-I: b"),
            (b"\r\nX-IMAIL-SPAM-A: b\r\n", b"\r\nX-IMAIL-SPAM-A: b\r\n"),
            (b"", b""),
        ):
            for cut in range(len(octets) + 1):
                self.assertEqual(unmarked(octets, [cut]), wanted, octets)

    @given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
    def test_other_octets_stay(self, octets: bytes, cuts: list[int]) -> None:
        """Without such a field not an octet changes."""
        self.assertEqual(unmarked(octets, sorted(cuts)), octets)


class MarkedOutTests(OutCase):
    """What goes on to others."""

    def test_marked_on_the_way(self) -> None:
        """A mark goes with mail that an alias sends on."""
        self.alias("away@example.test", "ann@out.test")
        self.out("away@example.test", sender=ALICE, decisions=[MARKED])
        self.assertEqual(self.host.bodies[0].count(FIELD), 1)
