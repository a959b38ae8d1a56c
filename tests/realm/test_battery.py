"""
The relay battery through the house: grammar, gate, router, directory.

Each RCPT line is put together from parts, so an oracle that never reads an
address knows what it should come to.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.errors import PeerError
from imailpy.interfaces.directory import Alias
from imailpy.mail import NULL_PATH, Client, MailParameters, Path
from imailpy.policy.networks import Networks
from imailpy.policy.settings import (
    PolicySettings,
    RelayPolicy,
    RelaySettings,
)
from imailpy.protocol.smtp.events import Rcpt
from imailpy.protocol.smtp.grammar import parse_command, split_verb
from imailpy.realm.realm import Realm
from imailpy.realm.settings import LoginSettings, RealmSettings, uncounted
from tests.realm.support import drive
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import make_store
from tests.support.world import TestWorld, result_of

OUR_ADDRESS = "192.0.2.1"

# (as written, the user it names or None, whether the form is right)
LOCAL_PARTS = (
    ("alice", "alice", True),
    ("ALICE", "alice", True),
    ('"alice"', "alice", True),
    ('"a\\lice"', "alice", True),
    ("alice+box", "alice", True),
    ("sales", "sales", True),
    ("postmaster", "postmaster", True),
    ("nobody", None, True),
    ("x%victim.test", None, True),
    ("x%victim.test%more.test", None, True),
    ("victim.test!x", None, True),
    ("a!b!c", None, True),
    ('"x@victim.test"', None, True),
    ('"<x@victim.test>"', None, True),
    ('"alice@example.test"', None, True),
    ('"@victim.test:x"', None, True),
    ("x=victim.test", None, True),
    ("|x", None, True),
    ("x@victim.test", None, False),
    ("nobody@example.test", None, False),
    ("x,alice", None, False),
    ("x..y", None, False),
    (".x", None, False),
    ("", None, False),
    ('"alice', None, False),
)

# (as written, whether it is ours, whether the form is right)
DOMAINS = (
    ("@example.test", True, True),
    ("@EXAMPLE.test", True, True),
    ("@example.test.", True, True),
    ("@example.test..", False, False),
    ("@sub.example.test", False, True),
    ("@xexample.test", False, True),
    ("@example.test.victim.test", False, True),
    ("@victim.test", False, True),
    ("@VICTIM.TEST.", False, True),
    (f"@[{OUR_ADDRESS}]", True, True),
    (f"@[IPv6:::ffff:{OUR_ADDRESS}]", True, True),
    ("@[127.0.0.1]", False, True),
    ("@[IPv6:::1]", False, True),
    ("@[example.test]", False, False),
    (f"@[{OUR_ADDRESS}", False, False),
    ("@3221225985", False, True),
    ("@localhost", False, True),
    ("@example.test@victim.test", False, False),
    ("@victim.test@example.test", False, False),
    ("@victim.test,example.test", False, False),
    ("@example.test%victim.test", False, False),
    ("", False, False),
)

# (before, behind, whether it is what the standard has for any of them)
CLOTHES = (
    ("<", ">", True),
    ("<@example.test:", ">", True),
    ("<@victim.test:", ">", True),
    ("<@example.test,@victim.test:", ">", True),
    (" <", ">", False),
    ("", "", False),
    ("<<", ">>", False),
    ("<", "", False),
)


@frozen
class Line:
    """One RCPT and what must come of it."""

    octets: bytes
    ours: bool
    regular: bool


def lines() -> Iterator[Line]:
    for (local, user, right), (domain, ours, form), (
        before,
        behind,
        plain,
    ) in itertools.product(LOCAL_PARTS, DOMAINS, CLOTHES):
        # The one address that needs no domain [RFC5321 4.5.1].
        bare = local == "postmaster" and not domain
        yield Line(
            f"RCPT TO:{before}{local}{domain}{behind}".encode(),
            bare or (ours and right and form and user is not None),
            plain and not (bare and before != "<"),
        )


class BatteryTests(SynchronousTestCase):
    """No spelling makes the house relay for a stranger."""

    def setUp(self) -> None:
        world: Any = TestWorld()
        store = make_store(world)
        result_of(
            store.directory.add_alias(
                Alias(
                    Path("sales", "example.test"),
                    (Path("alice", "example.test"),),
                )
            )
        )
        self.settings = Fixed(uncounted(RealmSettings()))
        router = Router(
            Fixed(
                DeliverySettings(
                    own_addresses=frozenset([OUR_ADDRESS]),
                    literal_domain="example.test",
                )
            ),
            store,
        )
        self.realm = Realm(
            world, self.settings, store.directory, router, KeptJournal()
        )

    def play(self, address: str, sender: Path) -> tuple[int, int]:
        """Send every line; gives how many were sent and taken."""
        gate: Any = self.realm.gate(
            Client(address, 4000, "smtp", "smtp", "session-1")
        )
        drive(gate.connect())
        drive(gate.hello("client.example"))
        drive(gate.mail(sender, MailParameters()))
        sent = taken = 0
        for line in lines():
            sent += 1
            try:
                verb, argument = split_verb(line.octets)
                command = parse_command(verb, argument)
            except PeerError as error:
                self.assertTrue(error.reply.permanent, line)
                accepted = False
            else:
                assert isinstance(command, Rcpt)
                decision = drive(gate.rcpt(command.recipient))
                accepted = not decision.refuses
            taken += accepted
            if accepted or line.regular:
                self.assertEqual(accepted, line.ours, line)
        return sent, taken

    def test_B4_1_to_B4_8_strangers(self) -> None:
        """Whoever it claims to be: only our users are reached."""
        for sender in (
            Path("a", "victim.test"),
            NULL_PATH,
            Path("alice", "example.test"),
            Path("postmaster", ""),
            Path("alice", "[127.0.0.1]"),
        ):
            sent, taken = self.play("203.0.113.9", sender)
            self.assertGreater(sent, 2000)
            self.assertGreater(taken, 50)

    def test_B4_9_listed_or_not(self) -> None:
        """Under `addresses` the list counts, and nothing like it."""
        self.settings.change(
            uncounted(
                RealmSettings(
                    PolicySettings(
                        RelaySettings(
                            RelayPolicy.ADDRESSES,
                            Networks.parse(["10.0.0.0/8"]),
                        )
                    ),
                    LoginSettings(),
                )
            )
        )
        self.play("203.0.113.9", Path("alice", "example.test"))
        gate: Any = self.realm.gate(
            Client("::ffff:10.0.0.5", 4000, "smtp", "smtp", "session-2")
        )
        drive(gate.hello("client.example"))
        drive(gate.mail(NULL_PATH, MailParameters()))
        command = parse_command(*split_verb(b"RCPT TO:<x@victim.test>"))
        assert isinstance(command, Rcpt)
        decision = drive(gate.rcpt(command.recipient))
        self.assertEqual(decision.rule, "relay.listed")
