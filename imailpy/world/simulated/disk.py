"""
A disk with two images.

The *volatile* image is what running processes see; the *durable* one is what
a power cut leaves. A write is volatile until its file is synced; a name is
volatile until its directory is. At a power cut the seed chooses, for every
unsynced write, whether it is kept, lost, or torn at a sector border, in any
order; names likewise.
"""

from __future__ import annotations

import errno
import os.path
import random
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from zope.interface import implementer

from imailpy.interfaces.world import IDisk, IFile
from imailpy.world.simulated.agenda import Agenda, Crashed

SECTOR = 512


@define(eq=False)
class Inode:
    """A file's content in both images, and what lies between them."""

    volatile: bytearray = field(factory=bytearray)
    durable: bytearray = field(factory=bytearray)
    # (offset, octets) of a write, (size, None) of a truncation.
    unsynced: list[tuple[int, bytes | None]] = field(factory=list)

    def write(self, offset: int, octets: bytes) -> None:
        """Write in the volatile image."""
        _apply(self.volatile, offset, octets)
        self.unsynced.append((offset, octets))

    def truncate(self, size_octets: int) -> None:
        """Cut or grow the volatile image."""
        _apply(self.volatile, size_octets, None)
        self.unsynced.append((size_octets, None))

    def sync(self) -> None:
        """Make durable what was written since the last try."""
        for offset, octets in self.unsynced:
            _apply(self.durable, offset, octets)
        self.unsynced.clear()

    def sync_failed(self) -> None:
        """
        What was to be synced is seen by readers until the power goes, and
        no later sync writes it: the pages count as clean [SECURITY F4].
        """
        self.unsynced.clear()

    def power_cut(self, chance: random.Random) -> None:
        """Keep a choice of what was not synced."""
        for offset, octets in self.unsynced:
            kept = chance.random()
            if kept < 0.4:
                continue
            if octets is not None and kept > 0.85 and len(octets) > SECTOR:
                sectors = chance.randrange(1, len(octets) // SECTOR + 1)
                octets = octets[: sectors * SECTOR]
            _apply(self.durable, offset, octets)
        self.volatile = bytearray(self.durable)
        self.unsynced.clear()


def _apply(image: bytearray, at: int, octets: bytes | None) -> None:
    if octets is None:
        if len(image) > at:
            del image[at:]
        else:
            image.extend(bytes(at - len(image)))
        return
    if len(image) < at:
        image.extend(bytes(at - len(image)))
    image[at : at + len(octets)] = octets


# One step of a directory: names that come and names that go, at once.
Step = tuple[dict[str, Inode], tuple[str, ...]]


@define(eq=False)
class Directory:
    """Names in both images."""

    volatile: dict[str, Inode] = field(factory=dict)
    durable: dict[str, Inode] = field(factory=dict)
    unsynced: list[Step] = field(factory=list)

    def change(self, come: dict[str, Inode], go: tuple[str, ...] = ()) -> None:
        """Take one step in the volatile image."""
        _take(self.volatile, (come, go))
        self.unsynced.append((come, go))

    def sync(self) -> None:
        """Make all names durable."""
        self.durable = dict(self.volatile)
        self.unsynced.clear()

    def power_cut(self, chance: random.Random) -> None:
        """Keep a choice of the steps that were not synced."""
        for step in self.unsynced:
            if chance.random() < 0.5:
                _take(self.durable, step)
        self.volatile = dict(self.durable)
        self.unsynced.clear()


def _take(names: dict[str, Inode], step: Step) -> None:
    come, go = step
    for name in go:
        names.pop(name, None)
    names.update(come)


class Platter:
    """
    What outlives a process: directories and their files.

    Attributes:
        capacity_octets: Of the whole disk.
        fault: Called with (operation, path) before each change; may raise
            `OSError` to make it fail.
    """

    def __init__(self, capacity_octets: int = 1 << 40) -> None:
        self.directories: dict[str, Directory] = {"/": Directory()}
        self.capacity_octets = capacity_octets
        self.fault: Callable[[str, str], None] = lambda operation, path: None
        self.locks: dict[str, Any] = {}

    def used_octets(self) -> int:
        """What the files hold together."""
        inodes = {
            id(inode): inode
            for directory in self.directories.values()
            for inode in directory.volatile.values()
        }
        return sum(len(inode.volatile) for inode in inodes.values())

    def power_cut(self, chance: random.Random) -> None:
        """Only the durable image, and a choice of the rest, is left."""
        inodes: dict[int, Inode] = {}
        for path in sorted(self.directories):
            directory = self.directories[path]
            for names in (directory.volatile, directory.durable):
                for name in sorted(names):
                    inodes.setdefault(id(names[name]), names[name])
        for inode in inodes.values():
            inode.power_cut(chance)
        for path in sorted(self.directories):
            self.directories[path].power_cut(chance)


@implementer(IFile)
class SimulatedFile:
    """An open file of one process."""

    def __init__(self, disk: SimulatedDisk, path: str, inode: Inode) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode

    def write(self, octets: bytes) -> None:
        self._disk.touch("write", self._path, len(octets))
        self._inode.write(len(self._inode.volatile), bytes(octets))

    def read_at(self, offset: int, size_octets: int) -> bytes:
        self._disk.look()
        return bytes(self._inode.volatile[offset : offset + size_octets])

    def sync(self) -> None:
        self._disk.sync_inode(self._path, self._inode)

    def size(self) -> int:
        return len(self._inode.volatile)

    def truncate(self, size_octets: int) -> None:
        self._disk.touch("truncate", self._path)
        self._inode.truncate(size_octets)

    def close(self) -> None:
        """Says nothing about durability, here as elsewhere."""


class _Lock:
    def __init__(self, platter: Platter, path: str) -> None:
        self._platter = platter
        self._path = path

    def release(self) -> None:
        self._platter.locks.pop(self._path, None)


@implementer(IDisk)
class SimulatedDisk:
    """One process's view of a platter."""

    single_connection = True

    def __init__(self, agenda: Agenda, process: Any, platter: Platter) -> None:
        self._agenda = agenda
        self._process = process
        self.platter = platter
        self.sqlite_vfs: str | None = None

    def look(self) -> None:
        """Nothing is read by a process that is no more."""
        if not self._process.alive:
            raise Crashed

    def touch(self, operation: str, path: str, octets: int = 0) -> None:
        """Note a change in the trace, unless it cannot be made."""
        self.look()
        self.platter.fault(operation, path)
        self.look()
        free = self.platter.capacity_octets - octets
        if octets and free < 1 << 39 and self.platter.used_octets() > free:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        name = os.path.basename(path)
        self._agenda.note(f"{self._process.name} {operation} {name} {octets}")

    def sync_inode(self, path: str, inode: Inode) -> None:
        """Sync one file."""
        try:
            self.touch("sync", path)
        except OSError:
            inode.sync_failed()
            raise
        inode.sync()

    def _directory(self, path: str) -> Directory:
        try:
            return self.platter.directories[os.path.dirname(path)]
        except KeyError:
            raise FileNotFoundError(
                errno.ENOENT, "No such file or directory", path
            ) from None

    def inode(self, path: str) -> Inode:
        """The file at a path."""
        try:
            return self._directory(path).volatile[os.path.basename(path)]
        except KeyError:
            raise FileNotFoundError(
                errno.ENOENT, "No such file or directory", path
            ) from None

    def make_directory(self, path: str) -> None:
        self.touch("mkdir", path)
        while path not in self.platter.directories:
            self.platter.directories[path] = Directory()
            path = os.path.dirname(path)

    def create(self, path: str) -> SimulatedFile:
        self.touch("create", path)
        directory = self._directory(path)
        name = os.path.basename(path)
        if name in directory.volatile:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        inode = Inode()
        directory.change({name: inode})
        return SimulatedFile(self, path, inode)

    def open(self, path: str, *, writable: bool = False) -> SimulatedFile:
        self.look()
        return SimulatedFile(self, path, self.inode(path))

    def read(self, path: str) -> bytes:
        self.look()
        return bytes(self.inode(path).volatile)

    def read_foreign(
        self, path: str, most_octets: int = 1 << 20, *, private: bool = False
    ) -> bytes:
        octets = self.read(path)
        if len(octets) > most_octets:
            raise OSError(errno.EFBIG, "too large", path)
        return octets

    def replace(self, path: str, octets: bytes) -> None:
        new = f"{path}.new"
        if self.exists(new):
            self.remove(new)
        file = self.create(new)
        file.write(octets)
        file.sync()
        self.rename(new, path)
        self.sync_directory(os.path.dirname(path))

    def rename(self, old: str, new: str) -> None:
        self.touch("rename", new)
        inode = self.inode(old)
        source, target = self._directory(old), self._directory(new)
        old, new = os.path.basename(old), os.path.basename(new)
        if source is target:
            source.change({new: inode}, (old,))
        else:
            target.change({new: inode})
            source.change({}, (old,))

    def link(self, old: str, new: str) -> None:
        self.touch("link", new)
        if self.exists(new):
            raise FileExistsError(errno.EEXIST, "File exists", new)
        inode = self.inode(old)
        self._directory(new).change({os.path.basename(new): inode})

    def remove(self, path: str) -> None:
        self.touch("remove", path)
        self.inode(path)
        self._directory(path).change({}, (os.path.basename(path),))

    def list(self, path: str) -> Sequence[str]:
        self.look()
        return sorted(self._directory(f"{path}/x").volatile)

    def exists(self, path: str) -> bool:
        if path in self.platter.directories:
            return True
        try:
            self.inode(path)
        except FileNotFoundError:
            return False
        return True

    def sync_directory(self, path: str) -> None:
        self.touch("syncdir", path)
        self._directory(f"{path}/x").sync()

    def free_octets(self, path: str) -> int:
        return self.platter.capacity_octets - self.platter.used_octets()

    def total_octets(self, path: str) -> int:
        return self.platter.capacity_octets

    def file_system(self, path: str) -> str:
        return "simulated"

    def check_private(self, path: str) -> None:
        """Nobody else is on this machine."""

    def lock(self, path: str) -> Any:
        self.look()
        holder = self.platter.locks.get(path)
        if holder is not None and holder.alive:
            raise BlockingIOError(errno.EAGAIN, "locked", path)
        self.platter.locks[path] = self._process
        return _Lock(self.platter, path)
