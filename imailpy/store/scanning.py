"""What looks at a body while it arrives."""

from __future__ import annotations

from typing import Protocol

from imailpy.message.rendition import Rendition


class Scans(Protocol):
    """A scanner of `imailpy.message`."""

    def feed(self, octets: bytes) -> None:
        """Look at a piece."""
        ...

    def finish(self) -> Rendition:
        """Give what was found."""
        ...


class HeaderOnly:
    """Finds where the header section ends, and nothing else."""

    def __init__(self) -> None:
        self._head = bytearray()

    def feed(self, octets: bytes) -> None:
        if len(self._head) < 65_536:
            self._head += octets

    def finish(self) -> Rendition:
        at = self._head.find(b"\r\n\r\n")
        return Rendition(
            envelope=b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
            body=b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)',
            bodystructure=b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)',
            structure=b"",
            header_octets=at + 4 if at >= 0 else len(self._head),
            listed_fields=b"",
        )


def new_scanner() -> Scans:
    """Give a fresh scanner."""
    return HeaderOnly()
