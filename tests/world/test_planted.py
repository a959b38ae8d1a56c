"""SECURITY.md B12.4: what somebody else planted where we write."""

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import MailError
from imailpy.interfaces.store import NewMessage
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.real_disk import RealDisk
from tests.support.settings import Fixed
from tests.support.store import account_of, fill, spooled
from tests.support.world import TestWorld, result_of

PRECIOUS = b"not ours to write"


class PlantedTests(SynchronousTestCase):
    """Links and pipes under the names that we write to."""

    def setUp(self) -> None:
        os.umask(os.umask(0o077))
        self.victim = Path(self.mktemp())
        self.victim.write_bytes(PRECIOUS)
        self.directory = Path(self.mktemp())
        self.directory.mkdir(mode=0o700)

    def plants(self, path: Path):
        """Plant one thing after another; gives what it is."""
        path.symlink_to(self.victim.absolute())
        yield "symbolic link"
        path.unlink(missing_ok=True)
        os.link(self.victim, path)
        yield "hard link"
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        yield "pipe"
        path.unlink(missing_ok=True)

    def untouched(self, kind: str) -> None:
        self.assertEqual(self.victim.read_bytes(), PRECIOUS, kind)

    def open_store(self) -> None:
        result_of(self.make_store().close())

    def make_store(self) -> SqliteStore:
        return SqliteStore(
            TestWorld(),  # type: ignore[arg-type]
            Fixed(
                StoreSettings(
                    str(self.directory),
                    min_free_octets=0,
                    min_free_percent=0.0,
                    reserve_octets=4096,
                    sweep_every_s=0.0,
                )
            ),
        )

    def test_B12_4_each_call(self) -> None:
        """No call of the disk writes through a link or waits for a pipe."""
        disk = RealDisk()
        path = self.directory / "name"
        for call in (
            lambda: disk.create(str(path)),
            lambda: disk.open(str(path), writable=True),
            lambda: disk.lock(str(path)),
        ):
            for kind in self.plants(path):
                with self.assertRaises(OSError, msg=kind):
                    call()
                self.untouched(kind)
        for kind in self.plants(path):
            disk.replace(str(path), b"new")
            self.untouched(kind)
        for kind in self.plants(Path(f"{path}.new")):
            disk.replace(str(path), b"new")
            self.untouched(kind)

    def test_B12_4_files_of_the_store(self) -> None:
        """With a link or pipe for one of its files the store does not open,
        and says so."""
        for name in ("mail.db", "mail.db-wal", "mail.db-shm", "lock"):
            (self.directory / "lock").unlink(missing_ok=True)
            for kind in self.plants(self.directory / name):
                with self.assertRaises((MailError, OSError), msg=name):
                    self.open_store()
                self.untouched(f"{kind} {name}")
        self.open_store()

    def test_B12_4_directories_of_the_store(self) -> None:
        """A link for a directory is refused; what lies in the spool goes,
        and what it points to stays."""
        elsewhere = Path(self.mktemp())
        elsewhere.mkdir()
        for name in ("spool", "segments"):
            path = self.directory / name
            if path.exists():
                path.rmdir()
            path.symlink_to(elsewhere.absolute())
            with self.assertRaises((MailError, OSError), msg=name):
                self.open_store()
            path.unlink()
        self.open_store()
        for kind in self.plants(self.directory / "spool" / "planted"):
            self.open_store()
            self.assertEqual(list(self.directory.glob("spool/*")), [], kind)
            self.untouched(kind)
        for kind in self.plants(self.directory / "segments" / "planted.seg"):
            self.open_store()
            self.untouched(kind)

    def test_one_large_body_twice(self) -> None:
        """The spool's own second names are no plants: a large body may be
        put into several mailboxes."""
        store = self.make_store()
        fill(store)
        body = spooled(store, b"A: b\r\n\r\n" + b"x" * 2_000_000)
        for address in ("alice@example.test", "bob@example.test"):
            mail = store.account(account_of(store, address).id)
            box = result_of(mail.open("INBOX"))
            result_of(box.append([NewMessage(body)]))
        body.release()
        result_of(store.close())

    def test_B12_4_modes(self) -> None:
        """What the store makes is for us alone."""
        self.open_store()
        for path in self.directory.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            self.assertEqual(mode & 0o077, 0, path)
