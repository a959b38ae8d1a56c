"""The SQLite provider keeps the contract."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import StoreRefused
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.simulated import Universe
from tests.store import (
    contract,
    contract_accept,
    contract_account,
    contract_bans,
    contract_directory,
    contract_keys,
    contract_mailbox,
    contract_sending,
)
from tests.support.settings import Fixed
from tests.support.world import TestWorld, result_of

SMALL = {
    "min_free_octets": 0,
    "min_free_percent": 0.0,
    "reserve_octets": 0,
    "sweep_every_s": 0.0,
}


class Durable:
    """Makes SQLite stores in a directory of the test's own."""

    world: Any
    store: Any

    def make_store(self, **settings: Any) -> SqliteStore:
        self.directory = self.mktemp()  # type: ignore[attr-defined]
        self.world.disk.make_directory(self.directory)
        self.settings = Fixed(
            StoreSettings(self.directory, **{**SMALL, **settings})
        )
        return SqliteStore(self.world, self.settings)

    def reopen(self) -> SqliteStore:
        result_of(self.store.close())
        self.world = TestWorld(seed=self.world.random.below(10**9))
        return SqliteStore(self.world, self.settings)


class DoorsTests(Durable, contract.DoorsContract, SynchronousTestCase):
    """All doors are there."""


class BansTests(Durable, contract_bans.BansContract, SynchronousTestCase):
    """Bans."""


class SpoolTests(Durable, contract.SpoolContract, SynchronousTestCase):
    """Bodies in flight."""


class MailboxTests(
    Durable, contract_mailbox.MailboxContract, SynchronousTestCase
):
    """Messages."""


class AccountTests(
    Durable, contract_account.AccountContract, SynchronousTestCase
):
    """Mailboxes."""


class DirectoryTests(
    Durable, contract_directory.DirectoryContract, SynchronousTestCase
):
    """Domains, accounts, aliases."""


class KeysTests(Durable, contract_keys.KeysContract, SynchronousTestCase):
    """What opens an account beside its password."""


class AcceptTests(
    Durable, contract_accept.AcceptContract, SynchronousTestCase
):
    """Accepting and the queue."""


class DamagedTests(SynchronousTestCase):
    """A database that a lying disk has left."""

    def test_damaged_database_is_refused(self) -> None:
        """A damaged database is refused in words, and the lock let go."""
        machine = Universe(1).machine("m", "192.0.2.1")
        settings = Fixed(StoreSettings("/data", **SMALL))
        machine.disk.make_directory("/data")
        # The second start brings all from the log into the database.
        for _ in range(2):
            SqliteStore(machine, settings)
            machine = machine.reboot()
        for octet in (100, 0):
            machine = machine.reboot()
            inode = machine.disk.inode("/data/mail.db")
            inode.write(octet, b"\xff" * 4096)
            for _ in range(2):
                self.assertRaises(StoreRefused, SqliteStore, machine, settings)


class SendingTests(
    Durable, contract_sending.SendingContract, SynchronousTestCase
):
    """What accounts have sent."""
