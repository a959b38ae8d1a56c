"""
Files of this machine.

Everything is opened without following a symbolic link and must be a regular
file of our own user: what somebody else planted is refused
[SECURITY B12.4].
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from zope.interface import implementer

from imailpy.interfaces.world import IDisk, IFile

_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def _open(path: str, flags: int) -> int:
    """Open a regular file of ours; `OSError` for anything else."""
    descriptor = os.open(path, flags | _FLAGS, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EPERM, "not a regular file", path)
        if status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "owned by another user", path)
        if flags & os.O_RDWR and status.st_nlink > 1:
            # What we write here would be written there too.
            raise OSError(errno.EPERM, "has a second name", path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_secret(status: os.stat_result, path: str) -> None:
    """
    Refuse a secret that others may read or have put there.

    Root may look at the key of the user that the server runs as: `twistd
    --uid` reads it before it gives up root's rights, and again after.
    """
    if os.geteuid() not in (0, status.st_uid) and status.st_uid != 0:
        raise OSError(errno.EPERM, "owned by another user", path)
    if status.st_mode & 0o077:
        raise OSError(
            errno.EPERM, "group or others may read it: chmod 600 it", path
        )


@implementer(IFile)
class RealFile:
    """An open file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, octets: bytes) -> None:
        view = memoryview(octets)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def read_at(self, offset: int, size_octets: int) -> bytes:
        return os.pread(self._descriptor, size_octets, offset)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def truncate(self, size_octets: int) -> None:
        os.ftruncate(self._descriptor, size_octets)

    def close(self) -> None:
        os.close(self._descriptor)


class _Lock:
    """A lock file that is held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


@implementer(IDisk)
class RealDisk:
    """Files below directories of ours."""

    sqlite_vfs: str | None = None
    single_connection = False

    def make_directory(self, path: str) -> None:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, "not a directory", path)

    def create(self, path: str) -> RealFile:
        return RealFile(
            _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        )

    def open(self, path: str, *, writable: bool = False) -> RealFile:
        flags = os.O_RDWR | os.O_APPEND if writable else os.O_RDONLY
        return RealFile(_open(path, flags))

    def read(self, path: str) -> bytes:
        with os.fdopen(_open(path, os.O_RDONLY), "rb") as file:
            return file.read()

    def read_foreign(
        self, path: str, most_octets: int = 1 << 20, *, private: bool = False
    ) -> bytes:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EPERM, "not a regular file", path)
            if private:
                _check_secret(status, path)
            octets = file.read(most_octets + 1)
        if len(octets) > most_octets:
            raise OSError(errno.EFBIG, "too large", path)
        return octets

    def replace(self, path: str, octets: bytes) -> None:
        new = f"{path}.new"
        with suppress(FileNotFoundError):
            os.remove(new)
        file = self.create(new)
        try:
            file.write(octets)
            file.sync()
        finally:
            file.close()
        os.rename(new, path)
        self.sync_directory(os.path.dirname(path))

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def link(self, old: str, new: str) -> None:
        os.link(old, new, follow_symlinks=False)

    def remove(self, path: str) -> None:
        os.remove(path)

    def list(self, path: str) -> Sequence[str]:
        return sorted(os.listdir(path))

    def exists(self, path: str) -> bool:
        return os.path.lexists(path)

    def sync_directory(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free_octets(self, path: str) -> int:
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize

    def total_octets(self, path: str) -> int:
        status = os.statvfs(path)
        return status.f_blocks * status.f_frsize

    def file_system(self, path: str) -> str:
        device = os.stat(path).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        try:
            with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
                lines = [line.split() for line in mounts]
        except OSError:  # not Linux
            return ""
        for fields in reversed(lines):
            if fields[2] == number:
                return fields[fields.index("-") + 1]
        return ""

    def check_private(self, path: str) -> None:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            raise PermissionError(errno.EPERM, "not a directory", path)
        if status.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "owned by another user", path)
        if status.st_mode & 0o077:
            raise PermissionError(
                errno.EPERM, "open to others, want mode 0700", path
            )

    def lock(self, path: str) -> Any:
        descriptor = _open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return _Lock(descriptor)
