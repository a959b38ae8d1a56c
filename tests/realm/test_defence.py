"""Guessing passwords, trying names, coming in masses."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import LoginRefused, LoginUnavailable
from imailpy.interfaces.realm import Standing
from imailpy.mail import (
    MailParameters,
    PasswordCredentials,
    Path,
    Recipient,
    Secret,
    Sign,
)
from imailpy.policy.networks import Networks
from imailpy.policy.settings import (
    ConnectionLimits,
    HarvestRules,
    PolicySettings,
)
from imailpy.realm.settings import (
    BanSettings,
    LoginSettings,
    RealmSettings,
    StressSettings,
)
from tests.realm.support import ANN, PASSWORD, House, drive


def shown(password: str = PASSWORD, name: str = "ann@local.test") -> Any:
    return PasswordCredentials(name, Secret(password.encode()))


class GuessingTests(SynchronousTestCase):
    """Failed logins."""

    step_s = 0.5

    def setUp(self) -> None:
        self.house = House(
            RealmSettings(
                login=LoginSettings(
                    failure_delay_s=0, cache_s=0, slow_step_s=self.step_s
                ),
                bans=BanSettings(enabled=False),
            )
        )

    def fail_from(self, address: str) -> type[Exception] | None:
        gate = self.house.gate("imap", address)
        try:
            drive(gate.login(shown("wrong password")))
        except (LoginRefused, LoginUnavailable) as error:
            return type(error)
        return None

    def test_B9_5_windows_by_network(self) -> None:
        """10 a minute from an address, 30 from a /26; IPv6 /64 and /48."""
        self.step_s = 0.0
        self.setUp()
        for form, near in (
            ("203.0.113.{}", 3),
            ("2001:db8:0:{}::1", 3),
        ):
            said = [
                self.fail_from(form.format(near + at // 10))
                for at in range(30)
            ]
            self.assertEqual(said, [LoginRefused] * 30)
            self.assertEqual(
                self.fail_from(form.format(9)), LoginUnavailable, form
            )
        self.house.world.clock.reactor.advance(60)

    def attack(self, times: int) -> None:
        settings = self.house.settings.current.login
        for _ in range(times):
            self.house.realm.slowing.failed("ann@local.test", settings)

    def login(self, address: str) -> Any:
        gate = self.house.gate("imap", address)
        return Deferred.fromCoroutine(gate.login(shown()))

    def test_B9_5_slowed_never_locked_out(self) -> None:
        """
        An account attacked from a thousand addresses: strangers wait,
        longer and longer, up to a bound; then they are let in.
        """
        waits = []
        for _ in range(4):
            self.attack(20)
            settings = self.house.settings.current.login
            waits.append(
                self.house.realm.slowing.delay_s(
                    "ann@local.test", "192.0.2.1", settings
                )
            )
        self.assertEqual(waits, [0.5, 10.5, 15.0, 15.0])
        done = self.login("192.0.2.1")
        self.assertNoResult(done)
        self.house.world.clock.reactor.advance(15)
        self.assertEqual(self.successResultOf(done).account.address, ANN)

    def test_B9_5_known_addresses_do_not_wait(self) -> None:
        """Where its owner has signed in before it is as ever."""
        self.successResultOf(self.login("192.0.2.1"))
        self.attack(1000)
        self.successResultOf(self.login("192.0.2.1"))
        self.assertNoResult(self.login("192.0.2.2"))

    def test_B9_5_names_that_do_not_exist_wait_likewise(self) -> None:
        """The wait does not tell whether there is such an account."""
        settings = self.house.settings.current.login
        slowing = self.house.realm.slowing
        for name in ("ann@local.test", "nobody@local.test", "no\u0000name"):
            for _ in range(30):
                slowing.failed(name, settings)
            self.assertEqual(slowing.delay_s(name, "192.0.2.1", settings), 5.5)

    def test_failures_count_toward_a_ban(self) -> None:
        """25 failures within the window are enough, spelt as one may."""
        house = self.house = House(
            RealmSettings(login=LoginSettings(0, windows=(), slow_after=0))
        )
        for _ in range(24):
            self.fail_from("203.0.113.9")
        self.assertEqual(house.realm.bans.all(), [])
        self.fail_from("203.0.113.9")
        (ban,) = house.realm.bans.all()
        self.assertIn("failed_login on imap", ban.why)


class HarvestTests(SynchronousTestCase):
    """Trying names."""

    def setUp(self) -> None:
        self.house = House(
            RealmSettings(
                PolicySettings(harvest=HarvestRules(3, 1.0, 6)),
                bans=BanSettings(exempt=Networks.parse(["192.0.2.0/24"])),
            )
        )

    def begin(self, address: str = "203.0.113.9", service: str = "smtp"):
        gate = self.house.gate(service, address)
        drive(gate.hello("client.example"))
        drive(gate.mail(Path("x", "other.test"), MailParameters()))
        return gate

    def ask(self, gate: Any, name: str) -> tuple[str, float]:
        """Give rule of the answer, and how long it took."""
        path = Path(name, "local.test")
        done = Deferred.fromCoroutine(gate.rcpt(Recipient(path)))
        clock = self.house.world.clock.reactor
        began = clock.seconds()
        while not done.called:
            clock.advance(0.5)
        decision = self.successResultOf(done)
        return decision.rule, clock.seconds() - began

    def test_B9_10_delay_then_421_and_a_sign(self) -> None:
        """After so many each answer is late; after more it is 421."""
        gate = self.begin()
        said = [self.ask(gate, f"n{at}") for at in range(6)]
        self.assertEqual(
            said,
            [
                ("recipient.unknown", wait)
                for wait in (0.0, 0.0, 0.0, 1.0, 2.0, 3.0)
            ],
        )
        self.assertEqual(self.ask(gate, "n7")[0], "recipient.harvest")
        # Whether there is such a user makes no difference.
        self.assertEqual(self.ask(gate, "ann")[0], "recipient.harvest")
        gate.closed()
        # Another connection of the same address does not begin anew.
        self.assertEqual(self.ask(self.begin(), "ann")[0], "recipient.harvest")
        self.assertEqual(
            self.ask(self.begin("203.0.113.8"), "ann")[0], "relay.local"
        )
        gate = self.begin()
        path = Recipient(Path("ann", "local.test"))
        self.assertEqual(drive(gate.rcpt(path)).reply.code, 421)

    def test_B9_10_sign(self) -> None:
        """It counts toward a ban once, not with each name."""
        signs: list[Sign] = []
        gate = self.begin()
        gate.noticed = signs.append
        for at in range(10):
            self.ask(gate, f"n{at}")
        self.assertEqual(signs, [Sign.UNKNOWN_RECIPIENTS])

    def test_B9_10_users_and_lmtp_are_not_harvesters(self) -> None:
        """A list server by LMTP, and exempt networks, may ask for many."""
        for gate in (self.begin(service="lmtp"), self.begin("192.0.2.7")):
            said = {self.ask(gate, f"n{at}") for at in range(9)}
            self.assertEqual(said, {("recipient.unknown", 0.0)})

    def test_B9_10_full_and_unknown(self) -> None:
        """
        A full mailbox is 4xx, an unknown one 5xx, a disabled account takes
        mail as any other: the texts tell no more.
        """
        gate = self.begin()
        self.house.directory.disable(ANN)
        full = Path("bob", "local.test")
        self.house.recipients.told[full] = Standing(True, True, True)
        codes = []
        for name in ("ann", "bob", "nobody"):
            path = Recipient(Path(name, "local.test"))
            decision = drive(gate.rcpt(path))
            reply = decision.reply
            codes.append(reply.code if reply is not None else 250)
        self.assertEqual(codes, [250, 452, 550])


class MassesTests(SynchronousTestCase):
    """Rates and stress."""

    def make(self, limits: ConnectionLimits, **more: Any) -> House:
        return House(RealmSettings(PolicySettings(limits=limits), **more))

    def test_B13_1_connections_a_minute(self) -> None:
        """Each service counts addresses and networks by the minute."""
        house = self.make(
            ConnectionLimits(
                address_rate=3,
                network_rate=5,
                exempt=Networks.parse(["203.0.113.200"]),
            )
        )

        def come(address: str, service: str = "smtp") -> str:
            gate = house.gate(service, address)
            decision = drive(gate.connect())
            gate.closed()
            return str(decision.rule)

        said = [come("203.0.113.1") for _ in range(4)]
        self.assertEqual(
            said, ["connect.accept"] * 3 + ["connect.address_rate"]
        )
        self.assertEqual(come("203.0.113.1", "imap"), "connect.accept")
        self.assertEqual(come("203.0.113.2"), "connect.accept")
        self.assertEqual(come("203.0.113.3"), "connect.network_rate")
        self.assertEqual(come("203.0.113.200"), "connect.accept")
        house.world.clock.reactor.advance(60)
        self.assertEqual(come("203.0.113.1"), "connect.accept")

    def test_B13_1_refused_take_no_place(self) -> None:
        """Who is sent away is not counted while it goes: a flood from one
        address is no reason to send others away."""
        house = self.make(ConnectionLimits(per_address=2, total=4))
        gates = [house.gate("smtp", "203.0.113.1") for _ in range(20)]
        said = [drive(gate.connect()).rule for gate in gates]
        self.assertEqual(
            said, ["connect.accept"] * 2 + ["connect.per_address"] * 18
        )
        other = house.gate("smtp", "198.51.100.1")
        self.assertEqual(drive(other.connect()).rule, "connect.accept")
        for gate in (*gates, other):
            gate.closed()
        self.assertEqual(house.realm.connections.total, 0)

    def test_B13_1_messages_a_minute(self) -> None:
        """Strangers' messages are counted, users' are not."""
        house = self.make(ConnectionLimits(message_rate=2))

        def send(gate: Any) -> str:
            path = Path("x", "other.test")
            return str(drive(gate.mail(path, MailParameters())).rule)

        gate = house.gate()
        drive(gate.hello("client.example"))
        said = [send(gate) for _ in range(3)]
        self.assertEqual(said, ["mail.accept"] * 2 + ["mail.rate"])
        user = house.gate("submission")
        drive(user.hello("client.example"))
        drive(user.login(shown()))
        self.assertNotEqual(send(user), "mail.rate")

    def test_B13_1_stress(self) -> None:
        """
        Stress begins at its share of all connections, ends after a time of
        calm well below it, and is told both times; users do not feel it.
        """
        house = self.make(
            ConnectionLimits(per_address=0, per_network=0, total=10),
            stress=StressSettings(calm_s=30),
        )
        clock = house.world.clock.reactor
        gates = [house.gate() for _ in range(8)]
        for at, gate in enumerate(gates):
            drive(gate.connect())
            self.assertEqual(house.realm.stress.on, at == 7)
        self.assertTrue(gates[0].stressed)
        drive(gates[0].login(shown()))
        self.assertFalse(gates[0].stressed)
        for gate in gates[:2]:
            # Six are still within the band: nothing flickers.
            gate.closed()
        clock.advance(100)
        house.realm.stress.look()
        self.assertTrue(house.realm.stress.on)
        gates[2].closed()
        clock.advance(29)
        house.realm.stress.look()
        self.assertTrue(house.realm.stress.on)
        clock.advance(1)
        house.realm.stress.look()
        self.assertFalse(house.realm.stress.on)
        told = [event for event, _ in house.journal.events]
        self.assertEqual(
            [event for event in told if event.startswith("stress")],
            ["stress.begun", "stress.over"],
        )

    def test_B13_1_lag_is_stress(self) -> None:
        """A reactor that is late is stress, too."""
        house = self.make(ConnectionLimits())
        house.realm.stress.was_late(0.2)
        self.assertFalse(house.realm.stress.on)
        house.realm.stress.was_late(1.5)
        self.assertTrue(house.realm.stress.on)
