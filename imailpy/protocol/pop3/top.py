"""Cut a message for TOP: its header section and some lines [RFC1939 7]."""

from __future__ import annotations

import re

_EMPTY_LINE = re.compile(rb"\n\r?\n")


class HeaderEnd:
    """Finds where the header section ends, over any border of chunks."""

    def __init__(self) -> None:
        # A message may begin with its empty line.
        self._tail = b"\n"

    def find(self, octets: bytes) -> int | None:
        """
        Look into the next chunk.

        Returns:
            How many octets of it belong to the header section, its empty
            line included; None for all of them, and more to come.
        """
        seen = self._tail + octets
        match = _EMPTY_LINE.search(seen)
        if match is not None:
            return match.end() - len(self._tail)
        self._tail = seen[-2:]
        return None


class TopCut:
    """
    Lets a header section and the first lines of the body through.

    Attributes:
        finished: Nothing more will come through: no need to read on.
    """

    def __init__(self, lines: int) -> None:
        self.finished = False
        self._lines = lines
        self._header_end: HeaderEnd | None = HeaderEnd()

    def feed(self, octets: bytes) -> bytes:
        """Give what of the next chunk comes through."""
        if self._header_end is None:
            return self._body(octets)
        size = self._header_end.find(octets)
        if size is None:
            return octets
        self._header_end = None
        return octets[:size] + self._body(octets[size:])

    def _body(self, octets: bytes) -> bytes:
        there = octets.count(b"\n")
        if there < self._lines:
            self._lines -= there
            return octets
        self.finished = True
        at = 0
        for _ in range(self._lines):
            at = octets.index(b"\n", at) + 1
        self._lines = 0
        return octets[:at]
