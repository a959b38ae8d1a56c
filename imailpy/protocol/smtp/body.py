"""
The framing of a message that arrives [RFC5321 4.5.2] [RFC3030 2].

DATA is scanned in bulk. Only CR LF . CR LF ends it. Every `\\r\\n.` is looked
at: it is the end, or a dot that the client doubled, or its fate shows with
the next octets, and then it is kept for them. The line before the first one
counts as ended, so a message begins as if CR LF had gone before.

A bare CR or bare LF never means anything to the framing; `Content` sees
them, and NUL, and the size. It works on windows that are cut so that no
CR LF is ever split: a CR at the end waits for what follows.
"""

from __future__ import annotations

import re

from imailpy.protocol.smtp.options import LineEnds

# Octets of a `BodyChunk` at most. A normalized piece may be twice as long
# as what came, and a carry of 4 octets comes on top.
PIECE_OCTETS = 64 * 1024 + 8
# What a transport reads in one go is looked at in one go.
_TAKEN_OCTETS = PIECE_OCTETS - 8

# Twice as fast as `bytes.find`, which is slow for more than one octet.
_LINE_DOT = re.compile(rb"\r\n\.")
# Written `(?<!\r)\n` the first is twenty times slower.
_BARE_LF = re.compile(rb"\n(?<!\r\n)")
_BARE_CR = re.compile(rb"\r(?!\n)")
_BARE = re.compile(rb"\r(?!\n)|\n(?<!\r\n)")


def _mended(match: re.Match[bytes]) -> bytes:
    return b"\r\n" if match.group() == b"\n" else b" "


class Content:
    """
    What one message is made of, as far as it has come.

    Attributes:
        size_octets: Of what was kept of it.
        bare: A bare CR or bare LF was seen, and is not allowed.
        nul: A NUL was seen.
        too_big: It is over the limit.
    """

    __slots__ = ("_most", "_normalize", "bare", "nul", "size_octets",
                 "too_big")  # fmt: skip

    def __init__(self, line_ends: LineEnds, most_octets: int) -> None:
        self._normalize = line_ends is LineEnds.NORMALIZE
        self._most = most_octets
        self.size_octets = 0
        self.bare = False
        self.nul = False
        self.too_big = False

    @property
    def failed(self) -> bool:
        """Whether it cannot be taken any more."""
        return self.bare or self.nul or self.too_big

    @property
    def taken_octets(self) -> int:
        """How much to look at in one go."""
        return _TAKEN_OCTETS // 2 if self._normalize else _TAKEN_OCTETS

    def judge(self, window: bytes, end: int) -> None:
        """Look for what a message may not hold, in `window[:end]`."""
        if window.find(b"\0", 0, end) >= 0:
            self.nul = True
        if not (self._normalize or self.bare) and (
            _BARE_LF.search(window, 0, end) or _BARE_CR.search(window, 0, end)
        ):
            self.bare = True

    def keep(self, piece: bytes) -> bytes:
        """Count a piece and, if that is the policy, mend it."""
        if self._normalize and _BARE.search(piece):
            piece = _BARE.sub(_mended, piece)
        self.size_octets += len(piece)
        if self.size_octets > self._most:
            self.too_big = True
        return piece


class DataFraming:
    """
    A message by DATA: terminator and dots.

    Attributes:
        behind: Once the end was seen, how many octets of the last piece are
            behind it; before, -1.
    """

    __slots__ = ("_carry", "_content", "_first", "behind")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._carry = b"\r\n"
        self._first = True
        self.behind = -1

    def add(self, octets: bytes) -> bytes:
        """Take octets, give what they add to the message."""
        window = self._carry + octets
        pieces = []
        start = 0
        # Without a dot there is no end: base64 has none, and one octet is
        # found soon.
        dot = window.find(b".")
        at = len(window) if dot < 0 else max(dot - 2, 0)
        while True:
            found = _LINE_DOT.search(window, at)
            if found is None:
                cut = len(window)
                # The beginning of what could become one is kept.
                if window.endswith(b"\r\n"):
                    cut -= 2
                elif window.endswith(b"\r"):
                    cut -= 1
                break
            at = found.start()
            following = window[at + 3 : at + 5]
            if following == b"\r\n":
                cut = at + 2
                self.behind = len(window) - at - 5
                break
            if following in (b"", b"\r"):
                cut = at
                break
            pieces.append(window[start : at + 2])
            start = at = at + 3
        self._carry = window[cut:]
        self._content.judge(window, cut)
        pieces.append(window[start:cut])
        piece = b"".join(pieces) if len(pieces) > 1 else pieces[0]
        if self._first and piece:
            self._first = False
            piece = piece[2:]
        return self._content.keep(piece)


class ChunkFraming:
    """
    A message by BDAT: counted, dots mean nothing.

    Attributes:
        left: Octets of the running chunk that are still to come.
        last: The running chunk is the last.
        chunks: How many there were.
    """

    __slots__ = ("_carry", "_content", "chunks", "last", "left")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._carry = b""
        self.left = 0
        self.last = False
        self.chunks = 0

    def begin(self, size_octets: int, last: bool) -> None:
        """A chunk follows."""
        self.left = size_octets
        self.last = last
        self.chunks += 1

    def add(self, octets: bytes) -> bytes:
        """Take octets of the chunk, give what they add to the message."""
        self.left -= len(octets)
        window = self._carry + octets if self._carry else octets
        cut = len(window)
        # Its LF may come with the next chunk; behind the last none will.
        if window.endswith(b"\r") and (self.left or not self.last):
            cut -= 1
        self._carry = window[cut:]
        self._content.judge(window, cut)
        return self._content.keep(window[:cut] if self._carry else window)
