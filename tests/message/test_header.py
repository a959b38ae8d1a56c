"""Where a header section ends and what is a field of it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.header import (
    HeaderSection,
    SectionReader,
    raw_fields,
    section_end,
    select_fields,
    unfold,
)
from tests.support.dialogue import every_cut

_LINES = st.sampled_from(
    [
        b"From: a@x\r\n",
        b"From : a@x\r\n",
        b" folded\r\n",
        b"\tfolded\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"no colon\r\n",
        b": empty\r\n",
        b"From\0: x\r\n",
        b"Fr\xf6m: x\r\n",
        b"From x\r\n",
        b">From y z\n",
        b"X" * 300 + b": long name\r\n",
        b"Long: " + b"y" * 1200 + b"\r\n",
        b"X",
    ]
)
SECTIONS = st.lists(_LINES, max_size=12).map(b"".join)


def take(pieces: list[bytes]) -> tuple[int, bytes]:
    """Read a section that comes in pieces."""
    reader = SectionReader()
    held = b""
    for number, piece in enumerate([*pieces, b""]):
        data = held + piece
        at = reader.take(data, 0, number == len(pieces))
        held = data[at:]
        if reader.done:
            break
    return reader.size_octets, reader.octets


class SectionTests(SynchronousTestCase):
    """One grammar decides."""

    def ends(self, octets: bytes, at: int) -> None:
        self.assertEqual(section_end(octets), at, octets)
        for pieces in every_cut(octets):
            self.assertEqual(take(pieces), (at, octets[:at]), pieces)

    def test_empty_line_ends_it(self) -> None:
        """The section ends behind its empty line, whatever the line end."""
        self.ends(b"A: b\r\n\r\nbody\r\n", 8)
        self.ends(b"A: b\n\nbody\n", 6)
        self.ends(b"\r\nbody", 2)
        self.ends(b"A: b\r\n", 6)
        self.ends(b"A: b", 4)
        self.ends(b"A: b\r\n folded\r\n\r\n", 17)

    def test_B5_9_odd_lines_end_it(self) -> None:
        """A line that is no field is the first line of the body."""
        for odd in (
            b"no colon here",
            b": empty name",
            b"From\0: a@x",
            b"Fr\xc3\xb8m: a@x",
            b"two words: x",
            b"X" * 257 + b": x",
        ):
            self.ends(b"A: b\r\n" + odd + b"\r\nC: d\r\n\r\n", 6)
            self.ends(odd, 0)

    def test_B5_9_space_before_colon_is_a_field(self) -> None:
        """`From : a@x` is From for filter, IMAP and display alike."""
        octets = b"From : a@x\r\nSubject\t:s\r\n\r\n"
        self.ends(octets, len(octets))
        section = HeaderSection(octets)
        names = [field.name for field in section]
        self.assertEqual(names, [b"From", b"Subject"])
        self.assertEqual(section.all(b"from")[0].value, b"a@x")
        self.assertEqual(
            select_fields(octets, frozenset((b"from",))), b"From : a@x\r\n"
        )

    def test_continuation_without_field(self) -> None:
        """A message that begins with white space has no header section."""
        self.ends(b" folded\r\nA: b\r\n\r\n", 0)

    def test_mbox_line_is_passed_over(self) -> None:
        """The separator line of an mbox file hides no field."""
        octets = b"From ann Thu Feb 15 01:02:03 2007\nA: b\n\nx"
        self.ends(octets, 40)
        self.assertEqual(
            [(f.name, f.start, f.end) for f in HeaderSection(octets)],
            [(b"A", 34, 39)],
        )

    @settings(max_examples=200, deadline=None)
    @given(SECTIONS, st.integers(1, 40))
    def test_any_cut(self, octets: bytes, cut: int) -> None:
        """However it is cut, a section ends at the same place."""
        pieces = [octets[at : at + cut] for at in range(0, len(octets), cut)]
        end = section_end(octets)
        self.assertEqual(take(pieces), (end, octets[:end]))

    @settings(max_examples=200, deadline=None)
    @given(SECTIONS)
    def test_fields_are_the_section(self, octets: bytes) -> None:
        """Fields, mbox line and empty line together are the section."""
        section = HeaderSection(octets)
        at = section.fields[0].start if section.fields else 0
        for field in section.fields:
            self.assertEqual(field.start, at)
            at = field.end
        self.assertTrue(section.complete or not section.fields)


class FieldTests(SynchronousTestCase):
    """Values and selections."""

    def test_unfold(self) -> None:
        """A folded value is one line; NUL goes, lone CR is a blank."""
        self.assertEqual(unfold(b" a\r\n b\r\n\tc\r"), b"a b\tc")
        self.assertEqual(unfold(b" a\n b "), b"a b")
        self.assertEqual(unfold(b"a\rb\0c"), b"a bc")

    def test_select_fields(self) -> None:
        """HEADER.FIELDS copies what is named, HEADER.FIELDS.NOT the rest."""
        octets = b"To: a\r\n b\r\nFROM: c\r\nTo: d\r\n\r\n"
        names = frozenset((b"to",))
        self.assertEqual(
            select_fields(octets, names), b"To: a\r\n b\r\nTo: d\r\n"
        )
        self.assertEqual(
            select_fields(octets, names, others=True), b"FROM: c\r\n"
        )

    def test_B6_3_many_fields(self) -> None:
        """Past 1,000 fields nothing is indexed, and all of it is kept."""
        octets = b"A: b\r\n" * 5000 + b"\r\n"
        section = HeaderSection(octets)
        self.assertEqual(len(section.fields), 1000)
        self.assertFalse(section.complete)
        self.assertEqual(len(section.octets), len(octets))
        self.assertEqual(len(raw_fields(octets)), 5000)
