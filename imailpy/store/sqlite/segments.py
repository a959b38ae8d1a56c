"""
Segment files: where larger bodies lie.

    header   64 octets: "imailpy segment 1\\n", padded with NUL
    entry    48 octets: "imsg", four NUL, length (8, big endian), SHA-256
             then the body

Files are only ever appended to, and synced before the row that names them is
committed; the database alone says what is in them. A crash leaves octets that
nothing refers to. The last segment is sealed at every start, and after any
failed write: nothing is ever appended behind a tail that was not proven
synced.

A body over 1 MB is a file of its own, without header or entry: the spool's
file under a second name.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from weakref import WeakValueDictionary

from attrs import frozen

from imailpy.interfaces.body import IBody
from imailpy.interfaces.world import IFile, IWorld
from imailpy.store.bodies import CHUNK_OCTETS
from imailpy.store.sqlite.faults import FlushFailed

HEADER = b"imailpy segment 1\n".ljust(64, b"\0")
_ENTRY = struct.Struct(">4s4xQ32s")
_MARK = b"imsg"
ENTRY_OCTETS = _ENTRY.size

# Open files kept for the next reader.
_FILES_KEPT = 64


@frozen
class Place:
    """
    Where a body was put before the transaction that names it.

    Attributes:
        octets: Of a body that will lie in the database; else None.
        segment: Name of the file.
        offset: Of the body in it.
        own: The file holds nothing else.
    """

    octets: bytes | None = None
    segment: str = ""
    offset: int = 0
    own: bool = False


class OpenSegment:
    """A segment open for reading; closed when nobody reads it any more."""

    __slots__ = ("__weakref__", "file")

    def __init__(self, file: IFile) -> None:
        self.file = file

    def chunks(self, offset: int, size_octets: int) -> Iterator[bytes]:
        """Octets in pieces of 256 KB at most; shorter if the file is."""
        while size_octets > 0:
            piece = self.file.read_at(offset, min(size_octets, CHUNK_OCTETS))
            if not piece:
                return
            yield piece
            offset += len(piece)
            size_octets -= len(piece)

    def __del__(self) -> None:
        # A reader may outlive the segment: an unlinked file lasts as long
        # as it is open, so this is the reader's lease.
        self.file.close()


class Segments:
    """The segment files of one store."""

    def __init__(
        self, world: IWorld, directory: str, segment_octets: int
    ) -> None:
        self._world = world
        self._disk = world.disk
        self.directory = f"{directory}/segments"
        self._most = segment_octets
        self._disk.make_directory(self.directory)
        # Used by the writer thread alone.
        self._file: IFile | None = None
        self.name = ""
        self.end = 0
        self._unsynced = False
        # Used by the reactor thread alone.
        self._open: WeakValueDictionary[str, OpenSegment] = (
            WeakValueDictionary()
        )
        self._kept: OrderedDict[str, OpenSegment] = OrderedDict()

    # --- writing

    def append(
        self, chunks: Iterable[bytes], size_octets: int, sha256: bytes
    ) -> Place:
        """
        Append a body; it is not durable before `sync`.

        Raises:
            OSError: Nothing refers to what was written; the segment is left
                as it is and the next body begins a new one.
        """
        try:
            if self._file is None or self.end >= self._most:
                self._begin()
            return self._append(chunks, size_octets, sha256)
        except OSError:
            self.seal()
            raise

    def _append(
        self, chunks: Iterable[bytes], size_octets: int, sha256: bytes
    ) -> Place:
        if self._file is None:
            raise ValueError("no segment is open")
        entry = _ENTRY.pack(_MARK, size_octets, sha256)
        # One write for what is mostly one or two pieces.
        self._file.write(entry + b"".join(chunks))
        self._unsynced = True
        offset = self.end + ENTRY_OCTETS
        self.end = offset + size_octets
        self._world.fault_point("store.after_segment_append")
        return Place(segment=self.name, offset=offset)

    def _begin(self) -> None:
        """Create the next segment: file and directory entry are durable."""
        self.seal()
        name = f"{self._world.random.token()}.seg"
        path = f"{self.directory}/{name}"
        file = self._disk.create(path)
        self._world.fault_point("store.after_segment_create")
        try:
            file.write(HEADER)
        except OSError:
            file.close()
            self._disk.remove(path)
            raise
        self._flush(file)
        self._flush_directory()
        self._file, self.name, self.end = file, name, len(HEADER)

    def sync(self) -> None:
        """
        Make what was appended durable.

        Raises:
            FlushFailed: The process must end.
        """
        if self._unsynced and self._file is not None:
            self._world.fault_point("store.before_segment_sync")
            self._flush(self._file)
            self._unsynced = False
            self._world.fault_point("store.after_segment_sync")

    def seal(self) -> None:
        """
        Never append to the present segment again.

        What this group put there before is made durable first.

        Raises:
            FlushFailed: The process must end.
        """
        self.sync()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def own(self, body: IBody, path: str | None) -> Place:
        """
        Give a large body a file of its own; may run in any thread.

        Args:
            path: The spool's file that holds it, if one does.

        Raises:
            OSError: Nothing is left behind.
            FlushFailed: The process must end.
        """
        name = f"{self._world.random.token()}.body"
        target = f"{self.directory}/{name}"
        if path is None:
            self._write_own(body, target)
        else:
            self._link_own(path, target)
        self._world.fault_point("store.before_own_directory_sync")
        self._flush_directory()
        self._world.fault_point("store.after_own_directory_sync")
        return Place(segment=name, own=True)

    def _link_own(self, path: str, target: str) -> None:
        # For reading: it may have a second name already, as the body of
        # another copy, and then the disk lets nobody write to it.
        file = self._disk.open(path)
        try:
            self._flush(file)
        finally:
            file.close()
        self._world.fault_point("store.before_own_link")
        self._disk.link(path, target)

    def _write_own(self, body: IBody, target: str) -> None:
        file = self._disk.create(target)
        try:
            for chunk in body.chunks():
                file.write(chunk)
            self._flush(file)
        except OSError:
            self._disk.remove(target)
            raise
        finally:
            file.close()

    def _flush(self, file: IFile) -> None:
        try:
            file.sync()
        except OSError as error:
            raise FlushFailed(f"segment: {error}") from error

    def _flush_directory(self) -> None:
        try:
            self._disk.sync_directory(self.directory)
        except OSError as error:
            raise FlushFailed(f"segment directory: {error}") from error

    # --- reading, in the reactor thread

    def reader(self, name: str) -> OpenSegment:
        """Open for reading; `FileNotFoundError` when it is gone."""
        found = self._open.get(name)
        if found is None:
            found = OpenSegment(self._disk.open(f"{self.directory}/{name}"))
            self._open[name] = found
        self._kept[name] = found
        self._kept.move_to_end(name)
        if len(self._kept) > _FILES_KEPT:
            self._kept.popitem(last=False)
        return found

    def open_alone(self, name: str) -> OpenSegment:
        """Open for reading in another thread."""
        return OpenSegment(self._disk.open(f"{self.directory}/{name}"))

    def forget(self, name: str) -> None:
        """Keep no file open for later."""
        self._kept.pop(name, None)

    # --- what is there

    def names(self) -> list[str]:
        """Files in the directory."""
        return list(self._disk.list(self.directory))

    def remove(self, name: str) -> None:
        """Remove a file that no row names; who reads it keeps it open."""
        if self._disk.exists(f"{self.directory}/{name}"):
            self._disk.remove(f"{self.directory}/{name}")

    def size_of(self, name: str) -> int:
        """Octets of a file."""
        reader = self.open_alone(name)
        return reader.file.size()

    def entry_sha256(self, reader: OpenSegment, offset: int) -> bytes | None:
        """Give the SHA-256 in the entry of the body at `offset`."""
        raw = reader.file.read_at(offset - ENTRY_OCTETS, ENTRY_OCTETS)
        if len(raw) != ENTRY_OCTETS:
            return None
        mark, _, sha256 = _ENTRY.unpack(raw)
        return bytes(sha256) if mark == _MARK else None

    def close(self) -> None:
        """Let go of files; what was not synced has no row."""
        self._unsynced = False
        self.seal()
        self._kept.clear()
