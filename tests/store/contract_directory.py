"""What every provider's directory must do."""

from __future__ import annotations

from attrs import evolve

from imailpy import errors
from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    Alias,
    Domain,
)
from imailpy.mail import Path, ScramSecret, Secret
from tests.store.contract import Base
from tests.support.store import deliver
from tests.support.world import result_of

ALICE = Path.parse("alice@example.test")


class DirectoryContract(Base):
    """Domains, accounts, aliases."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.store.directory

    def again(self) -> None:
        """Restart."""
        self.store = self.reopen()
        self.directory = self.store.directory

    def test_domains(self) -> None:
        """Domains are added, changed, found, and removed when empty."""
        d = self.directory
        result_of(d.add_domain(Domain("new.test")))
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_domain(Domain("new.test")))
        changed = Domain("new.test", catch_all=ALICE)
        result_of(d.update_domain(changed))
        self.again()
        d = self.directory
        self.assertEqual(result_of(d.domain("new.test")), changed)
        self.assertIsNone(result_of(d.domain("none.test")))
        names = [domain.name for domain in result_of(d.domains())]
        self.assertEqual(names, ["example.test", "new.test", "other.test"])
        result_of(d.remove_domain("new.test"))
        self.assertIsNone(result_of(d.domain("new.test")))
        for wrong in (d.remove_domain("x.test"), d.update_domain(Domain("x"))):
            with self.assertRaises(errors.ObjectNotFound):
                result_of(wrong)
        with self.assertRaises(errors.ObjectExists):
            result_of(d.remove_domain("example.test"))

    def test_find(self) -> None:
        """Addresses are found whatever their case, and only whole."""
        found = result_of(
            self.directory.find(Path.parse("ALICE@example.test"))
        )
        self.assertIsInstance(found, Account)
        self.assertEqual(found.address, ALICE)
        for other in ("alice+x@example.test", "alice@other.test"):
            self.assertIsNone(
                result_of(self.directory.find(Path.parse(other)))
            )

    def test_accounts(self) -> None:
        """Accounts are listed, changed and removed with their mail."""
        d = self.directory
        self.assertEqual(len(result_of(d.accounts())), 3)
        [carol] = result_of(d.accounts("other.test"))
        changed = evolve(carol, enabled=False, quota_octets=5)
        result_of(d.update_account(changed))
        self.again()
        d = self.directory
        self.assertEqual(result_of(d.account(carol.id)), changed)
        self.assertEqual(result_of(d.find(carol.address)), changed)
        result_of(d.update_account(carol))
        deliver(self.store, "carol@other.test")
        result_of(d.remove_account(carol.id))
        self.assertIsNone(result_of(d.account(carol.id)))
        self.assertIsNone(result_of(d.find(carol.address)))
        with self.assertRaises(errors.MailError):
            result_of(self.store.account(carol.id).mailboxes())
        again = result_of(d.add_account(carol.address, AccountSecrets()))
        self.assertNotEqual(again.id, carol.id)
        box = self.open(address="carol@other.test")
        self.assertEqual(len(box.uids), 0)

    def test_wrong_accounts(self) -> None:
        """Taken addresses and unknown domains are refused."""
        d, none = self.directory, AccountSecrets()
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_account(Path.parse("Alice@example.test"), none))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.add_account(Path.parse("a@none.test"), none))
        ghost = Account("nobody", ALICE)
        for wrong in (
            d.update_account(ghost),
            d.set_secrets("nobody", none),
            d.remove_account("nobody"),
        ):
            with self.assertRaises(errors.ObjectNotFound):
                result_of(wrong)

    def test_secrets(self) -> None:
        """Secrets are kept, changed, and empty for nobody."""
        d = self.directory
        account = result_of(d.find(ALICE))
        secrets = AccountSecrets(
            "$argon2id$x",
            ScramSecret(b"salt", 4096, Secret(b"s" * 32), Secret(b"k" * 32)),
        )
        result_of(d.set_secrets(account.id, secrets))
        self.again()
        d = self.directory
        self.assertEqual(result_of(d.secrets(account.id)), secrets)
        result_of(d.set_secrets(account.id, AccountSecrets("other")))
        self.assertEqual(
            result_of(d.secrets(account.id)), AccountSecrets("other")
        )
        self.assertEqual(result_of(d.secrets("nobody")), AccountSecrets())

    def test_server_key(self) -> None:
        """A key of the server is made once and stays."""
        key = result_of(self.directory.server_key("x"))
        self.assertEqual(len(key), 32)
        self.again()
        self.assertEqual(result_of(self.directory.server_key("x")), key)
        self.assertNotEqual(result_of(self.directory.server_key("y")), key)

    def test_aliases(self) -> None:
        """Aliases are found, listed, followed back, and removed."""
        d = self.directory
        alias = Alias(
            Path.parse("Team@example.test"),
            (ALICE, Path.parse("x@far.test"), Path.parse("bob@example.test")),
        )
        result_of(d.add_alias(alias))
        self.again()
        d = self.directory
        self.assertEqual(
            result_of(d.find(Path.parse("team@example.test"))), alias
        )
        self.assertEqual(list(result_of(d.aliases())), [alias])
        self.assertEqual(list(result_of(d.aliases("other.test"))), [])
        alice = result_of(d.find(ALICE))
        self.assertEqual(list(result_of(d.aliases_to(alice))), [alias.address])
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_alias(alias))
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_alias(Alias(ALICE, (ALICE,))))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.add_alias(Alias(Path.parse("a@no.test"), (ALICE,))))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.remove_alias(ALICE))
        result_of(d.remove_alias(alias.address))
        self.assertIsNone(result_of(d.find(alias.address)))
        self.assertEqual(list(result_of(d.aliases_to(alice))), [])
