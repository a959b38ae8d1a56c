"""The memory provider keeps the contract."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.store.memory import MemoryStore
from imailpy.store.settings import StoreSettings
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


class _Memory:
    """Makes memory stores; a restart is no restart."""

    world: Any

    def make_store(self, **settings: Any) -> MemoryStore:
        return MemoryStore(self.world, StoreSettings("/nowhere", **settings))


class DoorsTests(_Memory, contract.DoorsContract, SynchronousTestCase):
    """All doors are there."""


class BansTests(_Memory, contract_bans.BansContract, SynchronousTestCase):
    """Bans."""


class SpoolTests(_Memory, contract.SpoolContract, SynchronousTestCase):
    """Bodies in flight."""


class MailboxTests(
    _Memory, contract_mailbox.MailboxContract, SynchronousTestCase
):
    """Messages."""


class AccountTests(
    _Memory, contract_account.AccountContract, SynchronousTestCase
):
    """Mailboxes."""


class DirectoryTests(
    _Memory, contract_directory.DirectoryContract, SynchronousTestCase
):
    """Domains, accounts, aliases."""


class KeysTests(_Memory, contract_keys.KeysContract, SynchronousTestCase):
    """What opens an account beside its password."""


class AcceptTests(
    _Memory, contract_accept.AcceptContract, SynchronousTestCase
):
    """Accepting and the queue."""


class SendingTests(
    _Memory, contract_sending.SendingContract, SynchronousTestCase
):
    """What accounts have sent."""
