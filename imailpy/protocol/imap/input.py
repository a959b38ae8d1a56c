"""What came from the client and was not read yet."""

from __future__ import annotations

# More than this waiting asks the listener to stop reading: the largest
# command fits, and with what is under way it all stays below 1 MB.
ENOUGH = 128 * 1024


class LineTooLong(Exception):
    """No line end within what may be one line; nothing was taken."""


class Input:
    """Octets in, lines or runs of octets out. Each octet is scanned once."""

    __slots__ = ("_octets", "_scanned")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._scanned = 0

    def __len__(self) -> int:
        return len(self._octets)

    def receive(self, octets: bytes) -> None:
        """Add what came."""
        self._octets += octets

    def clear(self) -> None:
        """Forget it all."""
        self._octets = bytearray()
        self._scanned = 0

    def head(self, size_octets: int) -> bytes:
        """Look at the first octets, without taking them."""
        return bytes(self._octets[:size_octets])

    def line(self, most: int) -> bytes | None:
        """
        Take one line with its LF.

        Args:
            most: Octets it may have, line end not counted.

        Returns:
            None when it is not complete yet.

        Raises:
            LineTooLong.
        """
        at = self._octets.find(b"\n", self._scanned, most + 2)
        if at < 0:
            if len(self._octets) >= most + 2:
                raise LineTooLong
            self._scanned = len(self._octets)
            return None
        return self.take(at + 1)

    def take(self, most: int) -> bytes:
        """Take up to `most` octets."""
        octets = bytes(self._octets[:most])
        del self._octets[:most]
        self._scanned = 0
        return octets

    def drop(self, most: int) -> int:
        """Forget up to `most` octets; give how many."""
        dropped = min(most, len(self._octets))
        del self._octets[:dropped]
        self._scanned = 0
        return dropped

    def drop_line(self, kept: int) -> tuple[bytes, bool]:
        """
        Forget up to the end of this line, or all there is.

        Returns:
            At most `kept` of the last octets forgotten; whether the line
            ended.
        """
        at = self._octets.find(b"\n")
        end = len(self._octets) if at < 0 else at + 1
        tail = bytes(self._octets[max(0, end - kept) : end])
        self.drop(end)
        return tail, at >= 0
