"""
Taking marks of others off a message as it arrives.

Filters and users believe `X-IMAIL-SPAM-...` fields because we write them:
what comes from a stranger must not have any. Mostly it has none, which one
look at the first piece of the message tells.

The fields are found line by line, up to the first empty line: more strictly
than any reader of the message would find them.
"""

from __future__ import annotations

from imailpy.delivery.stamps import MARK_PREFIX

_PREFIX = MARK_PREFIX.lower().encode()
# A line that has not ended after so much is passed on in pieces.
_LONGEST = 64 * 1024


class Unmarking:
    """
    Drops fields of a header section whose octets come in pieces.

    Attributes:
        done: The section is over: what comes now needs no look.
    """

    __slots__ = ("_dropping", "_held", "_inside", "done")

    def __init__(self) -> None:
        self.done = False
        self._held = b""
        self._dropping = False
        # Within a long line whose beginning has gone.
        self._inside = False

    def take(self, octets: bytes) -> bytes:
        """Take a piece; gives what may be kept by now."""
        data = self._held + octets
        self._held = b""
        if not self._inside and not self._dropping:
            end = 0 if data.startswith(b"\r\n") else data.find(b"\r\n\r\n")
            if end >= 0 and _PREFIX not in data[:end].lower():
                self.done = True
                return data
        return self._lines(data)

    def end(self) -> bytes:
        """Nothing more comes; gives what was held back."""
        held, self._held = self._held, b""
        return b"" if self._drops(held) else held

    def _lines(self, data: bytes) -> bytes:
        kept = []
        at = 0
        while at < len(data):
            newline = data.find(b"\n", at)
            if newline < 0:
                rest = data[at:]
                if not self._inside and len(rest) < _LONGEST:
                    self._held = rest
                    break
                if not (self._inside and self._dropping) and (
                    self._inside or not self._drops(rest)
                ):
                    kept.append(rest)
                self._inside = True
                break
            line = data[at : newline + 1]
            at = newline + 1
            if self._inside:
                self._inside = False
                if not self._dropping:
                    kept.append(line)
            elif line in (b"\r\n", b"\n"):
                self.done = True
                kept.append(line + data[at:])
                break
            elif not self._drops(line):
                kept.append(line)
        return b"".join(kept)

    def _drops(self, line: bytes) -> bool:
        """Whether a line belongs to such a field."""
        if not (self._dropping and line[:1] in (b" ", b"\t")):
            self._dropping = line[: len(_PREFIX)].lower() == _PREFIX
        return self._dropping
