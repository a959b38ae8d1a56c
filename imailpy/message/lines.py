"""
Breaking lines that are too long for SMTP [RFC5322 2.1.1].

Only what users send is mended so, before it is signed. A line of more than
998 octets gets a line end and a blank, as Postfix does it: nothing is lost,
and base64 stays base64. It is broken at a blank where there is one in its
second half, and never inside a character of UTF-8.
"""

from __future__ import annotations

MOST_LINE = 998
_HALF = MOST_LINE // 2


class LineBreaker:
    """
    Breaks the lines of one message with CR LF at their ends, cut anywhere.

    What it gives does not depend on how the octets were cut: the line that
    is not complete yet is kept back, as far as it may not be broken yet.
    """

    def __init__(self) -> None:
        self._held = b""

    def take(self, octets: bytes) -> bytes:
        """Take more; gives what is sure by now."""
        data = self._held + octets if self._held else octets
        *lines, rest = data.split(b"\n")
        if max(map(len, lines), default=0) <= MOST_LINE:
            # Hardly ever otherwise; a CR is counted in.
            out = [data[: len(data) - len(rest)]]
        else:
            out = [_broken(line.removesuffix(b"\r")) for line in lines]
        # One more: the last octet may be the CR of its line end.
        while len(rest) > MOST_LINE + 1:
            first, rest = _parted(rest)
            out.append(first)
        self._held = rest
        return b"".join(out)

    def finish(self) -> bytes:
        """Give what was kept back."""
        held, self._held = self._held, b""
        return held if len(held) <= MOST_LINE else _broken(held)[:-2]


def _broken(line: bytes) -> bytes:
    pieces = []
    while len(line) > MOST_LINE:
        first, line = _parted(line)
        pieces.append(first)
    pieces.append(line + b"\r\n")
    return b"".join(pieces)


def _parted(line: bytes) -> tuple[bytes, bytes]:
    """Give the first line of it, its end included, and the rest."""
    at = line.rfind(b" ", _HALF, MOST_LINE)
    if at < 0:
        at = MOST_LINE
        while line[at] & 0xC0 == 0x80 and at > _HALF:
            at -= 1
    rest = line[at:]
    if not rest.startswith(b" "):
        rest = b" " + rest
    return line[:at] + b"\r\n", rest
