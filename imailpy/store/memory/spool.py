"""Bodies in flight, in memory."""

from __future__ import annotations

import hashlib

from zope.interface import implementer

from imailpy.errors import StorageFull
from imailpy.interfaces.body import IBody, IIncomingBody, ISpool
from imailpy.message.scanner import Scanner
from imailpy.store.bodies import MemoryBody


@implementer(ISpool)
class MemorySpool:
    """
    A spool without files.

    Attributes:
        most_octets: Of one body; a test lowers it to see a full disk.
    """

    def __init__(self, most_octets: int = 2**31) -> None:
        self.most_octets = most_octets

    def incoming(self, size_hint_octets: int | None = None) -> IIncomingBody:
        if (size_hint_octets or 0) > self.most_octets:
            raise StorageFull("the spool has no room")
        return _Incoming(self.most_octets)


@implementer(IIncomingBody)
class _Incoming:
    """A body that is arriving."""

    def __init__(self, most_octets: int) -> None:
        self._most = most_octets
        self._octets = bytearray()
        self._failed = False
        self._scanner = Scanner()
        self.size_octets = 0

    def write(self, octets: bytes) -> None:
        if self._failed:
            return
        self.size_octets += len(octets)
        if self.size_octets > self._most:
            self._failed = True
            self._octets.clear()
            raise StorageFull("the spool has no room")
        self._octets += octets
        self._scanner.feed(octets)

    def finish(self) -> IBody:
        if self._failed:
            raise StorageFull("the spool had no room")
        octets = bytes(self._octets)
        return MemoryBody(
            octets, self._scanner.finish(), hashlib.sha256(octets).digest()
        )

    def discard(self) -> None:
        self._octets.clear()
