"""Realm, delivery and a submission listener, joined, on a still clock."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from imailpy.delivery.service import Delivery
from imailpy.delivery.settings import DeliverySettings
from imailpy.dns.fixed import FixedResolver
from imailpy.errors import LookupFailed
from imailpy.interfaces.directory import AccountSecrets, Alias
from imailpy.interfaces.store import Column
from imailpy.listeners.smtp import SmtpFactory, SmtpSettings
from imailpy.mail import Path, UidSet
from imailpy.policy.settings import PolicySettings, SendingLimits
from imailpy.protocol.smtp.options import Flavour
from imailpy.realm.realm import Realm
from imailpy.realm.settings import LoginSettings, RealmSettings
from tests.delivery.hosts import MemoryTls
from tests.listeners.smtp.serving import FakeTls, Talker
from tests.realm.support import HASH, PASSWORD, SmallWorld
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.still_world import StillWorld, result_of
from tests.support.store import account_of, make_store

ALICE, BOB = "alice@example.test", "bob@example.test"
NO_LIMITS = SendingLimits(0, 0, 0, 0)
ZONE: dict[str, Any] = {
    "elsewhere.test": {"MX": ["10 mx.elsewhere.test"]},
    "null.test": {"MX": ["0 ."]},
    "broken.test": LookupFailed("scripted"),
}


class RoomsCase(SynchronousTestCase):
    """
    What users send, from the socket to the store.

    Ports 587 (STARTTLS), 465 (implicit TLS), and 25.
    """

    limits = NO_LIMITS

    def setUp(self) -> None:
        self.world: Any = StillWorld("mail.example.test")
        self.world.threads = SmallWorld()
        self.store: Any = make_store(self.world)
        directory = self.store.directory
        for address in (ALICE, BOB):
            result_of(
                directory.set_secrets(
                    account_of(self.store, address).id, AccountSecrets(HASH)
                )
            )
        result_of(
            directory.add_alias(
                Alias(Path.parse("info@example.test"), (Path.parse(ALICE),))
            )
        )
        self.journal = KeptJournal()
        self.delivery_settings = Fixed(DeliverySettings())
        self.realm_settings = Fixed(
            RealmSettings(
                PolicySettings(sending=self.limits),
                LoginSettings(failure_delay_s=0),
            )
        )
        self.resolver = FixedResolver(ZONE)
        self.build()

    def build(self) -> None:
        """Build the rooms anew, as after a restart."""
        self.world.network.listeners.clear()
        outgoing: Any = MemoryTls()
        self.delivery = Delivery(
            self.world,
            self.delivery_settings,
            self.store,
            self.resolver,
            outgoing,
            self.journal,
        )
        self.realm = Realm(
            self.world,
            self.realm_settings,
            self.store.directory,
            self.delivery.router,
            self.journal,
            resolver=self.resolver,
            sending=self.store.sending,
        )
        tls: Any = FakeTls()
        for port, flavour, implicit in (
            (587, Flavour.SUBMISSION, False),
            (465, Flavour.SUBMISSION, True),
            (25, Flavour.SMTP, False),
        ):
            factory = SmtpFactory(
                self.world,
                self.realm,
                self.delivery.receiver,
                self.journal,
                Fixed(SmtpSettings(flavour)),
                tls=tls,
                implicit_tls=implicit,
                listener=str(port),
            )
            context = "a context" if implicit else None
            self.world.network.listen("192.0.2.1", port, factory, tls=context)

    def call(self, port: int = 587) -> Talker:
        """A client connects; TLS is on, and it has said hello."""
        talker = Talker(self.world)
        context = "a context" if port == 465 else None
        self.world.network.connect(
            "192.0.2.1", port, Factory.forProtocol(lambda: talker), tls=context
        )
        self.world.run()
        if port == 587:
            talker.say(b"EHLO laptop.test\r\n")
            talker.say(b"STARTTLS\r\n")
            transport: Any = talker.transport
            transport.startTLS("a context")
        talker.say(b"EHLO laptop.test\r\n")
        return talker

    def signed_in(self, port: int = 587, who: str = ALICE) -> Talker:
        """A user has signed in."""
        talker = self.call(port)
        plain = f"\0{who}\0{PASSWORD}".encode()
        said = talker.say(
            b"AUTH PLAIN " + base64.b64encode(plain) + b"\r\n", 0.1
        )
        self.assertIn(b"235 ", said)
        return talker

    def mails(self, address: str, mailbox: str = "INBOX") -> list[bytes]:
        """Everything in a mailbox."""
        mail = self.store.account(account_of(self.store, address).id)
        box = result_of(mail.open(mailbox))
        rows = result_of(
            box.rows(UidSet.from_ranges([(1, 2**32 - 1)]), [Column.UID])
        )
        return [b"".join(result_of(box.body(uid)).chunks()) for (uid,) in rows]
