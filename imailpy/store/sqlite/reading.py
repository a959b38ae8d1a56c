"""Bodies at rest, read in the reactor thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from zope.interface import implementer

from imailpy.errors import StoreUnavailable
from imailpy.interfaces.body import IBody
from imailpy.message.rendition import Rendition
from imailpy.store.sqlite.segments import OpenSegment


@implementer(IBody)
class SegmentBody:
    """
    A body in a segment file.

    The open file is the reader's lease: a segment may be compacted or
    removed meanwhile, the octets stay until nobody holds this body.

    Args:
        verify: Hash what is read whole, and keep back the last piece until
            the hash is right.
        damaged: Told when octets are not what they were.
    """

    __slots__ = (
        "_damaged",
        "_offset",
        "_segment",
        "_verify",
        "rendition",
        "sha256",
        "size_octets",
    )

    def __init__(
        self,
        segment: OpenSegment,
        offset: int,
        size_octets: int,
        sha256: bytes,
        verify: bool,
        damaged: Callable[[str], None],
    ) -> None:
        self._segment = segment
        self._offset = offset
        self._verify = verify
        self._damaged = damaged
        self.size_octets = size_octets
        self.sha256 = sha256
        self.rendition: Rendition | None = None

    def chunks(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        stop = self.size_octets if end is None else min(end, self.size_octets)
        if start >= stop:
            return
        whole = start == 0 and stop == self.size_octets
        pieces = self._segment.chunks(self._offset + start, stop - start)
        if self._verify and whole:
            yield from self._verified(pieces)
            return
        missing = stop - start
        for piece in pieces:
            missing -= len(piece)
            yield piece
        if missing:
            self._refuse()

    def _verified(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        held = b""
        for piece in pieces:
            if held:
                yield held
            digest.update(piece)
            held = piece
        if digest.digest() != self.sha256:
            self._refuse()
        yield held

    def _refuse(self) -> None:
        self._damaged(self.sha256.hex())
        raise StoreUnavailable(f"body {self.sha256.hex()} is damaged")

    def release(self) -> None:
        """The file is closed when nobody holds this body."""
