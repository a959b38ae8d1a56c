"""Dots, header sections and lines over any border between chunks."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.pop3.dots import Stuffing, stuffed
from imailpy.protocol.pop3.top import HeaderEnd, TopCut

OCTETS = st.lists(
    st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"x", b"..", b"\r\n.\r\n"]),
    max_size=14,
).map(b"".join)


def lines_of(response: bytes) -> bytes:
    """Read a multi-line response as clients do: up to the LF."""
    out = []
    for line in response.split(b"\n"):
        if line in (b".\r", b"."):
            return b"\n".join(out) + (b"\n" if out else b"")
        out.append(line[1:] if line.startswith(b".") else line)
    raise AssertionError("no end")


def cut(octets: bytes, at: int) -> list[bytes]:
    return [octets[:at], octets[at:]]


class StuffingTests(SynchronousTestCase):
    """No message ends its own response."""

    def test_plain(self) -> None:
        """Dots that begin a line are doubled, others are not."""
        for octets, expected in (
            (b"", b".\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"a.\r\n.b", b"a.\r\n..b\r\n.\r\n"),
            (b"a\n.\nb", b"a\n..\nb\r\n.\r\n"),
            (b"a\r", b"a\r\r\n.\r\n"),
        ):
            self.assertEqual(stuffed(octets), expected)

    @settings(max_examples=200, deadline=None)
    @given(OCTETS, st.data())
    def test_any_border(self, octets: bytes, data: st.DataObject) -> None:
        """A border between chunks changes nothing."""
        stuffing = Stuffing()
        at = data.draw(st.integers(0, len(octets)))
        said = b"".join(map(stuffing.feed, cut(octets, at)))
        self.assertEqual(said + stuffing.end(), stuffed(octets))

    @settings(max_examples=200, deadline=None)
    @given(OCTETS)
    def test_what_clients_read(self, octets: bytes) -> None:
        """A client that reads up to the LF gets the message back."""
        read = lines_of(stuffed(octets))
        if not octets or octets.endswith(b"\r\n"):
            self.assertEqual(read, octets)
        else:
            self.assertEqual(read, octets + b"\r\n")


class TopTests(SynchronousTestCase):
    """Header section and lines."""

    def test_lines(self) -> None:
        """The header section whole, then as many lines as asked."""
        octets = b"A: b\r\n\r\n1\r\n2\r\n3"
        for lines, expected in (
            (0, b"A: b\r\n\r\n"),
            (1, b"A: b\r\n\r\n1\r\n"),
            (2, b"A: b\r\n\r\n1\r\n2\r\n"),
            (3, octets),
            (2**32, octets),
        ):
            top = TopCut(lines)
            self.assertEqual(top.feed(octets), expected)
            self.assertEqual(top.finished, lines <= 2)

    @settings(max_examples=200, deadline=None)
    @given(OCTETS, st.integers(0, 4), st.data())
    def test_any_border(
        self, octets: bytes, lines: int, data: st.DataObject
    ) -> None:
        """A border between chunks changes nothing."""
        at = data.draw(st.integers(0, len(octets)))
        top = TopCut(lines)
        said = b""
        for chunk in cut(octets, at):
            if not top.finished:
                said += top.feed(chunk)
        self.assertEqual(said, TopCut(lines).feed(octets))

    @settings(max_examples=200, deadline=None)
    @given(OCTETS, st.data())
    def test_header_end(self, octets: bytes, data: st.DataObject) -> None:
        """The empty line is found behind any border."""
        at = data.draw(st.integers(0, len(octets)))
        whole = HeaderEnd().find(octets)
        end = HeaderEnd()
        first = end.find(octets[:at])
        if first is not None:
            self.assertEqual(first, whole)
            return
        second = end.find(octets[at:])
        self.assertEqual(None if second is None else second + at, whole)
