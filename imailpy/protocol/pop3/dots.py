"""Put a message into a multi-line response [RFC1939 3]."""

from __future__ import annotations

import re

# Twice as fast as `in`, which is slow for more than one octet.
_LINE_DOT = re.compile(rb"\n\.")


class Stuffing:
    """
    Doubles the dot that begins a line, over any border between chunks.

    A bare LF counts as a line end here, though POP3 has only CRLF: clients
    read lines up to the LF, and what they would take for the end of the
    response must not come out of a message. They undo it the same way.
    """

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def feed(self, octets: bytes) -> bytes:
        """Stuff a chunk."""
        if not octets:
            return b""
        begins_line = self._tail.endswith(b"\n")
        self._tail = (self._tail + octets[-2:])[-2:]
        if _LINE_DOT.search(octets):
            octets = octets.replace(b"\n.", b"\n..")
        if begins_line and octets.startswith(b"."):
            return b"." + octets
        return octets

    def end(self) -> bytes:
        """Give the end of the response; a last line without end gets one."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"


def stuffed(octets: bytes) -> bytes:
    """Give a whole message as a multi-line response's body and end."""
    stuffing = Stuffing()
    return stuffing.feed(octets) + stuffing.end()
