"""What is read in one step is what the tolerant readers would read."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.address import parse_addresses
from imailpy.message.build import header_field
from imailpy.message.date import parse_date
from imailpy.message.subject import base_subject, message_id, message_ids
from tests.message.samples import scan


def pieces(*octets: bytes) -> st.SearchStrategy[bytes]:
    """Give some of `octets` in a row."""
    return st.lists(st.sampled_from(octets), max_size=7).map(b"".join)


_ADDRESSES = pieces(
    b"ann@a.example", b"Ann", b"<ann@a.example>", b" ", b", ", b'"A, B"',
    b'" "', b'""', b"\xc3\xa9", b"=?utf-8?q?a?=", b"\x01", b";", b".",
)  # fmt: skip
_DATES = pieces(
    b"Mon, ", b"24 Nov 2025", b"30 Feb 2025", b" 16:01:02", b" 24:00:00",
    b" 23:59:60", b" +0130", b" -2359", b" +2400", b" +0060", b" (CET)",
    b" EST", b"24 nov 25 9:05",
)  # fmt: skip
_IDS = pieces(b"<a@b>", b"<c@d>", b" ", b"<", b">", b'"', b"\t", b"a@b")
_SUBJECTS = st.lists(
    st.sampled_from(
        ["Re: ", "re:", "FWD: ", "[list] ", "(fwd)", "report", " ", "é", ":"]
    ),
    max_size=6,
).map("".join)
_TEXT = st.text(st.sampled_from("ab \u00e9\n"), max_size=90)


class UsualTests(SynchronousTestCase):
    """Both ways to read agree."""

    @settings(max_examples=200, deadline=None)
    @given(_ADDRESSES)
    def test_addresses(self, value: bytes) -> None:
        """Addresses are those that one more empty comment leaves."""
        if value.count(b'"') % 2 == 0:
            self.assertEqual(
                parse_addresses(value), parse_addresses(value + b" ()")
            )

    @settings(max_examples=200, deadline=None)
    @given(_DATES)
    def test_dates(self, value: bytes) -> None:
        """A date is the one that the tolerant reader sees."""
        self.assertEqual(parse_date(value), parse_date(value + b" "))

    @settings(max_examples=200, deadline=None)
    @given(_IDS)
    def test_ids(self, value: bytes) -> None:
        """Ids are the same with a word behind that is none."""
        self.assertEqual(message_ids(value), message_ids(value + b" x"))
        if b"<" in value and b">" in value:
            self.assertEqual(message_id(value), message_id(value + b" x"))

    @settings(max_examples=200, deadline=None)
    @given(_SUBJECTS)
    def test_subjects(self, subject: str) -> None:
        """A base subject does not depend on a blank at its end."""
        self.assertEqual(base_subject(subject), base_subject(subject + " "))

    @given(_TEXT)
    def test_fields(self, value: str) -> None:
        """A short value gives the first line that a longer one gives."""
        if "\n" in value:
            self.assertRaises(ValueError, header_field, "X", value)
        elif value.isascii() and 0 < len(value.rstrip()) == len(value) < 70:
            long = header_field("X", f"{value} {'y' * 80}")
            self.assertEqual(
                header_field("X", value), long[: long.index(b"\r\n") + 2]
            )

    def test_sections(self) -> None:
        """A section is the same with CRLF at once, in pieces, with LF."""
        octets = (
            b"From : a@b\r\nX-Y:\r\n folded\r\nSUBJECT: s\r\n\tt\r\n\r\nbody"
        )
        whole = scan(octets)
        self.assertEqual(whole.subject, "s t")
        self.assertEqual(whole.header_octets, octets.index(b"body"))
        self.assertEqual(whole, scan(octets, 5))
        bare = scan(octets.replace(b"\r\n", b"\n"))
        self.assertEqual(bare.envelope, whole.envelope)
