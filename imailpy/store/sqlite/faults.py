"""What went wrong in SQLite, in our words."""

from __future__ import annotations

import apsw

from imailpy.errors import (
    MailError,
    OutcomeUnknown,
    StorageFull,
    StoreUnavailable,
)
from imailpy.store.space import is_full

_FLUSH = frozenset(
    {
        apsw.SQLITE_IOERR_FSYNC,
        apsw.SQLITE_IOERR_DIR_FSYNC,
        apsw.SQLITE_IOERR_CLOSE,
    }
)


class FlushFailed(Exception):
    """A flush failed: what is on the disk is no longer known."""


def is_flush(error: BaseException) -> bool:
    """Whether a flush failed: after it nothing more may be written."""
    if isinstance(error, FlushFailed):
        return True
    return (
        isinstance(error, apsw.Error)
        and getattr(error, "extendedresult", 0) in _FLUSH
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room; nothing else is wrong."""
    if isinstance(error, OSError):
        return is_full(error)
    return isinstance(error, apsw.FullError | StorageFull)


def translated(error: BaseException) -> BaseException:
    """Give the error that a caller of ours expects."""
    if isinstance(error, MailError):
        return error
    if is_flush(error):
        return OutcomeUnknown(f"a flush failed: {error!r}")
    if is_disk_full(error):
        return StorageFull(f"disk full: {error!r}")
    if isinstance(error, apsw.Error | OSError):
        return StoreUnavailable(f"store: {error!r}")
    return error
