"""Bans: who shows signs of attack stays out for a time."""

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from imailpy.errors import StoreUnavailable
from imailpy.interfaces.bans import IBans
from imailpy.mail import Ban, Sign
from imailpy.policy.networks import Networks
from imailpy.realm.bans import canonical, network_of
from imailpy.realm.settings import (
    BanSettings,
    LoginSettings,
    RealmSettings,
)
from imailpy.store.memory.bans import MemoryBans
from tests.realm.support import House, drive

STRANGER = "203.0.113.9"


@implementer(IBans)
class FailingBans(MemoryBans):
    """A store that does not take everything."""

    down = False

    async def change(
        self, bans: Sequence[Ban], removed: Sequence[str] = ()
    ) -> None:
        if self.down:
            raise StoreUnavailable("the test says so")
        await super().change(bans, removed)


class BansTests(SynchronousTestCase):
    """On one server."""

    def setUp(self) -> None:
        self.kept = FailingBans()
        self.house = self.make()

    def make(self, **changes: Any) -> House:
        settings = RealmSettings(
            login=LoginSettings(failure_delay_s=0),
            bans=evolve(BanSettings(), **changes),
        )
        return House(settings, bans=self.kept)

    def advance(self, seconds: float) -> None:
        self.house.world.clock.reactor.advance(seconds)

    def rule(self, address: str = STRANGER, service: str = "smtp") -> str:
        gate = self.house.gate(service, address)
        try:
            return str(drive(gate.connect()).rule)
        finally:
            gate.closed()

    def show(self, sign: Sign, times: int = 1, address: str = STRANGER):
        gate = self.house.gate("imap", address)
        drive(gate.connect())
        for _ in range(times):
            gate.noticed(sign)
        return gate

    def test_score(self) -> None:
        """Signs add up; enough of them within the window ban."""
        self.show(Sign.LONG_COMMAND)
        self.assertEqual(self.rule(), "connect.accept")
        self.show(Sign.LONG_COMMAND)
        for service in ("smtp", "imap", "pop3", "submission"):
            self.assertEqual(self.rule(service=service), "connect.banned")
        self.assertEqual(self.rule("203.0.113.10"), "connect.accept")

    def test_window(self) -> None:
        """Signs of long ago do not count."""
        self.show(Sign.LONG_COMMAND)
        self.advance(600)
        self.show(Sign.LONG_COMMAND)
        self.assertEqual(self.rule(), "connect.accept")

    def test_decision_names_the_ban(self) -> None:
        """The decision has ban, signs, and the session that caused it."""
        self.show(Sign.HTTP)
        gate = self.house.gate()
        decision = drive(gate.connect())
        self.assertEqual(decision.entry, "ban 203.0.113.9/32")
        self.assertIn("http on imap, score 100", decision.reason)
        self.assertEqual(decision.reply.code, 421)
        self.assertNotIn("ban", decision.reply.text)
        (ban,) = self.house.realm.bans.all()
        self.assertEqual((ban.session_id, ban.by), ("session-1", "server"))

    def test_it_ends_and_grows(self) -> None:
        """It ends by itself; repeaters stay out longer, up to a bound."""
        lengths = []
        for _ in range(6):
            self.show(Sign.HTTP)
            (ban,) = self.house.realm.bans.all()
            lengths.append((ban.until or 0) - ban.since)
            self.advance(lengths[-1])
            self.assertEqual(self.rule(), "connect.accept")
        self.assertEqual(lengths, [600, 2400, 9600, 38400, 86400, 86400])
        self.advance(8 * 86_400)
        self.show(Sign.HTTP)
        (ban,) = self.house.realm.bans.all()
        self.assertEqual(ban.times, 1)

    def test_networks(self) -> None:
        """One IPv4 address, one IPv6 /64, mapped addresses as IPv4."""
        for address, network in (
            (STRANGER, "203.0.113.9/32"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ):
            self.assertEqual(network_of(address), network)
        self.show(Sign.HTTP, address="2001:db8:1:2:3::4")
        self.assertEqual(self.rule("2001:db8:1:2:ffff::1"), "connect.banned")
        self.assertEqual(self.rule("2001:db8:1:3::4"), "connect.accept")
        # A Unix socket is nobody in particular.
        self.show(Sign.HTTP, 3, address="")
        self.assertEqual(self.rule(""), "connect.accept")

    def test_exempt_and_switched_off(self) -> None:
        """Exempt networks are banned by hand alone; off is off."""
        exempt = Networks.parse(["203.0.113.0/24"])
        self.house = self.make(exempt=exempt)
        self.show(Sign.HTTP, 3)
        self.assertEqual(self.rule(), "connect.accept")
        self.house.realm.bans.add(
            Ban(canonical(STRANGER), "by hand", by="operator")
        )
        self.assertEqual(self.rule(), "connect.banned")
        self.house = self.make(enabled=False)
        self.show(Sign.HTTP, 3)
        self.assertEqual(self.rule(), "connect.accept")

    def test_live_connections_part(self) -> None:
        """Who is connected when the ban comes hears of it, once."""
        there = self.house.gate("imap")
        other = self.house.gate("imap", "203.0.113.10")
        for gate in (there, other):
            drive(gate.connect())
            self.assertIsNone(gate.parting())
        self.show(Sign.HTTP)
        decision = there.parting()
        self.assertEqual(decision.rule, "connect.banned")
        self.assertIsNone(there.parting())
        self.assertIsNone(other.parting())

    def test_restart(self) -> None:
        """Bans are kept once the reactor has had its turn, and hold after."""
        self.show(Sign.HTTP)
        self.house.realm.bans.add(Ban("192.0.2.0/24", "mine", by="operator"))
        self.advance(0)
        self.house = self.make()
        drive(self.house.realm.bans.load())
        self.assertEqual(self.rule(), "connect.banned")
        self.assertEqual(self.rule("192.0.2.200"), "connect.banned")
        self.assertIsNotNone(self.house.realm.bans.remove("192.0.2.0/24"))
        self.assertIsNone(self.house.realm.bans.remove("192.0.2.0/24"))
        self.assertEqual(self.rule("192.0.2.200"), "connect.accept")
        self.advance(0)
        (kept,) = drive(self.kept.bans())
        self.assertEqual(kept.network, "203.0.113.9/32")

    def test_store_down(self) -> None:
        """A store that fails keeps nobody in or out; it is told later."""
        self.kept.down = True
        self.show(Sign.HTTP)
        self.advance(0)
        self.assertEqual(self.rule(), "connect.banned")
        self.assertEqual(drive(self.kept.bans()), [])
        self.kept.down = False
        self.advance(30)
        self.assertEqual(len(drive(self.kept.bans())), 1)

    def test_bounded(self) -> None:
        """The oldest make place, those made by hand the last of all."""
        self.house = self.make(most=10)
        bans = self.house.realm.bans
        bans.add(Ban("192.0.2.0/24", "mine", by="operator"))
        for at in range(50):
            self.show(Sign.HTTP, address=f"203.0.113.{at}")
        self.assertEqual(len(bans), 10)
        self.assertEqual(self.rule("192.0.2.1"), "connect.banned")
        self.assertEqual(self.rule("203.0.113.49"), "connect.banned")
        self.assertEqual(self.rule("203.0.113.1"), "connect.accept")
        self.advance(0)
        self.assertEqual(len(drive(self.kept.bans())), 10)

    def test_swept(self) -> None:
        """What is long over is forgotten, in the store as well."""
        self.show(Sign.HTTP)
        self.advance(600 + 8 * 86_400)
        self.show(Sign.HTTP, address="203.0.113.77")
        self.advance(0)
        (kept,) = drive(self.kept.bans())
        self.assertEqual(kept.network, "203.0.113.77/32")
