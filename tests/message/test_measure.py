"""What the scanner counts while octets pass."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.measure import LINE_LIMIT, Measure
from tests.message.samples import scan

_PIECES = st.sampled_from(
    [b"a", b"\r", b"\n", b"\r\n", b"b" * 997, b"c" * 998, b"d" * 999,
     b"e" * 1500, b"\xff", b"\0"]
)  # fmt: skip


class MeasureTests(SynchronousTestCase):
    """Numbers are those of the whole, in any cut."""

    @settings(max_examples=200, deadline=None)
    @given(st.lists(_PIECES, max_size=20).map(b"".join), st.integers(1, 700))
    def test_oracle(self, octets: bytes, cut: int) -> None:
        """Counting piece by piece is counting the lines of the whole."""
        measure = Measure()
        for at in range(0, len(octets), cut):
            measure.add(octets[at : at + cut])
        lines = octets.split(b"\n")
        longest = max(len(line.removesuffix(b"\r")) for line in lines)
        self.assertEqual(measure.line_ends, len(lines) - 1)
        self.assertEqual(
            measure.longest_line, longest if longest > LINE_LIMIT else 0
        )
        self.assertEqual(measure.has_8bit, not octets.isascii())
        self.assertEqual(measure.has_nul, b"\0" in octets)
        self.assertEqual(measure.last, octets[-2:])

    def test_header_and_body_apart(self) -> None:
        """8-bit in the header section is not 8-bit in the body."""
        found = scan(b"Subject: \xe9\r\n\r\nbody")
        self.assertEqual(
            (found.has_8bit_header, found.has_8bit), (True, False)
        )
        found = scan(b"Subject: e\r\n\r\nbody\xe9")
        self.assertEqual(
            (found.has_8bit_header, found.has_8bit), (False, True)
        )

    def test_listed_fields(self) -> None:
        """Fields that clients list are kept raw, others are not."""
        found = scan(b"To: a\r\n b\r\nX: y\r\nDATE: d")
        self.assertEqual(found.listed_fields, b"To: a\r\n b\r\nDATE: d\r\n")
        self.assertTrue(found.header_complete)

    def test_B5_13_hops(self) -> None:
        """Every Received field counts, forged or not, as it arrives."""
        found = scan(b"Received: x\r\n" * 60 + b"\r\nReceived: body")
        self.assertEqual(found.hops, 60)
