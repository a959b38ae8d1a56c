"""One connection's way through the stages."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import MailHost
from imailpy.interfaces.realm import IGate, IRealm, Standing
from imailpy.mail import (
    MailParameters,
    PasswordCredentials,
    Path,
    Recipient,
    Verdict,
)
from imailpy.policy.networks import Networks
from imailpy.policy.pipeline import Check
from imailpy.policy.settings import (
    ConnectionLimits,
    PolicySettings,
    RelayPolicy,
    RelaySettings,
)
from imailpy.policy.standard import STANDARD
from imailpy.realm.record import MOST_STEPS
from imailpy.realm.settings import LoginSettings, RealmSettings
from tests.realm.support import ANN, BOB, House, TextBody, secret
from tests.support.answer import answer

FOREIGN = Path("x", "other.test")
MESSAGE = b"From: ann@local.test\r\nSubject: x\r\n\r\nHello\r\n"
LISTS = RealmSettings(
    PolicySettings(
        RelaySettings(
            RelayPolicy.ADDRESSES, Networks.parse(["203.0.113.0/24"])
        )
    )
)


def rcpt(path: Path) -> Recipient:
    return Recipient(path)


class SessionTests(SynchronousTestCase):
    """A session from connect to data."""

    def setUp(self) -> None:
        self.house = House()

    def begin(
        self, reverse_path: Path = FOREIGN, service: str = "smtp"
    ) -> Any:
        gate = self.house.gate(service)
        self.assertFalse(answer(gate.connect()).refuses)
        self.assertFalse(answer(gate.hello("client.example")).refuses)
        decision = answer(gate.mail(reverse_path, MailParameters()))
        self.assertFalse(decision.refuses, decision)
        return gate

    def sign_in(self, service: str = "submission") -> Any:
        gate = self.house.gate(service)
        answer(gate.connect())
        answer(gate.hello("laptop"))
        answer(gate.login(PasswordCredentials("ann@local.test", secret())))
        return gate

    def test_interfaces(self) -> None:
        """Realm and gate are what their doors say."""
        verifyObject(IRealm, self.house.realm)
        verifyObject(IGate, self.house.gate())

    def test_stranger_delivers(self) -> None:
        """A stranger's mail for a user of ours is taken, each stage told."""
        gate = self.begin()
        decision = answer(gate.rcpt(rcpt(ANN)))
        self.assertEqual(decision.rule, "relay.local")
        decisions = answer(gate.data([rcpt(ANN)], TextBody(MESSAGE)))
        self.assertEqual([d.verdict for d in decisions], [Verdict.ACCEPT])
        self.assertEqual(
            self.house.journal.names(),
            [
                "connect.decision",
                "hello.decision",
                "mail.decision",
                "rcpt.decision",
                "data.decision",
            ],
        )
        facts = self.house.journal.events[3][1]
        self.assertEqual(facts["session_id"], "session-1")
        self.assertEqual(facts["verdict"], "accept")
        self.assertEqual(facts["snapshot"], 1)
        self.assertEqual(facts["about"], "ann@local.test")
        self.assertEqual(len(gate.record.steps), 5)

    def test_stranger_relays_nothing(self) -> None:
        """A stranger's mail for another domain is refused at RCPT."""
        gate = self.begin()
        decision = answer(gate.rcpt(rcpt(Path("y", "elsewhere.test"))))
        self.assertEqual(str(decision.reply), "550 5.7.1 Relaying denied")
        unknown = answer(gate.rcpt(rcpt(Path("no", "local.test"))))
        self.assertEqual(str(unknown.reply), "550 5.1.1 No such user here")
        self.assertEqual(answer(gate.rcpt(rcpt(ANN))).refuses, False)

    def test_no_hello(self) -> None:
        """MAIL without a greeting is refused, after STARTTLS too."""
        gate = self.house.gate()
        answer(gate.connect())
        refused = answer(gate.mail(FOREIGN, MailParameters()))
        self.assertEqual(refused.rule, "hello.missing")
        answer(gate.hello("client.example"))
        gate.secured("TLSv1.3")
        refused = answer(gate.mail(FOREIGN, MailParameters()))
        self.assertEqual(refused.rule, "hello.missing")

    def test_refused_hello_counts_for_nothing(self) -> None:
        """A name that is refused is no greeting."""
        gate = self.house.gate()
        self.assertTrue(answer(gate.hello("two words")).refuses)
        refused = answer(gate.mail(FOREIGN, MailParameters()))
        self.assertEqual(refused.rule, "hello.missing")

    def test_submission(self) -> None:
        """A user submits mail as itself, to anywhere."""
        gate = self.sign_in()
        for sender in (
            ANN,
            Path("ann+box", "local.test"),
            Path("info", "local.test"),
        ):
            self.assertFalse(
                answer(gate.mail(sender, MailParameters())).refuses
            )
        self.assertEqual(
            answer(gate.rcpt(rcpt(FOREIGN))).rule, "relay.authenticated"
        )
        (decision,) = answer(gate.data([rcpt(FOREIGN)], TextBody(MESSAGE)))
        self.assertFalse(decision.refuses)

    def test_B4_13_spoofing(self) -> None:
        """A user sends under nobody else's name, in envelope or header."""
        for service in ("submission", "smtp"):
            gate = self.sign_in(service)
            refused = answer(gate.mail(BOB, MailParameters()))
            self.assertEqual(
                str(refused.reply),
                "553 5.7.1 Sender address not owned by you",
            )
            self.assertRaises(ValueError, answer, gate.rcpt(rcpt(ANN)))
            answer(gate.mail(ANN, MailParameters()))
            answer(gate.rcpt(rcpt(FOREIGN)))
            answer(gate.rcpt(rcpt(BOB)))
            decisions = answer(
                gate.data(
                    [rcpt(FOREIGN), rcpt(BOB)],
                    TextBody(MESSAGE.replace(b"ann", b"bob")),
                )
            )
            self.assertEqual(
                {str(each.reply) for each in decisions},
                {"553 5.7.1 From address not owned by you"},
            )

    def test_login_required(self) -> None:
        """A submission listener takes no mail before a login."""
        gate = self.house.gate("submission")
        answer(gate.hello("laptop"))
        refused = answer(gate.mail(ANN, MailParameters()))
        self.assertEqual(
            str(refused.reply), "530 5.7.0 Authentication required"
        )

    def test_starttls_forgets_login(self) -> None:
        """What was proven in plain text does not count behind STARTTLS."""
        gate = self.sign_in()
        gate.secured("TLSv1.3")
        self.assertIsNone(gate.avatar)
        answer(gate.hello("laptop"))
        refused = answer(gate.mail(ANN, MailParameters()))
        self.assertEqual(refused.rule, "submission.login_required")

    def test_directory_down(self) -> None:
        """Not knowing whether a recipient is ours means: later."""
        gate = self.begin()
        self.house.directory.down = True
        decision = answer(gate.rcpt(rcpt(ANN)))
        self.assertEqual(decision.verdict, Verdict.DEFER)
        self.assertEqual(decision.reply.code, 451)
        self.house.directory.down = False
        gate = self.sign_in()
        self.house.directory.down = True
        decision = answer(
            gate.mail(Path("ann+box", "local.test"), MailParameters())
        )
        self.assertEqual(decision.verdict, Verdict.DEFER)
        self.house.directory.down = False
        answer(gate.mail(ANN, MailParameters()))
        answer(gate.rcpt(rcpt(FOREIGN)))
        self.house.directory.down = True
        (decision,) = answer(
            gate.data(
                [rcpt(FOREIGN)],
                TextBody(b"From: ann+box@local.test\r\n\r\n"),
            )
        )
        self.assertEqual(decision.rule, "data.unavailable")

    def test_transaction_keeps_its_settings(self) -> None:
        """A reload does not change a transaction under way."""
        self.house.settings.change(LISTS)
        gate = self.begin()
        self.house.settings.change(RealmSettings())
        decision = answer(gate.rcpt(rcpt(FOREIGN)))
        self.assertEqual(
            (decision.rule, decision.snapshot), ("relay.listed", 2)
        )
        gate.reset()
        answer(gate.mail(FOREIGN, MailParameters()))
        decision = answer(gate.rcpt(rcpt(FOREIGN)))
        self.assertEqual(
            (decision.rule, decision.snapshot), ("relay.stranger", 3)
        )

    def test_reset(self) -> None:
        """After a reset there is no transaction to add a recipient to."""
        gate = self.begin()
        gate.reset()
        self.assertRaises(ValueError, answer, gate.rcpt(rcpt(ANN)))

    def test_recipients_differ_at_data(self) -> None:
        """Over SMTP one full mailbox among others is queued for; over LMTP
        it is answered by itself."""
        full = Standing(True, True, room_octets=10)
        for service, verdicts in (
            ("smtp", [Verdict.ACCEPT, Verdict.ACCEPT]),
            ("lmtp", [Verdict.ACCEPT, Verdict.DEFER]),
        ):
            self.house.recipients.told[BOB] = full
            gate = self.begin(service=service)
            for path in (ANN, BOB):
                self.assertFalse(answer(gate.rcpt(rcpt(path))).refuses)
            decisions = answer(
                gate.data([rcpt(ANN), rcpt(BOB)], TextBody(MESSAGE))
            )
            self.assertEqual([d.verdict for d in decisions], verdicts)
            self.assertEqual(decisions[1].rule, "recipient.quota")

    def test_connection_limits(self) -> None:
        """The limit counts what is open, by service, and is reloaded."""
        limited = RealmSettings(
            PolicySettings(limits=ConnectionLimits(2, 3, 4))
        )
        self.house.settings.change(limited)
        gates = [self.house.gate() for _ in range(3)]
        said = [answer(gate.connect()).rule for gate in gates]
        self.assertEqual(
            said,
            ["connect.accept", "connect.accept", "connect.per_address"],
        )
        self.assertFalse(answer(self.house.gate("imap").connect()).refuses)
        for gate in gates[1:]:
            gate.closed()
            gate.closed()
        self.assertFalse(answer(self.house.gate().connect()).refuses)
        self.assertEqual(
            answer(self.house.gate("smtp", "203.0.113.8").connect()).rule,
            "connect.accept",
        )
        self.assertEqual(
            answer(self.house.gate("smtp", "203.0.113.7").connect()).rule,
            "connect.total",
        )

    def test_own_checks(self) -> None:
        """An operator's check takes its place among the built-in ones."""
        asked = []

        def kill(facts: Any, settings: Any) -> None:
            asked.append(facts.reverse_path)

        from attrs import evolve

        pipeline = evolve(
            STANDARD,
            mail=STANDARD.mail.with_check("kill-list", Check("mine", kill)),
        )
        self.house.realm.books.use(pipeline)
        self.begin()
        self.assertEqual(asked, [FOREIGN])

    def test_memory_of_a_session(self) -> None:
        """A client that never stops talking fills no memory."""
        gate = self.begin()
        for _ in range(MOST_STEPS + 100):
            answer(gate.rcpt(rcpt(FOREIGN)))
        self.assertLessEqual(len(gate.record.steps), MOST_STEPS)


class Resolver:
    """DNS with an answer that a test set."""

    def __init__(self) -> None:
        self.hosts: Any = []
        self.found: Any = []
        self.asked = 0

    def mx(self, domain: str) -> Deferred[Any]:
        self.asked += 1
        done: Deferred[Any] = Deferred()
        if isinstance(self.hosts, Exception):
            done.errback(self.hosts)
        else:
            done.callback(self.hosts)
        return done

    async def addresses(self, host: str) -> Any:
        return self.found


class RecipientDomainTests(SynchronousTestCase):
    """A user's recipients, looked up."""

    def rule(self, hosts: Any, found: Any = ()) -> tuple[str, int]:
        resolver = Resolver()
        resolver.hosts, resolver.found = hosts, found
        house = House(
            RealmSettings(login=LoginSettings(failure_delay_s=0)),
            resolver=resolver,
        )
        gate = house.gate("submission")
        answer(gate.hello("laptop"))
        answer(gate.login(PasswordCredentials("ann@local.test", secret())))
        answer(gate.mail(ANN, MailParameters()))
        for _ in range(2):
            decision = answer(gate.rcpt(rcpt(FOREIGN)))
        return decision.rule, resolver.asked

    def test_answers(self) -> None:
        """NXDOMAIN and null MX are refused, no answer is deferred; a burst
        of recipients asks once."""
        for hosts, found, expected in (
            ([MailHost(10, "mx.other.test")], [], "relay.authenticated"),
            ([], ["192.0.2.1"], "relay.authenticated"),
            ([], [], "submission.recipient_domain_missing"),
            (None, [], "submission.recipient_domain_missing"),
            (
                [MailHost(0, "")],
                [],
                "submission.recipient_domain_takes_no_mail",
            ),
        ):
            self.assertEqual(self.rule(hosts, found), (expected, 1), hosts)
        self.assertEqual(
            self.rule(LookupFailed("SERVFAIL")),
            ("submission.recipient_domain_unknown", 2),
        )
