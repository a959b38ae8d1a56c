"""Opening a store: the lock, the version, the schema, what was planted."""

from __future__ import annotations

import os
from typing import Any

import apsw
from twisted.trial.unittest import SynchronousTestCase

from imailpy import errors
from imailpy.store.sqlite import SqliteStore, schema, version
from tests.store.contract import Base
from tests.store.test_sqlite import Durable
from tests.support.store import deliver
from tests.support.world import TestWorld, result_of

ALICE = "alice@example.test"


class VersionTests(SynchronousTestCase):
    """F2: a SQLite that loses commits carries no mail."""

    def test_F2_versions(self) -> None:
        """The WAL-reset bug is known by version."""
        for text, bad in (
            ("3.40.1", True),
            ("3.44.5", True),
            ("3.44.6", False),
            ("3.50.6", True),
            ("3.50.7", False),
            ("3.51.2", True),
            ("3.51.3", False),
            ("3.54.1", False),
            ("4.0.0", False),
        ):
            self.assertEqual(version.has_wal_reset_bug(text), bad, text)

    def test_F2_refused(self) -> None:
        """An affected SQLite is refused, unless it has one connection."""
        with self.assertRaises(errors.StoreRefused):
            version.check_version("3.51.2", False)
        version.check_version("3.51.2", True)


class OpeningTests(Durable, Base, SynchronousTestCase):
    """What stands in the way of opening, and what does not."""

    def refused(self, error: type[Exception] = errors.StoreRefused) -> Any:
        result_of(self.store.close())
        with self.assertRaises(error) as caught:
            SqliteStore(TestWorld(), self.settings)
        return caught.exception

    def tearDown(self) -> None:
        result_of(self.store.close())

    def test_lock(self) -> None:
        """Only one process has the store: the second ends with 75."""
        with self.assertRaises(errors.StoreLocked) as caught:
            SqliteStore(TestWorld(), self.settings)
        self.assertEqual(caught.exception.exit_code, 75)
        self.store = self.reopen()

    def test_B12_5_open_to_others(self) -> None:
        """A data directory that others may enter is refused."""
        os.chmod(self.directory, 0o750)
        self.assertIn("0700", str(self.refused()))

    def test_B12_4_planted(self) -> None:
        """Links and FIFOs under our names are refused, not followed."""
        target = self.mktemp()
        for suffix in ("", "-wal", "-shm"):
            for plant in (
                lambda path: os.symlink(target, path),
                os.mkfifo,
            ):
                result_of(self.store.close())
                path = f"{self.directory}/mail.db{suffix}"
                if os.path.lexists(path):
                    os.rename(path, f"{path}.kept")
                plant(path)
                with self.assertRaises(errors.StoreRefused):
                    SqliteStore(TestWorld(), self.settings)
                os.remove(path)
                if os.path.lexists(f"{path}.kept"):
                    os.rename(f"{path}.kept", path)
                self.assertFalse(os.path.exists(target))

    def test_B12_4_planted_directories(self) -> None:
        """A spool or segment directory that is a link is refused."""
        elsewhere = self.mktemp()
        os.mkdir(elsewhere, 0o700)
        for name in ("spool", "segments"):
            path = f"{self.directory}/{name}"
            result_of(self.store.close())
            os.rename(path, f"{path}.kept")
            os.symlink(os.path.abspath(elsewhere), path)
            with self.assertRaises(errors.StoreRefused):
                SqliteStore(TestWorld(), self.settings)
            os.remove(path)
            os.rename(f"{path}.kept", path)

    def test_B12_4_modes(self) -> None:
        """Everything that we make is ours alone."""
        deliver(self.store, ALICE, b"\r\n" + b"x" * 100_000)
        for folder, _, names in os.walk(self.directory):
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700, folder)
            for name in names:
                mode = os.stat(f"{folder}/{name}").st_mode & 0o777
                self.assertEqual(mode, 0o600, name)

    def test_network_file_system(self) -> None:
        """A network file system is refused."""
        world = TestWorld()
        world.disk.file_system = lambda path: "nfs4"
        result_of(self.store.close())
        with self.assertRaises(errors.StoreRefused):
            SqliteStore(world, self.settings)

    def test_D10_newer_schema(self) -> None:
        """A store written by a newer imailpy is left alone."""
        self.store.connections.writer.execute("PRAGMA user_version = 999")
        error = self.refused()
        self.assertIn("newer imailpy", error.private)

    def test_foreign_database(self) -> None:
        """A database that is not ours is left alone."""
        self.store.connections.writer.execute("PRAGMA application_id = 7")
        self.refused()

    def test_left_overs_go(self) -> None:
        """Files that no row names, and half bodies, go at the start."""
        uid = deliver(self.store, ALICE, b"\r\n" + b"x" * 100_000)
        stray = f"{self.directory}/segments/stray.seg"
        half = f"{self.directory}/spool/half"
        for path in (stray, half):
            with open(path, "wb") as file:
                file.write(b"left over")
        self.store = self.reopen()
        self.assertFalse(os.path.exists(stray))
        self.assertFalse(os.path.exists(half))
        self.assertEqual(len(self.body_of(self.open(), uid)), 100_019)

    def test_sealed_at_every_start(self) -> None:
        """A segment of the last run is never appended to."""
        deliver(self.store, ALICE, b"\r\n" + b"x" * 50_000)
        [first] = self.store.segments.names()
        self.store = self.reopen()
        deliver(self.store, ALICE, b"\r\n" + b"y" * 50_000)
        self.assertEqual(len(self.store.segments.names()), 2)
        self.assertIn(first, self.store.segments.names())

    def test_pragmas(self) -> None:
        """Every connection is set as the security table says."""
        writer = self.store.connections.writer
        reader = self.store.connections.reader
        for pragma, value in (
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("cell_size_check", 1),
            ("mmap_size", 0),
            ("wal_autocheckpoint", 0),
        ):
            for connection in (writer, reader):
                found = connection.execute(f"PRAGMA {pragma}").get
                self.assertEqual(found, value, pragma)
        self.assertEqual(writer.execute("PRAGMA synchronous").get, 2)
        self.assertEqual(writer.execute("PRAGMA auto_vacuum").get, 2)
        with self.assertRaises(apsw.ReadOnlyError):
            reader.execute("DELETE FROM messages")


class SchemaTests(SynchronousTestCase):
    """D10: numbered steps, each whole or not at all."""

    STEPS = (
        (1, "CREATE TABLE a (x); INSERT INTO a VALUES (1)"),
        (2, "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = 2"),
        (3, "CREATE TABLE b (z)"),
    )

    def setUp(self) -> None:
        self.path = self.mktemp()

    def upgrade(self, fault_point: Any = lambda name: None, upto: int = 3):
        connection = apsw.Connection(self.path)
        try:
            return schema.upgrade(connection, fault_point, self.STEPS[:upto])
        finally:
            connection.close()

    def test_D10_step_by_step(self) -> None:
        """Only the steps that are missing are run, in order."""
        self.assertEqual(self.upgrade(upto=1), [1])
        self.assertEqual(self.upgrade(), [2, 3])
        self.assertEqual(self.upgrade(), [])
        rows = apsw.Connection(self.path).execute("SELECT * FROM a").fetchall()
        self.assertEqual(rows, [(1, 2)])

    def test_D10_cut_off_anywhere(self) -> None:
        """An upgrade that was cut off goes on where it was."""
        for at in range(1, 7):
            self.path = self.mktemp()
            left = [at]

            def stop(name: str, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt

            with self.assertRaises(KeyboardInterrupt):
                self.upgrade(stop)
            self.upgrade()
            rows = apsw.Connection(self.path).execute("SELECT * FROM a")
            self.assertEqual(rows.fetchall(), [(1, 2)], at)

    def test_D10_newer(self) -> None:
        """A newer schema is refused, and nothing is written."""
        self.upgrade()
        with self.assertRaises(errors.StoreRefused):
            self.upgrade(upto=2)

    def test_steps_are_numbered(self) -> None:
        """Numbers begin at one and grow by one."""
        numbers = [number for number, _ in schema.STEPS]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
