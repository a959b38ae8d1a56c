"""What is counted while octets pass: line ends, long lines, 8-bit, NUL."""

from __future__ import annotations

from typing import Final

# Octets of a line that any mail program must take [RFC5322 2.1.1].
LINE_LIMIT: Final = 998


class Measure:
    """
    Counts over octets that come in pieces.

    Attributes:
        line_ends: LFs so far.
        has_8bit: Octets over 0x7f.
        has_nul: NUL.
        last: The last two octets, or fewer at the beginning.
    """

    __slots__ = (
        "_line",
        "_longest",
        "has_8bit",
        "has_nul",
        "last",
        "line_ends",
    )

    def __init__(self) -> None:
        self.line_ends = 0
        self.has_8bit = False
        self.has_nul = False
        self.last = b""
        self._longest = LINE_LIMIT
        # Octets of the line that goes on, its CR included.
        self._line = 0

    def add(self, octets: bytes) -> None:
        """Count `octets`."""
        size = len(octets)
        if not octets.isascii():
            self.has_8bit = True
        if 0 in octets:
            self.has_nul = True
        first = octets.find(b"\n")
        if first < 0:
            self._line += size
        else:
            self.line_ends += octets.count(b"\n")
            before = octets[first - 1 : first] if first else self.last[-1:]
            length = self._line + first - (before == b"\r")
            if length > self._longest:
                self._longest = length
            if size - first > self._longest:
                self._pass_lines(octets, first + 1)
            self._line = size - 1 - octets.rfind(b"\n")
        self.last = octets[-2:] if size > 1 else (self.last + octets)[-2:]

    def _pass_lines(self, octets: bytes, start: int) -> None:
        """
        Look for a line longer than the longest.

        Whole windows of that length are passed: a line in them cannot be
        longer. So the cost is that of a search, not one step a line.
        """
        longest = self._longest
        end = len(octets) - longest
        rfind = octets.rfind
        while start < end:
            line_end = rfind(b"\n", start, start + longest + 1)
            if line_end < 0:
                line_end = octets.find(b"\n", start + longest + 1)
                if line_end < 0:
                    break
                length = line_end - start - (octets[line_end - 1] == 13)
                longest = max(longest, length)
            start = line_end + 1
        self._longest = longest

    @property
    def longest_line(self) -> int:
        """
        Octets of the longest line without its CRLF, the one that goes on
        counted as it is; 0 when none is over 998.
        """
        longest = self._longest
        if self._line > longest:
            # It goes on: a CR at its end may be that of its CRLF.
            longest = max(longest, self._line - (self.last[-1:] == b"\r"))
        return longest if longest > LINE_LIMIT else 0
