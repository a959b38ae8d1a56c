"""
Connections to the database.

One writes and alone checkpoints. One reads in the reactor thread, one in the
reader thread; both are opened read-only after the writer. On a disk without
shared memory (the simulated one) all three are the writer's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import apsw

from imailpy.errors import StoreRefused, StoreUnavailable
from imailpy.interfaces.world import IPool, IWorld
from imailpy.store.sqlite.schema import check_schema
from imailpy.store.sqlite.version import check_version

T = TypeVar("T")

DATABASE = "mail.db"

# A write-ahead log cannot be kept safe on these: no shared memory, or locks
# and flushes that say more than they do.
_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ncpfs",
        "fuse.sshfs",
    }
)

BUSY_MS = 5000

_SAFE = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    # What a savepoint changes is noted in memory, not in a temporary file.
    "PRAGMA temp_store = MEMORY",
)


class Connections:
    """
    The three ways to the database.

    Opening the writer recovers what a crash left, and brings all of it to
    the database file: a log whose frames were never proven synced must not
    be written on [SECURITY F4].
    """

    def __init__(self, world: IWorld, directory: str) -> None:
        disk = world.disk
        check_version(apsw.sqlite_lib_version(), disk.single_connection)
        kind = disk.file_system(directory)
        if kind in _NETWORK:
            raise StoreRefused(f"{directory} is on {kind}: want a local disk")
        self.path = f"{directory}/{DATABASE}"
        self._disk = disk
        self.single = bool(disk.single_connection)
        self._check_files()
        self.writer = self._open(
            apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        )
        try:
            self._prepare_writer()
        except BaseException:
            self.writer.close()
            raise
        self.reader = self.writer
        self._long_reader = self.writer
        self._pool: IPool | None = None

    def open_readers(self, world: IWorld) -> None:
        """Open the read-only connections; the schema is there."""
        if self.single:
            return
        self.reader = self._open_reader()
        self._long_reader = self._open_reader()
        self._pool = world.threads.pool("store-reader", threads=1, queue=256)

    async def read_long(self, function: Callable[[Any], T]) -> T:
        """
        Have `function` read with a connection of its own thread.

        Raises:
            StoreUnavailable: The database could not be read.
            QueueFull: Too many are waiting.
        """
        try:
            if self._pool is None:
                return function(self._long_reader)
            waiting: Awaitable[T] = self._pool.run(function, self._long_reader)
            return await waiting
        except apsw.Error as error:
            raise StoreUnavailable(f"reading: {error!r}") from error

    async def close(self) -> None:
        """Close all; the writer last, so that the log is folded in."""
        if self._pool is not None:
            await self._pool.stop()
        for connection in (self._long_reader, self.reader, self.writer):
            connection.close()

    def wal_octets(self) -> int:
        """Length of the log file."""
        if not self._disk.exists(f"{self.path}-wal"):
            return 0
        file = self._disk.open(f"{self.path}-wal")
        try:
            return file.size()
        finally:
            file.close()

    def _check_files(self) -> None:
        """Refuse what somebody else planted under our names [B12.4]."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            path = self.path + suffix
            if not self._disk.exists(path):
                continue
            try:
                self._disk.open(path, writable=True).close()
            except OSError as error:
                raise StoreRefused(f"{path}: {error}") from error
        if not self._disk.exists(self.path):
            # SQLite would take its mode from the umask, and gives that of
            # the database to the log.
            self._disk.create(self.path).close()

    def _open(self, flags: int) -> Any:
        vfs = self._disk.sqlite_vfs
        return apsw.Connection(
            self.path, flags=flags, vfs=vfs, statementcachesize=300
        )

    def _open_reader(self) -> Any:
        connection = self._open(apsw.SQLITE_OPEN_READONLY)
        for pragma in _SAFE:
            connection.execute(pragma)
        connection.wal_autocheckpoint(0)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA cache_size = -8000")
        return connection

    def _prepare_writer(self) -> None:
        writer = self.writer
        if self.single:
            writer.execute("PRAGMA locking_mode = EXCLUSIVE")
        for pragma in _SAFE:
            writer.execute(pragma)
        check_schema(writer)
        writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
        if writer.execute("PRAGMA journal_mode = WAL").get != "wal":
            raise StoreRefused(f"{self.path}: WAL mode is not to be had")
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("PRAGMA cache_size = -16000")
        writer.wal_autocheckpoint(0)
        # Raises when a frame could not be brought in or a reader hinders it:
        # then this is not the moment to begin.
        writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
