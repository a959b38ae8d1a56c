"""
The spool: bodies in flight.

Each is hashed and scanned while it arrives, so that no octet is looked at
twice. Up to 64 KB it stays in memory; up to 256 KB, too, while all bodies in
memory together are few. Past that it goes to a file, which a large message
keeps: the store gives the same file a second name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from zope.interface import implementer

from imailpy.errors import StorageFull
from imailpy.interfaces.body import IBody, IIncomingBody, ISpool
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IFile, IWorld
from imailpy.message.rendition import Rendition
from imailpy.message.scanner import Scanner
from imailpy.store.bodies import CHUNK_OCTETS
from imailpy.store.settings import StoreSettings
from imailpy.store.space import Space

# Seconds between two looks at the free space for bodies that stay in memory.
_LOOK_EVERY_S = 0.1


# While all bodies in flight together are no more than this, one may stay in
# memory up to so many times its usual share: a file made and removed costs
# more than the rest of a message of 100 KB.
FEW_OCTETS = 16 * 1024 * 1024
MORE_WHILE_FEW = 4


@implementer(ISpool)
class Spool:
    """
    Bodies in flight, within a budget.

    What lies in its directory at the start belongs to nobody and goes.
    """

    def __init__(
        self, world: IWorld, settings: Provider[StoreSettings], space: Space
    ) -> None:
        self.disk = world.disk
        self._random = world.random
        self._clock = world.clock
        self._look_at = 0.0
        self.settings = settings
        self._space = space
        self.directory = f"{settings.current.directory}/spool"
        self.in_flight_octets = 0
        self.disk.make_directory(self.directory)
        for name in self.disk.list(self.directory):
            self.disk.remove(f"{self.directory}/{name}")

    def incoming(self, size_hint_octets: int | None = None) -> IIncomingBody:
        hint = size_hint_octets or 0
        self._check_budget(hint)
        self._look(hint)
        return IncomingBody(self)

    def _look(self, hint: int) -> None:
        """
        Raise `StorageFull` below the free space guard.

        It costs a system call, and the writer asks again for every group:
        for what stays in memory a look that is just past will do.
        """
        now = self._clock.monotonic()
        small = hint <= self.settings.current.spool_memory_octets
        if not small or now >= self._look_at:
            self._space.check(hint)
            self._look_at = now + _LOOK_EVERY_S

    def take(self, octets: int) -> None:
        """Count octets against the budget; raises `StorageFull`."""
        self._check_budget(octets)
        self.in_flight_octets += octets

    def give_back(self, octets: int) -> None:
        """They are no longer in flight."""
        self.in_flight_octets -= octets

    def new_path(self) -> str:
        """Give the path of a new file."""
        return f"{self.directory}/{self._random.token()}"

    def check_space(self) -> None:
        """Raise `StorageFull` below the free space guard."""
        self._space.check()

    def _check_budget(self, octets: int) -> None:
        most = self.settings.current.spool_octets
        if self.in_flight_octets + octets > most:
            raise StorageFull(f"spool budget of {most} octets is used up")


@implementer(IIncomingBody)
class IncomingBody:
    """A body that is arriving."""

    __slots__ = (
        "_chunks",
        "_digest",
        "_failed",
        "_file",
        "_most_in_memory",
        "_path",
        "_scanner",
        "_since_check",
        "_spool",
        "size_octets",
    )

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._most_in_memory = spool.settings.current.spool_memory_octets
        self._digest = hashlib.sha256()
        self._scanner = Scanner()
        self._chunks: list[bytes] = []
        self._file: IFile | None = None
        self._path = ""
        self._failed: StorageFull | None = None
        self._since_check = 0
        self.size_octets = 0

    def write(self, octets: bytes) -> None:
        if self._failed is not None:
            return
        try:
            self._spool.take(len(octets))
            self.size_octets += len(octets)
            self._keep(octets)
        except StorageFull as error:
            self._fail(error)
            raise
        except OSError as error:
            full = StorageFull(f"spool: {error}")
            self._fail(full)
            raise full from error
        self._digest.update(octets)
        self._scanner.feed(octets)

    def _keep(self, octets: bytes) -> None:
        if self._file is not None:
            self._write(octets)
            return
        self._chunks.append(octets)
        most = self._most_in_memory
        if self._spool.in_flight_octets <= FEW_OCTETS:
            most *= MORE_WHILE_FEW
        if self.size_octets > most:
            self._path = self._spool.new_path()
            self._file = self._spool.disk.create(self._path)
            chunks, self._chunks = self._chunks, []
            self._write(b"".join(chunks))

    def _write(self, octets: bytes) -> None:
        # The guard is asked once a megabyte: it costs a system call.
        self._since_check += len(octets)
        if self._since_check > 1_048_576:
            self._since_check = 0
            self._spool.check_space()
        if self._file is not None:
            self._file.write(octets)

    def finish(self) -> IBody:
        if self._failed is not None:
            raise StorageFull(self._failed.private)
        file, self._file = self._file, None
        body = SpooledBody(
            self._spool,
            file if file is not None else b"".join(self._chunks),
            self._path,
            self.size_octets,
            self._digest.digest(),
            self._scanner.finish(),
        )
        self._failed = StorageFull("finished already")
        return body

    def discard(self) -> None:
        if self._failed is None:
            self._fail(StorageFull("discarded"))

    def _fail(self, error: StorageFull) -> None:
        self._failed = error
        self._chunks.clear()
        self._spool.give_back(self.size_octets)
        if self._file is not None:
            self._file.close()
            self._file = None
            self._spool.disk.remove(self._path)

    def __del__(self) -> None:
        # A session that vanishes must not leave its file and its share of
        # the budget behind. Nobody is there to be told when that fails.
        with suppress(BaseException):
            self.discard()


@implementer(IBody)
class SpooledBody:
    """
    A body that has arrived.

    Attributes:
        octets: All of it, or None when it lies in a file.
        file: The file, open, or None.
        path: The file's name in the spool.
    """

    __slots__ = (
        "_holds",
        "_released",
        "_spool",
        "file",
        "octets",
        "path",
        "rendition",
        "sha256",
        "size_octets",
    )

    def __init__(
        self,
        spool: Spool,
        content: IFile | bytes,
        path: str,
        size_octets: int,
        sha256: bytes,
        rendition: Rendition,
    ) -> None:
        self._spool: Spool | None = spool
        self._holds = 0
        self._released = False
        self.octets = content if isinstance(content, bytes) else None
        self.file = None if isinstance(content, bytes) else content
        self.path = path
        self.size_octets = size_octets
        self.sha256 = sha256
        self.rendition: Rendition | None = rendition

    def chunks(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        size = self.size_octets
        stop = size if end is None else min(end, size)
        for at in range(start, stop, CHUNK_OCTETS):
            upto = min(at + CHUNK_OCTETS, stop)
            if self.octets is not None:
                yield self.octets[at:upto]
            elif self.file is not None:
                yield self.file.read_at(at, upto - at)
            else:
                raise ValueError("the body was released")

    def hold(self) -> None:
        """
        Another thread is about to read: `release` waits for `let_go`.

        A session may vanish while its message is on its way to the disk; a
        file closed then could be another one by the time it is read.
        """
        self._holds += 1

    def let_go(self) -> None:
        """It has read what it wanted."""
        self._holds -= 1
        if self._released:
            self.release()

    def release(self) -> None:
        self._released = True
        if self._holds:
            return
        spool, self._spool = self._spool, None
        if spool is None:
            return
        spool.give_back(self.size_octets)
        if self.file is not None:
            self.file.close()
            self.file = None
            spool.disk.remove(self.path)

    def __del__(self) -> None:
        with suppress(BaseException):
            self.release()
