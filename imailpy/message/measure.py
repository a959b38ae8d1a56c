"""What is counted while octets pass: lines, their length, 8-bit, NUL."""

from __future__ import annotations


class Measure:
    """
    Counts over octets that come in pieces.

    Attributes:
        line_ends: LFs so far.
        longest_line: Octets of the longest complete line, without CRLF.
        has_8bit: Octets over 0x7f.
        has_nul: NUL.
        last: The last two octets, or fewer at the beginning.
    """

    __slots__ = (
        "_line",
        "has_8bit",
        "has_nul",
        "last",
        "line_ends",
        "longest_line",
    )

    def __init__(self) -> None:
        self.line_ends = 0
        self.longest_line = 0
        self.has_8bit = False
        self.has_nul = False
        self.last = b""
        # Octets of the line that goes on, its CR included.
        self._line = 0

    def add(self, octets: bytes) -> None:
        """Count `octets`."""
        if not octets:
            return
        if not octets.isascii():
            self.has_8bit = True
        if b"\0" in octets:
            self.has_nul = True
        lines = octets.split(b"\n")
        if len(lines) == 1:
            self._line += len(octets)
        else:
            self._lines(lines)
        self.last = (self.last + octets[-2:])[-2:]

    def _lines(self, lines: list[bytes]) -> None:
        self.line_ends += len(lines) - 1
        first, last = lines[0], lines[-1]
        self._line += len(first)
        if first.endswith(b"\r") or (not first and self.last[-1:] == b"\r"):
            self._line -= 1
        longest = max(self.longest_line, self._line)
        if len(lines) > 2:
            lines[0] = lines[-1] = b""
            # The longest is found with its CR first: most have one.
            top = max(lines, key=len)
            if len(top) > longest:
                longest = max(longest, _without_cr(lines, len(top)))
        self.longest_line = longest
        self._line = len(last)

    def finish(self) -> None:
        """Nothing comes any more: a line that goes on ends here."""
        line = self._line - (1 if self.last[-1:] == b"\r" else 0)
        self.longest_line = max(self.longest_line, line)


def _without_cr(lines: list[bytes], longest: int) -> int:
    """Length of the longest line without its CR."""
    for line in lines:
        if len(line) == longest and not line.endswith(b"\r"):
            return longest
    return longest - 1
