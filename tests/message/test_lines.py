"""Lines that are too long."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.lines import MOST_LINE, LineBreaker


def broken(octets: bytes, cut: int = 10**9) -> bytes:
    breaker = LineBreaker()
    out = [
        breaker.take(octets[at : at + cut])
        for at in range(0, len(octets), cut)
    ]
    return b"".join([*out, breaker.finish()])


class LineTests(SynchronousTestCase):
    """What users send has lines that every server takes."""

    def test_short_lines_stay(self) -> None:
        """Nothing changes where no line is too long."""
        for text in (
            b"",
            b"a\r\n\r\nb",
            b"x" * 998 + b"\r\n" + b"y" * 998,
            b"x" * 998 + b"\r\n",
        ):
            for cut in (1, 7, 10**9):
                self.assertEqual(broken(text, cut), text)

    def test_long_lines(self) -> None:
        """A long line is broken, at a blank where there is one."""
        self.assertEqual(
            broken(b"x" * 1500 + b"\r\nz"),
            b"x" * 998 + b"\r\n " + b"x" * 502 + b"\r\nz",
        )
        words = b"x" * 700 + b" " + b"y" * 700 + b"\r\n"
        self.assertEqual(
            broken(words), b"x" * 700 + b"\r\n " + b"y" * 700 + b"\r\n"
        )
        self.assertEqual(broken(b"x" * 999), b"x" * 998 + b"\r\n x")

    def test_utf8_stays_whole(self) -> None:
        """No character of UTF-8 is parted."""
        for count in (997, 998):
            text = broken(b"x" * (count - 996) + "ä".encode() * 1000)
            for line in text.split(b"\r\n"):
                line.decode()

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([b"a", b" ", b"\r\n", b"\xc3\xa4"]),
                st.integers(1, 1200),
            ),
            max_size=6,
        ),
        st.sampled_from([1, 3, 997, 998, 999, 1000, 4096]),
    )
    def test_any(self, runs: list[tuple[bytes, int]], cut: int) -> None:
        """Any message comes out with short lines, and nothing is lost."""
        text = b"".join(octets * count for octets, count in runs)
        once = broken(text)
        self.assertEqual(broken(text, cut), once)
        self.assertTrue(all(len(x) <= MOST_LINE for x in once.split(b"\r\n")))
        kept = once.replace(b"\r\n", b"").replace(b" ", b"")
        self.assertEqual(kept, text.replace(b"\r\n", b"").replace(b" ", b""))
