"""What every provider keeps of grants, app passwords, codes, certificates."""

from __future__ import annotations

from attrs import evolve

from imailpy import errors
from imailpy.interfaces.directory import (
    AccountSecrets,
    AppPassword,
    KnownCertificate,
    SecondFactor,
)
from imailpy.mail import Path, Secret
from tests.store.contract import Base
from tests.support.world import result_of

PHONE = AppPassword(
    "phone1",
    Secret(b"p" * 32),
    "the phone",
    frozenset(("imap", "submission")),
    ("192.0.2.0/24", "2001:db8::/32"),
    created_at=100.0,
    expires_at=500.0,
)
TABLET = AppPassword("tablet", Secret(b"t" * 32), created_at=50.0)


class KeysContract(Base):
    """What opens an account beside its password."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.store.directory
        self.alice = self.id_of("alice@example.test")
        self.bob = self.id_of("bob@example.test")

    def id_of(self, address: str) -> str:
        return result_of(self.directory.find(Path.parse(address))).id

    def again(self) -> None:
        """Restart."""
        self.store = self.reopen()
        self.directory = self.store.directory

    def test_grants(self) -> None:
        """What was granted is kept, listed, and taken back."""
        d = self.directory
        before = d.version
        for sender in ("sales@example.test", "@other.test", "a@far.test"):
            result_of(d.add_grant(self.alice, sender))
        self.assertNotEqual(d.version, before)
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_grant(self.alice, "@other.test"))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.add_grant("nobody", "@other.test"))
        self.again()
        d = self.directory
        self.assertEqual(
            list(result_of(d.grants(self.alice))),
            ["@other.test", "a@far.test", "sales@example.test"],
        )
        self.assertEqual(list(result_of(d.grants(self.bob))), [])
        result_of(d.remove_grant(self.alice, "@other.test"))
        for wrong in (
            d.remove_grant(self.alice, "@other.test"),
            d.remove_grant(self.bob, "a@far.test"),
        ):
            with self.assertRaises(errors.ObjectNotFound):
                result_of(wrong)

    def test_app_passwords(self) -> None:
        """App passwords are kept with all they are good for."""
        d = self.directory
        for each in (PHONE, TABLET):
            result_of(d.add_app_password(self.alice, each))
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_app_password(self.alice, PHONE))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.add_app_password("nobody", PHONE))
        self.again()
        d = self.directory
        self.assertEqual(
            list(result_of(d.app_passwords(self.alice))), [TABLET, PHONE]
        )
        self.assertEqual(list(result_of(d.app_passwords(self.bob))), [])
        version = d.version
        result_of(d.touch_app_password(self.alice, PHONE.id, 300.0))
        result_of(d.touch_app_password(self.alice, "gone", 300.0))
        self.assertEqual(d.version, version)
        self.assertEqual(
            result_of(d.app_passwords(self.alice))[1],
            evolve(PHONE, used_at=300.0),
        )
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.remove_app_password(self.bob, PHONE.id))
        result_of(d.remove_app_password(self.alice, PHONE.id))
        self.assertEqual(
            list(result_of(d.app_passwords(self.alice))), [TABLET]
        )

    def test_second_factor(self) -> None:
        """One-time codes are kept, replaced, and removed."""
        d = self.directory
        factor = SecondFactor(
            Secret(b"s" * 20), True, 7, (Secret(b"a" * 32), Secret(b"b" * 32))
        )
        self.assertIsNone(result_of(d.second_factor(self.alice)))
        result_of(d.set_second_factor(self.alice, factor))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.set_second_factor("nobody", factor))
        self.again()
        d = self.directory
        self.assertEqual(result_of(d.second_factor(self.alice)), factor)
        bare = SecondFactor(Secret(b"x" * 20))
        result_of(d.set_second_factor(self.alice, bare))
        self.assertEqual(result_of(d.second_factor(self.alice)), bare)
        result_of(d.set_second_factor(self.alice, None))
        self.assertIsNone(result_of(d.second_factor(self.alice)))

    def test_B9_9_used_once(self) -> None:
        """A step and a recovery code are used once, restart or not."""
        d = self.directory
        factor = SecondFactor(
            Secret(b"s" * 20), True, 7, (Secret(b"a" * 32), Secret(b"b" * 32))
        )
        result_of(d.set_second_factor(self.alice, factor))
        self.assertFalse(result_of(d.use_step(self.alice, 7)))
        self.assertTrue(result_of(d.use_step(self.alice, 9)))
        self.assertTrue(
            result_of(d.use_recovery(self.alice, factor.recovery[0]))
        )
        self.again()
        d = self.directory
        for step in (8, 9):
            self.assertFalse(result_of(d.use_step(self.alice, step)))
        self.assertFalse(
            result_of(d.use_recovery(self.alice, factor.recovery[0]))
        )
        self.assertFalse(result_of(d.use_step(self.bob, 10)))
        self.assertFalse(
            result_of(d.use_recovery(self.bob, factor.recovery[1]))
        )
        self.assertEqual(
            result_of(d.second_factor(self.alice)),
            evolve(factor, last_step=9, recovery=factor.recovery[1:]),
        )

    def test_certificates(self) -> None:
        """A certificate opens one account until it is removed."""
        d = self.directory
        known = KnownCertificate("ab" * 32, "card", 5.0)
        result_of(d.add_certificate(self.alice, known))
        with self.assertRaises(errors.ObjectExists):
            result_of(d.add_certificate(self.bob, known))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.add_certificate("nobody", KnownCertificate("cd" * 32)))
        self.again()
        d = self.directory
        self.assertEqual(list(result_of(d.certificates(self.alice))), [known])
        self.assertEqual(list(result_of(d.certificates(self.bob))), [])
        self.assertEqual(
            result_of(d.certificate_owner(known.fingerprint)), self.alice
        )
        self.assertIsNone(result_of(d.certificate_owner("cd" * 32)))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(d.remove_certificate(self.bob, known.fingerprint))
        result_of(d.remove_certificate(self.alice, known.fingerprint))
        self.assertIsNone(result_of(d.certificate_owner(known.fingerprint)))

    def test_imported_kinds(self) -> None:
        """The kinds of imported hashes are told, each once."""
        d = self.directory
        self.assertEqual(list(result_of(d.imported_kinds())), [])
        for account_id, kind in (
            (self.alice, "bcrypt:12"),
            (self.bob, "sha512-crypt:5000"),
        ):
            secrets = AccountSecrets("x", None, True, kind)
            result_of(d.set_secrets(account_id, secrets))
        self.again()
        d = self.directory
        self.assertEqual(result_of(d.secrets(self.bob)), secrets)
        self.assertEqual(
            list(result_of(d.imported_kinds())),
            ["bcrypt:12", "sha512-crypt:5000"],
        )
        result_of(d.set_secrets(self.bob, AccountSecrets("y")))
        self.assertEqual(list(result_of(d.imported_kinds())), ["bcrypt:12"])

    def test_all_go_with_the_account(self) -> None:
        """With an account goes everything that opened it."""
        d = self.directory
        result_of(d.add_grant(self.alice, "@other.test"))
        result_of(d.add_app_password(self.alice, PHONE))
        result_of(
            d.set_second_factor(
                self.alice,
                SecondFactor(Secret(b"s" * 20), recovery=(Secret(b"a"),)),
            )
        )
        known = KnownCertificate("ab" * 32)
        result_of(d.add_certificate(self.alice, known))
        result_of(d.remove_account(self.alice))
        for empty in (
            d.grants(self.alice),
            d.app_passwords(self.alice),
            d.certificates(self.alice),
        ):
            self.assertEqual(list(result_of(empty)), [])
        self.assertIsNone(result_of(d.second_factor(self.alice)))
        self.assertIsNone(result_of(d.certificate_owner(known.fingerprint)))
