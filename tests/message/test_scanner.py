"""The scanner's promises on real messages and in any cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.entity import Kind
from imailpy.message.scanner import Scanner
from imailpy.message.structure import Part, Structure
from tests.message.samples import crlf, scan, vectors
from tests.support.dialogue import every_cut

NESTED = crlf("""\
Received: from a by b; Thu, 15 Feb 2007 01:02:03 +0200
From: Ann <ann@client.example>
Subject: =?utf-8?q?caf=C3=A9?=
Content-Type: multipart/mixed; boundary="out:er"

preamble
--out:er
Content-Type: multipart/alternative; boundary=out

--out
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

caf=C3=A9
--out\x20\x20
Content-Type: text/html

<p>caf&eacute;</p>
--out--
epilogue
--out:er
Content-Type: message/rfc822

Subject: inside
Date: Thu, 15 Feb 2007 01:02:03 +0200

--out:erx
body
--out:er
no header here
--out:er--
end""")

# Pieces of messages that say much in few octets.
_PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"--",
        b"-",
        b"a",
        b"ab",
        b"--a\r\n",
        b"--a--\r\n",
        b"--ab\r\n",
        b"\r\n--ab--",
        b"Content-Type: multipart/mixed; boundary=a\r\n",
        b"Content-Type: multipart/digest; boundary=ab\r\n",
        b'Content-Type: multipart/x; boundary="a:b"\r\n',
        b"--a:b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/html\r\n\r\n<p>x",
        b"Subject: x\r\n",
        b" folded\r\n",
        b"From x\n",
        b"\0",
        b"\xff",
    ]
)
MESSAGES = st.lists(_PIECES, max_size=24).map(b"".join)


def outside(structure: Structure) -> list[Part]:
    """Give the parts that are not inside their parent's body."""
    wrong = []
    for index, children in enumerate(structure.children):
        parent = structure.parts[index]
        at = parent.body_start
        for child in children:
            part = structure.parts[child]
            if not (
                at <= part.header_start
                and part.header_start <= part.body_start <= part.body_end
                and part.body_end <= parent.body_end
            ):
                wrong.append(part)
            at = part.body_end
    return wrong


class ScannerTests(SynchronousTestCase):
    """What is found does not depend on how the octets came."""

    def test_any_cut_finds_the_same(self) -> None:
        """A nested message cut at every position is the same message."""
        whole = scan(NESTED)
        for pieces in every_cut(NESTED):
            scanner = Scanner()
            for piece in pieces:
                scanner.feed(piece)
            self.assertEqual(scanner.finish(), whole, pieces[0])

    @settings(max_examples=150, deadline=None)
    @given(MESSAGES, st.integers(1, 9))
    def test_B6_10_any_octets_in_any_cut(
        self, octets: bytes, cut: int
    ) -> None:
        """Any octets are scanned without an exception, alike in any cut."""
        whole = scan(octets)
        self.assertEqual(scan(octets, cut), whole)
        self.assertEqual(scan(octets, 1), whole)
        structure = Structure.unpack(whole.structure)
        self.assertEqual(outside(structure), [])
        self.assertEqual(structure.parts[0].body_end, len(octets))
        self.assertEqual(structure.pack(), whole.structure)

    def test_real_messages(self) -> None:
        """Every real message is scanned; header and text are all of it."""
        count = 0
        for name, octets in vectors():
            count += 1
            whole = scan(octets)
            self.assertEqual(scan(octets, 61), whole, name)
            structure = Structure.unpack(whole.structure)
            self.assertEqual(outside(structure), [], name)
            header = structure.section((), "HEADER")
            text = structure.section((), "TEXT")
            assert header and text
            self.assertEqual(header[1], text[0])
            self.assertEqual((header[0], text[1]), (0, len(octets)))
        self.assertGreater(count, 100)

    def test_nested_structure(self) -> None:
        """Alternatives and an attached message are found where they are."""
        whole = scan(NESTED)
        structure = Structure.unpack(whole.structure)
        kinds = [part.kind for part in structure.parts]
        self.assertEqual(
            kinds,
            [
                Kind.MULTIPART,
                Kind.MULTIPART,
                Kind.TEXT,
                Kind.TEXT,
                Kind.MESSAGE,
                Kind.TEXT,
                Kind.TEXT,
            ],
        )
        self.assertEqual(whole.preview, "café")
        self.assertEqual(whole.subject, "café")
        self.assertEqual(whole.hops, 1)
        self.assertFalse(whole.truncated)
