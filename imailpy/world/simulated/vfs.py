"""
SQLite on a simulated disk: an apsw VFS.

It offers no shared memory, so a database is opened by one connection in
exclusive locking mode; locks are therefore granted without asking.
"""

from __future__ import annotations

import os.path
import random
from typing import Any

import apsw

from imailpy.world.simulated.agenda import EPOCH, Agenda
from imailpy.world.simulated.disk import SECTOR, Inode, SimulatedDisk

_JULIAN_1970 = 2440587.5


class SimulatedVfsFile:
    """A database, WAL or journal that SQLite has open."""

    def __init__(
        self, disk: SimulatedDisk, process: Any, path: str, inode: Inode
    ) -> None:
        self._disk = disk
        self._process = process
        self._path = path
        self._inode = inode

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._inode.volatile[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._process.alive:
            self._try("write", len(data))
            self._inode.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        if self._process.alive:
            self._try("truncate", 0)
            self._inode.truncate(size)

    def xSync(self, flags: int) -> None:
        if self._process.alive:
            try:
                self._disk.sync_inode(self._path, self._inode)
            except OSError as error:
                failed = apsw.IOError(str(error))
                failed.extendedresult = (  # type: ignore[attr-defined]
                    apsw.SQLITE_IOERR_FSYNC
                )
                raise failed from None
            # SQLite's own VFS syncs a new file's directory here as well.
            self._disk.sync_directory(os.path.dirname(self._path))

    def _try(self, operation: str, octets: int) -> None:
        try:
            self._disk.touch(operation, self._path, octets)
        except OSError as error:
            if operation == "write" and error.errno == 28:
                raise apsw.FullError(str(error)) from None
            raise apsw.IOError(str(error)) from None

    def xFileSize(self) -> int:
        return len(self._inode.volatile)

    def xLock(self, level: int) -> None:
        """One connection, exclusive: there is nobody to ask."""

    def xUnlock(self, level: int) -> None:
        """Likewise."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xClose(self) -> None:
        """Nothing is kept open."""


class SimulatedVfs(apsw.VFS):
    """Files of one process for SQLite."""

    def __init__(
        self, agenda: Agenda, process: Any, disk: SimulatedDisk, seed: str
    ) -> None:
        self.name = f"simulated-{id(process)}-{process.name}"
        self._agenda = agenda
        self._process = process
        self._disk = disk
        self._random = random.Random(f"vfs {seed}")
        self._temporary = 0
        super().__init__(self.name, base="")

    def xFullPathname(self, name: str) -> str:
        return os.path.normpath(name)

    def xAccess(self, pathname: str, flags: int) -> bool:
        return self._disk.exists(pathname)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if self._process.alive and self._disk.exists(filename):
            self._disk.remove(filename)
            if syncdir:
                self._disk.sync_directory(os.path.dirname(filename))

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        if name is None:
            path, inode = "temporary", Inode()
        else:
            path = name.filename() if hasattr(name, "filename") else name
            if not self._disk.exists(path):
                if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                    raise apsw.CantOpenError(path)
                self._disk.create(path)
            inode = self._disk.inode(path)
        flags[1] = flags[0]
        return SimulatedVfsFile(self._disk, self._process, path, inode)

    def xRandomness(self, numbytes: int) -> bytes:
        return self._random.randbytes(numbytes)

    def xSleep(self, microseconds: int) -> int:
        return microseconds

    def xCurrentTime(self) -> float:
        seconds = EPOCH + self._agenda.elapsed_s
        return _JULIAN_1970 + seconds / 86400

    def xCurrentTimeInt64(self) -> int:
        return int(self.xCurrentTime() * 86400000)

    def xGetLastError(self) -> tuple[int, str]:
        return (0, "")

    def xDlOpen(self, filename: str) -> int:
        return 0

    def xDlError(self) -> str:
        return "no extensions here"
