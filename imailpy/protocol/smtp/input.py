"""What has come from the peer and was not read yet."""

from __future__ import annotations


class Input:
    """
    Octets in order, read by lines or by counts.

    What comes while nothing is being read is collected apart, so that
    neither a large piece nor many small ones are copied again and again.
    """

    __slots__ = ("_at", "_late", "_octets")

    def __init__(self) -> None:
        self._octets = b""
        self._at = 0
        self._late = bytearray()

    def add(self, octets: bytes) -> None:
        """Take more."""
        if self._late or self._at < len(self._octets):
            self._late += octets
        else:
            self._octets = octets
            self._at = 0

    def clear(self) -> None:
        """Forget all of it."""
        self._octets = b""
        self._at = 0
        self._late.clear()

    @property
    def empty(self) -> bool:
        """Whether all was read."""
        return self._at == len(self._octets) and not self._late

    def __len__(self) -> int:
        return len(self._octets) - self._at + len(self._late)

    def line(self) -> bytes | None:
        """Take a line, without its CRLF; None when there is none yet."""
        if self._late:
            self._gather()
        end = self._octets.find(b"\r\n", self._at)
        if end < 0:
            return None
        line = self._octets[self._at : end]
        self._at = end + 2
        return line

    def take(self, most: int) -> bytes:
        """Take `most` octets, or what there is."""
        if self._late:
            self._gather()
        at = self._at
        octets = self._octets[at : at + most]
        self._at = at + len(octets)
        return octets

    def give_back(self, count: int) -> None:
        """The last `count` octets of the last `take` are to be read again."""
        self._at -= count

    def _gather(self) -> None:
        self._octets = self._octets[self._at :] + bytes(self._late)
        self._late.clear()
        self._at = 0
