"""What an operator does to what opens an account, and to its senders."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.operations import BadRequest, Operations
from imailpy.errors import ObjectExists, ObjectNotFound
from imailpy.realm.passwords import Passwords
from imailpy.realm.second_factor import code_of
from tests.support.store import ADDRESSES, make_store
from tests.support.world import TestWorld, result_of

ALICE = ADDRESSES[0]
BCRYPT = "$2y$04$" + "a" * 21 + "e" + "a" * 30 + "e"


class KeysTests(SynchronousTestCase):
    """Grants, app passwords, one-time codes, certificates, hashes."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.store = make_store(self.world)
        self.operations = Operations(
            self.world, self.store, Passwords(self.world)
        )

    def do(self, name: str, /, **arguments: Any) -> Any:
        """Perform one."""
        return result_of(self.operations.perform(name, arguments))

    def refused(
        self, kind: type[Exception], name: str, /, **words: Any
    ) -> None:
        """Perform one that is refused."""
        self.assertRaises(kind, self.do, name, **words)

    def test_senders(self) -> None:
        """What was granted is shown, once, and taken back."""
        for sender in ("Sales@Example.test", "@News.test"):
            self.do("account.grant", address=ALICE, sender=sender)
        self.refused(
            ObjectExists, "account.grant", address=ALICE, sender="@news.test"
        )
        shown = self.do("account.show", address=ALICE)
        self.assertEqual(
            shown["granted"], ["@news.test", "sales@example.test"]
        )
        self.do("account.revoke", address=ALICE, sender="@NEWS.test")
        self.refused(
            ObjectNotFound,
            "account.revoke",
            address=ALICE,
            sender="@news.test",
        )
        for sender in ("", "@", "no address", "@[192.0.2.1]"):
            self.refused(
                BadRequest, "account.grant", address=ALICE, sender=sender
            )

    def test_app_passwords(self) -> None:
        """One is shown once; what it may not be is told."""
        made = self.do(
            "account.app_password.add",
            address=ALICE,
            note="phone",
            services=["imap", "submission"],
            networks=["192.0.2.0/24"],
            expires_days=30,
        )
        [listed] = self.do("account.app_password.list", address=ALICE)
        self.assertEqual(listed["services"], ["imap", "smtp"])
        self.assertNotIn("password", listed)
        shown = repr(self.do("account.show", address=ALICE))
        self.assertNotIn(made["password"], shown)
        for wrong in (
            {"services": ["ftp"]},
            {"networks": ["192.0.2.0/99"]},
            {"expires_days": 0},
            {"note": "x" * 101},
            {"note": "a\nb"},
        ):
            self.refused(
                BadRequest, "account.app_password.add", address=ALICE, **wrong
            )
        self.do("account.app_password.remove", address=ALICE, id=made["id"])
        self.assertEqual(
            self.do("account.app_password.list", address=ALICE), []
        )

    def test_codes(self) -> None:
        """From enrolment to recovery."""
        for verb in ("recovery", "disable"):
            self.refused(ObjectNotFound, f"account.totp.{verb}", address=ALICE)
        made = self.do("account.totp.enable", address=ALICE)
        self.assertIn(made["secret"], made["uri"])
        account = self.do("account.show", address=ALICE)
        self.assertEqual(account["totp"], "not confirmed yet")
        factor = result_of(self.store.directory.second_factor(account["id"]))
        code = code_of(
            factor.secret.reveal(), int(self.world.clock.now()) // 30
        )
        self.refused(
            BadRequest, "account.totp.confirm", address=ALICE, code="12"
        )
        codes = self.do("account.totp.confirm", address=ALICE, code=code)
        account = self.do("account.show", address=ALICE)
        self.assertTrue(account["app_passwords_only"])
        self.assertEqual(account["recovery_codes"], 10)
        told = self.do("account.totp.verify", address=ALICE, code=code)
        self.assertFalse(told["right"])
        told = self.do(
            "account.totp.verify",
            address=ALICE,
            code=codes["recovery_codes"][0],
        )
        self.assertEqual((told["right"], told["recovery_codes"]), (True, 9))
        self.do("account.totp.recovery", address=ALICE)
        self.do("account.totp.disable", address=ALICE)
        self.assertEqual(self.do("account.show", address=ALICE)["totp"], "off")

    def test_certificates(self) -> None:
        """A fingerprint in either spelling, for one account."""
        spelt = ":".join(["AB"] * 32)
        self.do("account.certificate.add", address=ALICE, fingerprint=spelt)
        self.refused(
            ObjectExists,
            "account.certificate.add",
            address=ADDRESSES[1],
            fingerprint="ab" * 32,
        )
        for wrong in ("", "ab" * 20, "zz" * 32):
            self.refused(
                BadRequest,
                "account.certificate.add",
                address=ALICE,
                fingerprint=wrong,
            )
        [listed] = self.do("account.certificate.list", address=ALICE)
        self.do(
            "account.certificate.remove",
            address=ALICE,
            fingerprint=listed["fingerprint"],
        )
        self.refused(
            ObjectNotFound,
            "account.certificate.remove",
            address=ALICE,
            fingerprint=spelt,
        )

    def test_hashes(self) -> None:
        """An account may come with the hash of another server."""
        self.do(
            "account.add",
            address="zoe@example.test",
            password_hash="{BLF-CRYPT}" + BCRYPT,
        )
        shown = self.do("account.show", address="zoe@example.test")
        self.assertEqual(shown["password"], "bcrypt:4")
        self.do("account.require_app_passwords", address=ALICE)
        self.do("account.password", address=ALICE, password_hash=BCRYPT)
        shown = self.do("account.show", address=ALICE)
        self.assertTrue(shown["app_passwords_only"])
        for words in (
            {"password_hash": "$2y$31$" + "a" * 53},
            {"password_hash": "nonsense"},
            {},
            {"password": "a-long-and-rare-one", "password_hash": BCRYPT},
        ):
            self.refused(
                BadRequest, "account.password", address=ALICE, **words
            )
