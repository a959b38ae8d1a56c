"""Bodies: octets that nobody changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from zope.interface import implementer

from imailpy.interfaces.body import IBody
from imailpy.message.rendition import Rendition

CHUNK_OCTETS = 256 * 1024


@implementer(IBody)
class MemoryBody:
    """A body that is one `bytes`."""

    __slots__ = ("_sha256", "octets", "rendition", "size_octets")

    def __init__(
        self,
        octets: bytes,
        rendition: Rendition | None = None,
        sha256: bytes | None = None,
    ) -> None:
        self.octets = octets
        self.size_octets = len(octets)
        self.rendition = rendition
        self._sha256 = sha256

    @property
    def sha256(self) -> bytes:
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self.octets).digest()
        return self._sha256

    def chunks(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        octets = self.octets
        stop = len(octets) if end is None else min(end, len(octets))
        if start == 0 and stop == len(octets) <= CHUNK_OCTETS:
            if octets:
                yield octets
            return
        for at in range(start, stop, CHUNK_OCTETS):
            yield octets[at : min(at + CHUNK_OCTETS, stop)]

    def release(self) -> None:
        """Nothing to let go of."""


@implementer(IBody)
class JoinedBody:
    """A recipient's prefix, then the octets that many share."""

    __slots__ = ("_prefix", "_sha256", "_shared", "rendition", "size_octets")

    def __init__(self, prefix: bytes, shared: IBody) -> None:
        self._prefix = MemoryBody(prefix)
        self._shared = shared
        self._sha256: bytes | None = None
        self.size_octets = len(prefix) + shared.size_octets
        self.rendition: Rendition | None = None

    @property
    def sha256(self) -> bytes:
        if self._sha256 is None:
            digest = hashlib.sha256()
            for chunk in self.chunks():
                digest.update(chunk)
            self._sha256 = digest.digest()
        return self._sha256

    def chunks(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        skipped = self._prefix.size_octets
        stop = self.size_octets if end is None else min(end, self.size_octets)
        if start < skipped:
            yield from self._prefix.chunks(start, stop)
        if stop > skipped:
            yield from self._shared.chunks(
                max(start - skipped, 0), stop - skipped
            )

    def release(self) -> None:
        self._shared.release()


def octets_of(body: IBody) -> bytes:
    """All of a body; for small ones only."""
    octets: bytes | None = getattr(body, "octets", None)
    if octets is not None:
        return octets
    return b"".join(body.chunks())
