"""What looks at a body while it arrives."""

from __future__ import annotations

from typing import Protocol

from imailpy.message.rendition import Rendition
from imailpy.message.scanner import Scanner


class Scans(Protocol):
    """A scanner of `imailpy.message`."""

    def feed(self, octets: bytes) -> None:
        """Look at a piece."""
        ...

    def finish(self) -> Rendition:
        """Give what was found."""
        ...


def new_scanner() -> Scans:
    """Give a fresh scanner."""
    return Scanner()
