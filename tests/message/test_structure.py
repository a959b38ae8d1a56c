"""Part numbers and where their octets are."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.structure import Structure
from tests.message.samples import crlf, scan, structure, vectors

# The example of [RFC9051 6.4.5.1].
EXAMPLE = crlf("""\
Subject: whole
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: text/plain

one
--a
Content-Type: application/octet-stream

two
--a
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

three.one
--b
Content-Type: application/octet-stream

three.two
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

four.one
--c
Content-Type: message/rfc822

Subject: four.two
Content-Type: multipart/mixed; boundary=d

--d
Content-Type: text/plain

four.two.one
--d
Content-Type: multipart/alternative; boundary=e

--e

four.two.two.one
--e
Content-Type: text/richtext

four.two.two.two
--e--
--d--
--c--
--a--
""")


class SectionTests(SynchronousTestCase):
    """Sections of a message, as IMAP numbers them."""

    def setUp(self) -> None:
        self.structure = structure(EXAMPLE)

    def octets(self, path: tuple[int, ...], what: str = "") -> bytes | None:
        span = self.structure.section(path, what)
        return None if span is None else EXAMPLE[span[0] : span[1]]

    def test_numbers_of_the_standard(self) -> None:
        """Every part of the standard's example is where it says."""
        for path, text in (
            ((1,), b"one"),
            ((2,), b"two"),
            ((3, 1), b"three.one"),
            ((3, 2), b"three.two"),
            ((4, 1), b"four.one"),
            ((4, 2, 1), b"four.two.one"),
            ((4, 2, 2, 1), b"four.two.two.one"),
            ((4, 2, 2, 2), b"four.two.two.two"),
        ):
            self.assertEqual(self.octets(path), text, path)

    def test_header_text_mime(self) -> None:
        """HEADER and TEXT belong to messages, MIME to parts."""
        header = self.octets((3,), "HEADER")
        text = self.octets((3,), "TEXT")
        assert header and text
        self.assertTrue(header.startswith(b"Subject: three\r\n"))
        self.assertTrue(header.endswith(b"boundary=b\r\n\r\n"))
        self.assertEqual(self.octets((3,)), header + text)
        self.assertEqual(
            self.octets((4, 1), "MIME"), b"Content-Type: image/gif\r\n\r\n"
        )
        self.assertEqual(
            self.octets((3,), "MIME"),
            b"Content-Type: message/rfc822\r\n\r\n",
        )
        self.assertEqual(self.octets((4, 2, 2, 1), "MIME"), b"\r\n")

    def test_what_is_not_there(self) -> None:
        """Numbers and sections that do not exist are none."""
        for path, what in (
            ((5,), ""),
            ((0,), ""),
            ((1, 1), ""),
            ((1,), "HEADER"),
            ((4,), "TEXT"),
            ((3, 3), ""),
            ((), "MIME"),
        ):
            self.assertIsNone(self.octets(path, what), (path, what))

    def test_single_part(self) -> None:
        """Part 1 of a message without parts is its body."""
        octets = b"Subject: x\r\n\r\nbody\r\n"
        found = structure(octets)
        self.assertEqual(found.section((1,), ""), (14, 20))
        self.assertEqual(found.section((1,), "MIME"), (0, 14))
        self.assertIsNone(found.section((2,), ""))
        self.assertIsNone(found.section((1,), "TEXT"))

    def test_message_is_a_message(self) -> None:
        """A message whose only part is a message has numbers inside."""
        octets = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody"
        found = structure(octets)
        self.assertEqual(found.section((1,), ""), (32, 51))
        self.assertEqual(found.section((1,), "HEADER"), (32, 47))
        self.assertEqual(found.section((1, 1), ""), (47, 51))

    def test_prefix_shifts(self) -> None:
        """What the store puts in front belongs to the message's header."""
        octets = b"Subject: x\r\n\r\nbody\r\n"
        found = structure(octets)
        for path, what, span in (
            ((), "", (0, 120)),
            ((), "HEADER", (0, 114)),
            ((), "TEXT", (114, 120)),
            ((1,), "", (114, 120)),
            ((1,), "MIME", (0, 114)),
        ):
            self.assertEqual(
                found.section(path, what, prefix_octets=100), span, what
            )

    def test_B6_7_slices_are_the_message(self) -> None:
        """In real messages, what parts leave over is theirs who hold them."""
        for name, octets in vectors():
            found = structure(octets)
            covered = 0
            for index, part in enumerate(found.parts):
                if not found.children[index]:
                    self.assertGreaterEqual(part.header_start, covered, name)
                    covered = part.body_end
            self.assertLessEqual(covered, len(octets), name)

    def test_pack(self) -> None:
        """A packed structure is read back as it was."""
        packed = scan(EXAMPLE).structure
        self.assertEqual(Structure.unpack(packed).pack(), packed)
        self.assertLess(len(packed), 500)
        for wrong in (b"", b"1 t", b"x y z", b"1 ? 7 0 0 0 0 "):
            self.assertRaises(ValueError, Structure.unpack, wrong)
