"""
The store that carries the promise: accepted mail is never lost.

One SQLite database in WAL mode with `synchronous=FULL`, one writer thread
that commits in groups, segment files for larger bodies.
"""

from imailpy.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
