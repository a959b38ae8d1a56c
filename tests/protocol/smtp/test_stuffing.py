"""How a message goes out by DATA: SECURITY.md B1.16 and B1.17."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.smtp.stuffing import DotStuffing
from imailpy.protocol.smtp.xtext import (
    decode_utf8_address,
    decode_xtext,
    encode_utf8_address,
    encode_xtext,
)


def stuffed(*pieces: bytes) -> bytes:
    """A message in these pieces, as it goes on the wire."""
    stuffing = DotStuffing()
    return b"".join(map(stuffing.add, pieces)) + stuffing.end()


def unstuffed(wire: bytes) -> bytes:
    """Read it the plain way [RFC5321 4.5.2]."""
    lines = wire.split(b"\r\n")
    end = lines.index(b".")
    if lines[end + 1 :] != [b""]:
        raise AssertionError(f"something is behind the end: {wire!r}")
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:end])


class StuffingTests(SynchronousTestCase):
    """Dots at the beginning of lines."""

    def test_B1_16_every_border(self) -> None:
        """Wherever the pieces are cut, the dot is doubled once."""
        message = b".a\r\n.b\r\n..\r\n.\r\nc.\r\n.d\r\n"
        whole = stuffed(message)
        self.assertEqual(
            whole,
            b"..a\r\n..b\r\n...\r\n..\r\nc.\r\n..d\r\n.\r\n",
        )
        for first in range(len(message)):
            for second in range(first, len(message)):
                self.assertEqual(
                    stuffed(
                        message[:first],
                        message[first:second],
                        message[second:],
                    ),
                    whole,
                )

    def test_B1_17_bare_line_ends(self) -> None:
        """A dot behind a bare CR or LF is doubled too, at any border."""
        message = b"a\n.\nb\r.\rc"
        for cut in range(len(message)):
            self.assertEqual(
                stuffed(message[:cut], message[cut:]),
                b"a\n..\nb\r..\rc\r\n.\r\n",
            )

    def test_B1_16_large_borders(self) -> None:
        """A dot behind a line end is doubled at any offset up to 70,000."""
        for size in (1, 1000, 1024, 16384, 65535, 65536, 65537, 70_000):
            for shift in (-3, -2, -1, 0, 1):
                lead = b"x" * (size + shift)
                message = lead + b"\r\n.y\r\n"
                wire = stuffed(message[:size], message[size:])
                self.assertEqual(wire, lead + b"\r\n..y\r\n.\r\n")

    def test_last_line(self) -> None:
        """A message whose last line has no end gets one."""
        self.assertEqual(stuffed(b"a"), b"a\r\n.\r\n")
        self.assertEqual(stuffed(b"a\r"), b"a\r\r\n.\r\n")
        self.assertEqual(stuffed(b"a\r", b"\n"), b"a\r\n.\r\n")
        self.assertEqual(stuffed(), b".\r\n")

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [b".", b"\r\n", b"\r", b"\n", b"a", b"\r\n.\r\n", b"\n.\n"]
            ),
            max_size=20,
        ),
        st.data(),
    )
    def test_three_receivers(self, parts, data) -> None:
        """
        However lenient a receiver is with line ends, it sees one message.
        """
        message = b"".join(parts)
        cut = data.draw(st.integers(0, len(message)))
        wire = stuffed(message[:cut], message[cut:])
        for line_end in (b"\r\n", b"\n", b"\r"):
            seen = wire.replace(b"\r\n", line_end)
            if line_end != b"\r\n":
                seen = seen.replace(
                    b"\n" if line_end == b"\r" else b"\r", line_end
                )
            ending = line_end + b"." + line_end
            at = (line_end + seen).find(ending)
            self.assertEqual(
                at + len(ending) - len(line_end), len(seen), (wire, line_end)
            )
        lines = message.replace(b"\r\n", b"")
        if b"\r" not in lines and b"\n" not in lines:
            ended = message
            if message and not message.endswith(b"\r\n"):
                ended += b"\r\n"
            self.assertEqual(unstuffed(wire), ended)


class XtextTests(SynchronousTestCase):
    """DSN parameters."""

    @settings(max_examples=100, deadline=None)
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
    def test_xtext(self, text) -> None:
        """xtext says what was meant."""
        self.assertEqual(decode_xtext(encode_xtext(text)), text)

    @settings(max_examples=100, deadline=None)
    @given(st.text("abü\\{}+= @€\U0001f600", max_size=20), st.booleans())
    def test_utf8_address(self, text, smtputf8) -> None:
        """So does the utf-8 form, with SMTPUTF8 and without."""
        encoded = encode_utf8_address(text, smtputf8=smtputf8)
        self.assertEqual(decode_utf8_address(encoded), text)
        self.assertTrue(smtputf8 or encoded.isascii())
        self.assertNotIn(" ", encoded)

    def test_controls(self) -> None:
        """What would be a line end cannot be written or read."""
        for text in ("a\r\nb", "a\0"):
            with self.assertRaises(ValueError):
                encode_xtext(text)
            with self.assertRaises(ValueError):
                encode_utf8_address(text, smtputf8=True)
        for text in ("+0D", "+0A", "a b", "+4", "+4x", "a=b"):
            with self.assertRaises(ValueError):
                decode_xtext(text)
