"""
The free space guard.

Below the guard no mail is taken. A reserve file of a known size stands by;
when the disk is full all the same it is given up, so that EXPUNGE, DSNs and
checkpoints have room to make room.
"""

from __future__ import annotations

import errno

from imailpy.errors import StorageFull
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IDisk
from imailpy.store.settings import MIB, StoreSettings

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of room."""
    return error.errno in _FULL


class Space:
    """
    What room there is in the data directory.

    Args:
        settings: Its directory is taken once.
    """

    def __init__(self, disk: IDisk, settings: Provider[StoreSettings]) -> None:
        self._disk = disk
        self._settings = settings
        self.directory = settings.current.directory
        self._reserve = f"{self.directory}/reserve"
        self._total = disk.total_octets(self.directory)

    @property
    def guard_octets(self) -> int:
        """What has to stay free."""
        settings = self._settings.current
        share = int(self._total * settings.min_free_percent / 100)
        return max(settings.min_free_octets, share)

    def free_octets(self) -> int:
        """What may be written without touching the reserve."""
        return self._disk.free_octets(self.directory)

    def low(self, more_octets: int = 0) -> bool:
        """Whether the guard would be passed by writing so much."""
        return self.free_octets() - more_octets < self.guard_octets

    def check(self, more_octets: int = 0) -> None:
        """Raise `StorageFull` when `low`."""
        if self.low(more_octets):
            raise StorageFull(
                f"free space guard: under {self.guard_octets} octets free"
            )

    def release_reserve(self) -> bool:
        """Give the reserve up; False when it was gone already."""
        try:
            self._disk.remove(self._reserve)
        except FileNotFoundError:
            return False
        return True

    def make_reserve(self) -> bool:
        """Set the reserve aside again if there is room for it."""
        size = self._settings.current.reserve_octets
        if self._disk.exists(self._reserve):
            if self._size_of_reserve() == size:
                return True
            self._disk.remove(self._reserve)
        if not size or self.low(size):
            return False
        return self._write_reserve(size)

    def _size_of_reserve(self) -> int:
        file = self._disk.open(self._reserve)
        try:
            return file.size()
        finally:
            file.close()

    def _write_reserve(self, size: int) -> bool:
        file = self._disk.create(self._reserve)
        block = b"\0" * min(size, MIB)
        try:
            while size > 0:
                file.write(block[:size])
                size -= len(block)
        except OSError:
            self._disk.remove(self._reserve)
            return False
        finally:
            file.close()
        return True
