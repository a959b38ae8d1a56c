"""
LIST patterns: `*` stands for anything, `%` for anything but the delimiter
[RFC9051 6.3.9].

A pattern is parted at its stars into chunks, a chunk at its percent signs
into pieces. The chunk before the first star is bound to the name's begin,
the one behind the last star to its end; each between them takes the first
place where it fits. Inside a chunk each piece takes the first place too
(from the right, the last), for leaving more room can never hurt. So no
choice is ever made twice where one level is concerned; a regular expression
tries them all.
"""

from __future__ import annotations

import re

from imailpy.protocol.imap.names import DELIMITER, inbox_in_capitals

# Characters; a name has at most 1,024 octets.
MAX_PATTERN = 2048
# Wildcards that are left once those in a row are squeezed.
MAX_WILDCARDS = 32

_IN_A_ROW = re.compile(r"[*%]{2,}")


def squeeze(pattern: str) -> str:
    """Make one wildcard of those in a row: a star where there is one."""
    return _IN_A_ROW.sub(lambda m: "*" if "*" in m.group() else "%", pattern)


class Pattern:
    """
    One pattern, ready to be held against names.

    Attributes:
        text: Reference and pattern, joined and squeezed.
    """

    def __init__(
        self, pattern: str, reference: str = "", delimiter: str = DELIMITER
    ) -> None:
        self.text = inbox_in_capitals(squeeze(reference + pattern))
        self._delimiter = delimiter
        self._chunks = [chunk.split("%") for chunk in self.text.split("*")]
        # INBOX is told whatever the case [RFC9051 6.3.9].
        folded = self.text.upper()
        self._inbox = (
            Pattern(folded, delimiter=delimiter)
            if folded != self.text and "INBOX".startswith(folded[:1])
            else None
        )
        # The pieces of the usual patterns: none, or one star at the end.
        self._plain = len(self._chunks) == 1 and len(self._chunks[0]) == 1
        self._prefix = (
            self._chunks[0][0]
            if len(self._chunks) == 2
            and len(self._chunks[0]) == 1
            and self._chunks[1] == [""]
            else None
        )

    def matches(self, name: str) -> bool:
        """Whether a name is meant."""
        if self._inbox is not None and name == "INBOX":
            return self._inbox.matches(name)
        if self._plain:
            return name == self.text
        if self._prefix is not None:
            return name.startswith(self._prefix)
        return self._match(name)

    def _match(self, name: str) -> bool:
        chunks = self._chunks
        if len(chunks) == 1:
            return self._whole(chunks[0], name)
        at = self._from_left(chunks[0], name)
        end = self._from_right(chunks[-1], name)
        if at < 0 or end < at:
            return False
        for chunk in chunks[1:-1]:
            at = self._anywhere(chunk, name, at, end)
            if at < 0:
                return False
        return True

    def _whole(self, pieces: list[str], name: str) -> bool:
        """Match a pattern without stars: bound to both ends."""
        end = len(name) - len(pieces[-1])
        at = self._run(pieces[:-1], name, 0, end)
        return (
            0 <= at <= end
            and name.endswith(pieces[-1])
            and name.find(self._delimiter, at, end) < 0
        )

    def _from_left(self, pieces: list[str], name: str) -> int:
        """Match at the begin; give where the match ends, -1 for none."""
        return self._run(pieces, name, 0, len(name))

    def _run(self, pieces: list[str], name: str, at: int, end: int) -> int:
        """Match the first piece right at `at`, the others behind it."""
        if not name.startswith(pieces[0], at, max(at, end)):
            return -1
        at += len(pieces[0])
        for piece in pieces[1:]:
            at = self._next(piece, name, at, end)
            if at < 0:
                return at
        return at

    def _next(self, piece: str, name: str, at: int, end: int) -> int:
        """
        Match a piece behind a percent sign: on this level.

        Returns:
            Where it ends, or -1 - d where the delimiter at d is in the way.
        """
        stop = name.find(self._delimiter, at, end)
        if stop < 0:
            stop = end
        found = name.find(piece, at, min(end, stop + len(piece)))
        return found + len(piece) if found >= 0 else -1 - stop

    def _from_right(self, pieces: list[str], name: str) -> int:
        """Match at the end; give where the match begins, -1 for none."""
        if not name.endswith(pieces[-1]):
            return -1
        end = len(name) - len(pieces[-1])
        for piece in reversed(pieces[:-1]):
            stop = name.rfind(self._delimiter, 0, end) + 1
            end = name.rfind(piece, max(0, stop - len(piece)), end)
            if end < 0:
                return -1
        return end

    def _anywhere(
        self, pieces: list[str], name: str, at: int, end: int
    ) -> int:
        """Match the chunk at its first place from `at`; give its end."""
        crosses = any(self._delimiter in piece for piece in pieces)
        while True:
            at = name.find(pieces[0], at, end)
            if at < 0:
                return -1
            done = self._run(pieces, name, at, end)
            if done >= 0:
                return done
            # Nothing on this level can do better, unless a piece leads out
            # of it.
            at = at + 1 if crosses else -done
            if at > end:
                return -1
