"""Transfer encodings, text of parts, previews."""

import base64
import quopri

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.bounds import PREVIEW_HTML
from imailpy.message.entity import Kind
from imailpy.message.html_text import html_text
from imailpy.message.structure import Part, Structure
from imailpy.message.text import (
    field_text,
    header_text,
    part_text,
    part_texts,
    search_text,
)
from imailpy.message.transfer import decode_transfer, transfer_decoder
from tests.message.cost import assert_linear
from tests.message.samples import crlf, scan, vectors
from tests.message.test_scanner import NESTED

_QUOTED = st.lists(
    st.sampled_from(
        [b"=", b"=4", b"1", b"=3D", b" ", b"\t", b"\r\n", b"\r", b"\n",
         b"=\r\n", b"= \r\n", b"a", b"\xff", b"=zz"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip
_CODED = st.lists(
    st.sampled_from([b"QUJD", b"Q", b"QQ==", b"=", b"\r\n", b"!", b"QUI="]),
    max_size=30,
).map(b"".join)


def in_pieces(octets: bytes, encoding: str, cut: int) -> bytes:
    """Decode in pieces of `cut` octets."""
    decoder = transfer_decoder(encoding)
    pieces = [
        decoder.feed(octets[at : at + cut])
        for at in range(0, len(octets), cut)
    ]
    return b"".join(pieces) + decoder.finish()


class TransferTests(SynchronousTestCase):
    """[RFC2045 6]"""

    def test_base64(self) -> None:
        """Noise is passed over, padding inside does not end it."""
        for octets, wanted in (
            (b"QUJD", b"ABC"),
            (b"QU JD\r\n", b"ABC"),
            (b"Q*U\0JD", b"ABC"),
            (b"QUI=QUJD", b"ABABC"),
            (b"QUI", b"AB"),
            (b"QUJDR", b"ABC"),
            (b"====", b""),
        ):
            self.assertEqual(decode_transfer(octets, "base64"), wanted, octets)

    def test_quoted_printable(self) -> None:
        """Escapes, soft breaks, padding added on the way, stray `=`."""
        for octets, wanted in (
            (b"caf=C3=a9", b"caf\xc3\xa9"),
            (b"a=\r\nb=\nc", b"abc"),
            (b"a= \t\r\nb", b"ab"),
            (b"a  \r\nb", b"a\r\nb"),
            (b"1=2", b"1=2"),
            (b"a_b", b"a_b"),
            (b"a=", b"a="),
            (b"=\rb\nc", b"=\rb\nc"),
        ):
            self.assertEqual(
                decode_transfer(octets, "quoted-printable"), wanted, octets
            )

    @settings(max_examples=200, deadline=None)
    @given(_QUOTED, st.integers(1, 9))
    def test_quoted_printable_in_pieces(self, octets: bytes, cut: int) -> None:
        """However it is cut, quoted-printable decodes alike."""
        whole = decode_transfer(octets, "quoted-printable")
        self.assertEqual(in_pieces(octets, "quoted-printable", cut), whole)

    @settings(max_examples=200, deadline=None)
    @given(_CODED, st.integers(1, 9))
    def test_base64_in_pieces(self, octets: bytes, cut: int) -> None:
        """However it is cut, base64 decodes alike."""
        whole = decode_transfer(octets, "base64")
        self.assertEqual(in_pieces(octets, "base64", cut), whole)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300))
    def test_oracle(self, octets: bytes) -> None:
        """What Python encodes is decoded."""
        self.assertEqual(
            decode_transfer(base64.encodebytes(octets), "base64"), octets
        )
        quoted = quopri.encodestring(octets.replace(b"\r", b""))
        self.assertEqual(
            decode_transfer(quoted, "quoted-printable"),
            octets.replace(b"\r", b""),
        )

    def test_B6_6_linear(self) -> None:
        """Garbage and floods cost time in proportion."""
        for piece in (b"!", b"=", b"Q", b"Q=", b"QUJD\r\n"):
            assert_linear(self, lambda o: in_pieces(o, "base64", 997), piece)
        for piece in (b"=\r\n", b"=", b" ", b" =", b"\t\r", b"=4", b"  \r\n"):
            assert_linear(
                self, lambda o: in_pieces(o, "quoted-printable", 997), piece
            )


class TextTests(SynchronousTestCase):
    """What SEARCH and previews see."""

    def test_html(self) -> None:
        """Markup goes, words are parted, references are characters."""
        for html, wanted in (
            ("<p>one</p><p>two", "one two"),
            ("o<b>n</b>e", "one"),
            ("a &amp; b &lt;&#233;&#xE9;&eacute;", "a & b <ééé"),
            ("<script>no</script>yes<style>no", "yes"),
            ("<!-- no -->yes", "yes"),
            ("<head><title>no</title></head><body>yes", "yes"),
            ("a &#99999999999; &nosuch; &#0;", "a"),
            ("unclosed <a href=", "unclosed"),
        ):
            words = html_text(html).split()
            self.assertEqual(words[: len(wanted.split())], wanted.split())

    def test_long_texts_in_pieces(self) -> None:
        """A long text gives in pieces what it gives whole."""
        line = (
            "<p>Grüße, <b>na</b>\u00efve caf\u00e9 &amp; \u65e5\u672c</p>\r\n"
        )
        hidden = "<style>p { x: 1 }</style><!-- no\r\nno -->\r\n"
        html = (line * 40 + hidden) * 200
        for is_html in (False, True):
            for charset in ("utf-8", "utf-16le", "gb18030", ""):
                text = html.encode(charset or "utf-8")
                for encoding, octets in (
                    ("base64", base64.encodebytes(text)),
                    ("quoted-printable", quopri.encodestring(text)),
                    ("8bit", text),
                ):
                    part = Part(
                        1, Kind.TEXT, encoding, 0, 0, len(octets), 0,
                        charset, is_html, False,
                    )  # fmt: skip
                    pieces = list(part_texts(octets, part))
                    self.assertGreater(len(pieces), 5)
                    whole = part_text(octets, part)
                    self.assertEqual("".join(pieces), whole)

    def test_long_texts_of_no_charset(self) -> None:
        """Octets that turn out to be no UTF-8 are characters from there."""
        octets = b"x" * 100_000 + b"caf\xe9 " + b"y" * 100_000
        part = Part(1, Kind.TEXT, "", 0, 0, len(octets), 0, "", False, False)
        self.assertIn("xcafé y", "".join(part_texts(octets, part)))

    def test_search_text(self) -> None:
        """Text of every part comes decoded, with headers when asked."""
        structure = Structure.unpack(scan(NESTED).structure)
        reads: list[tuple[int, int]] = []

        def read(start: int, end: int) -> bytes:
            reads.append((start, end))
            return NESTED[start:end]

        texts = list(search_text(structure, read))
        self.assertEqual(texts[0], "café")
        self.assertEqual(texts[1].split(), ["café"])
        self.assertIn("body", texts[2])
        together = "\n".join(search_text(structure, read, header=True))
        self.assertIn("Subject: café", together)
        self.assertIn("Subject: inside", together)
        prefix = b"X-P: q\r\n"
        whole = prefix + NESTED
        shifted = search_text(
            structure,
            lambda start, end: whole[start:end],
            header=True,
            prefix_octets=len(prefix),
        )
        shown = list(shifted)
        self.assertTrue(shown[0].startswith("X-P: q\nReceived"))
        self.assertIn("café", shown)
        limited = list(search_text(structure, read, most_octets=3))
        self.assertEqual(limited, ["caf"])

    def test_search_real_messages(self) -> None:
        """Every real message can be searched."""
        for _, octets in vectors():
            structure = Structure.unpack(scan(octets).structure)
            list(
                search_text(
                    structure, lambda a, b, o=octets: o[a:b], header=True
                )
            )

    def test_header_text(self) -> None:
        """Fields are decoded, a line each."""
        self.assertEqual(
            header_text(b"A: =?utf-8?q?=C3=A9?=\r\n b\r\nC: d\r\n\r\n"),
            "A: é b\nC: d",
        )
        self.assertEqual(field_text(b" =?utf-8?q?=C3=A9?=\r\n b\r\n"), "é b")

    def preview(self, text: str) -> str:
        return scan(crlf(text)).preview

    def test_preview(self) -> None:
        """Plain text before HTML, words of the writer before quotations."""
        self.assertEqual(self.preview("A: b\n\n> old\n\nnew\n\n  words"),
                         "new words")  # fmt: skip
        self.assertEqual(self.preview("A: b\n\n> old\n"), "> old")
        self.assertEqual(
            self.preview("Content-Type: text/html\n\n<p>x &amp; y</p>"),
            "x & y",
        )
        self.assertEqual(
            self.preview("Content-Transfer-Encoding: base64\n\nY2Fmw6k="),
            "café",
        )
        self.assertEqual(self.preview("Content-Type: image/png\n\nx"), "")
        self.assertEqual(self.preview("A: b\n\n" + "x" * 5000), "x" * 200)
        self.assertEqual(
            self.preview("Content-Disposition: attachment\n\nx"), ""
        )

    def test_B6_8_preview_of_hostile_html(self) -> None:
        """Two million entities and 100,000 tags: 64 KB of them are read."""
        for piece in ("&amp;", "&", "<p>", "<", "<script>", "<!--", "&#9;"):
            html = piece * 100_000
            shown = self.preview("Content-Type: text/html\n\n" + html)
            self.assertLessEqual(len(shown), 200)
        self.assertEqual(PREVIEW_HTML, 64 * 1024)
        late = "Content-Type: text/html\n\n" + "<p>" * 30_000 + "late"
        self.assertEqual(self.preview(late), "")

    def test_B6_11_html_linear(self) -> None:
        """Hostile markup costs time in proportion."""
        for piece in (b"<", b"<a", b"&", b"&amp;", b"<script>", b"<!--",
                      b"-->", b"<head>", b"</", b"<b "):  # fmt: skip
            assert_linear(self, lambda o: html_text(o.decode()), piece)
