"""
Which SQLite may carry mail [SECURITY F2].

SQLite 3.7.0 to 3.51.2 can lose committed transactions when one connection
commits while another checkpoints (the WAL-reset bug); 3.51.3 fixed it, and
3.50.7 and 3.44.6 carry the fix. One connection alone is not affected.
"""

from __future__ import annotations

from imailpy.errors import StoreRefused

_FIXED = (3, 51, 3)
_BACKPORTS: dict[tuple[int, ...], int] = {(3, 50): 7, (3, 44): 6}


def has_wal_reset_bug(version: str) -> bool:
    """Tell from `major.minor.patch`."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers >= _FIXED:
        return False
    return numbers[2] < _BACKPORTS.get(numbers[:2], 1_000)


def check_version(version: str, single_connection: bool) -> None:
    """Raise `StoreRefused` for a SQLite that may lose mail."""
    if has_wal_reset_bug(version) and not single_connection:
        raise StoreRefused(
            f"SQLite {version} can lose committed mail (WAL-reset bug):"
            " install an apsw that carries SQLite 3.51.3 or newer"
        )
