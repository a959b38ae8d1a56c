"""Messages that the tests scan."""

from collections.abc import Iterator
from pathlib import Path

from imailpy.message.rendition import Rendition
from imailpy.message.scanner import Scanner
from imailpy.message.structure import Structure

VECTORS = Path(__file__).parent.parent / "vectors"


def vectors() -> Iterator[tuple[str, bytes]]:
    """Give (name, octets) of every real message."""
    for path in sorted(VECTORS.glob("mime-*/**/*.eml")):
        yield str(path.relative_to(VECTORS)), path.read_bytes()


def scan(octets: bytes, cut: int | None = None) -> Rendition:
    """Scan a message, whole or in pieces of `cut` octets."""
    scanner = Scanner()
    for start in range(0, len(octets), cut or len(octets) or 1):
        scanner.feed(octets[start : start + (cut or len(octets))])
    return scanner.finish()


def structure(octets: bytes) -> Structure:
    """Give the structure of a message."""
    return Structure.unpack(scan(octets).structure)


def crlf(text: str) -> bytes:
    """Give the octets of a message written with LF in a test."""
    return text.encode().replace(b"\n", b"\r\n")
