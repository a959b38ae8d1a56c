"""
`decisions.db`: entries in blocks, and keys to the blocks.

A block holds what was told within one moment, compressed together: entries
that are much alike take a few dozen octets each. A key (an id or address) is
a number of 64 bits; which entry of the block it was shows when it is read.

Used by one thread alone. What goes wrong is `apsw.Error` or `OSError`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import apsw

from imailpy.history.lines import Block, entries_of, keys_of
from imailpy.interfaces.world import IDisk

DATABASE = "decisions.db"

_LEVEL = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY,
    first_at REAL NOT NULL,
    last_at REAL NOT NULL,
    lines INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS keys (
    key INTEGER NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (key, block)
) STRICT, WITHOUT ROWID;
"""
_VERSION = 1


class NotOurs(OSError):
    """The file is of a later version."""


def number(key: str) -> int:
    """Give the number that stands for a key."""
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Database:
    """An open database; made where it is missing."""

    def __init__(self, disk: IDisk, directory: str) -> None:
        self._disk = disk
        self.path = f"{directory}/{DATABASE}"
        if not disk.exists(self.path):
            # SQLite would take its mode from the umask.
            disk.create(self.path).close()
        self._connection: Any = apsw.Connection(
            self.path,
            flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
            vfs=disk.sqlite_vfs,
        )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        # One connection, one thread: no shared memory is needed, so it is
        # the same on every disk.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA cell_size_check = ON")
        run("PRAGMA temp_store = MEMORY")
        run("PRAGMA cache_size = -8000")
        run("PRAGMA journal_mode = WAL")
        # The last moments may be lost in a power cut; the file stays whole.
        run("PRAGMA synchronous = NORMAL")
        version = run("PRAGMA user_version").get
        if version > _VERSION:
            raise NotOurs(f"{self.path} is of a later version")
        with self._connection:
            run(_SCHEMA)
            run(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Close; the log is folded in."""
        self._connection.close()

    # Writing

    def write(self, blocks: Sequence[Block]) -> None:
        """Keep blocks, in the order in which they came."""
        with self._connection:
            for block in blocks:
                self._write_block(block)

    def _write_block(self, block: Block) -> None:
        self._connection.execute(
            "INSERT INTO blocks (first_at, last_at, lines, body)"
            " VALUES (?, ?, ?, ?)",
            (
                block.first_at,
                block.last_at,
                block.count,
                zlib.compress(block.text.encode("utf-8", "replace"), _LEVEL),
            ),
        )
        number_of_it = self._connection.last_insert_rowid()
        self._connection.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, ?)",
            [(key, number_of_it) for key in sorted(map(number, block.keys))],
        )

    def prune(self, before: float, most_octets: int, most: int = 20) -> bool:
        """
        Remove the oldest blocks, `most` of them at a time.

        Args:
            before: Those that ended before then.
            most_octets: As much as is over this.

        Returns:
            Whether there is more to be removed.
        """
        removed = 0
        rows = self._connection.execute(
            "SELECT id, last_at, body FROM blocks ORDER BY id LIMIT ?",
            (most,),
        ).fetchall()
        for block, last_at, body in rows:
            if last_at >= before and self.octets() <= most_octets:
                return False
            with self._connection:
                self._connection.executemany(
                    "DELETE FROM keys WHERE key = ? AND block = ?",
                    [(number(key), block) for key in sorted(_keys_in(body))],
                )
                self._connection.execute(
                    "DELETE FROM blocks WHERE id = ?", (block,)
                )
            removed += 1
        return removed == most

    # Reading

    def find(self, key: str, since: float, most: int) -> list[dict[str, Any]]:
        """Give the newest entries with a key, the oldest of them first."""
        key = key.strip("<>").lower()
        bodies = self._connection.execute(
            "SELECT body FROM keys JOIN blocks ON blocks.id = keys.block"
            " WHERE key = ? AND last_at >= ? ORDER BY block DESC",
            (number(key), since),
        )
        found: list[dict[str, Any]] = []
        for (body,) in bodies:
            for entry in _entries(body):
                if entry["at"] >= since and key in keys_of(entry):
                    found.append(entry)
            if len(found) >= most:
                break
        return found[:most][::-1]

    def envelopes(self, since: float, most: int) -> list[dict[str, Any]]:
        """Give the newest passages with a reverse-path, oldest first."""
        bodies = self._connection.execute(
            "SELECT body FROM blocks WHERE last_at >= ? ORDER BY id DESC",
            (since,),
        )
        found: list[dict[str, Any]] = []
        for (body,) in bodies:
            for entry in _entries(body):
                if entry["at"] >= since and _has_sender(entry):
                    found.append(entry)
            if len(found) >= most:
                break
        return found[:most][::-1]

    def octets(self) -> int:
        """What is in use of the file."""
        run = self._connection.execute
        used = run("PRAGMA page_count").get - run("PRAGMA freelist_count").get
        return int(used * run("PRAGMA page_size").get)

    def lines(self) -> int:
        """How many entries there are."""
        count = self._connection.execute("SELECT sum(lines) FROM blocks").get
        return int(count or 0)


def _has_sender(entry: dict[str, Any]) -> bool:
    return any(step["stage"] == "mail" for step in entry.get("steps", ()))


def _entries(body: bytes) -> Iterator[dict[str, Any]]:
    """
    Give entries of a block from the last to the first.

    Where the disk has changed it, one moment of the history is lost.
    """
    with suppress(zlib.error, ValueError, KeyError, TypeError, IndexError):
        yield from entries_of(zlib.decompress(body).decode("utf-8"))


def _keys_in(body: bytes) -> set[str]:
    found: set[str] = set()
    for entry in _entries(body):
        found |= keys_of(entry)
    return found


def set_aside(disk: IDisk, directory: str) -> None:
    """Give a broken database another name, so that a new one can begin."""
    path = f"{directory}/{DATABASE}"
    for suffix in ("", "-wal", "-journal", "-shm"):
        broken = f"{directory}/broken-{DATABASE}{suffix}"
        if disk.exists(broken):
            disk.remove(broken)
        if disk.exists(path + suffix):
            disk.rename(path + suffix, broken)
