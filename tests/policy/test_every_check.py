"""Checks that tests elsewhere call by themselves, in their place."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Decision, Path
from imailpy.policy.facts import ConnectFacts, Usage
from imailpy.policy.networks import parse_network
from imailpy.policy.pipeline import Evaluation
from imailpy.policy.settings import (
    AccessEntry,
    AccessList,
    AccessMode,
    AccessRules,
    PolicySettings,
    SendingLimits,
)
from imailpy.policy.standard import STANDARD
from tests.policy.facts import (
    FOREIGN,
    LOCAL,
    NOT_OURS,
    avatar,
    client,
    mail_facts,
    rcpt_facts,
    session,
)
from tests.support.answer import answer


def ask(
    stage: str, facts: Any, settings: PolicySettings | None = None
) -> Decision:
    """Ask all checks of a stage, in their order."""
    row = Evaluation(getattr(STANDARD, stage), settings or PolicySettings(), 1)
    return answer(row.decide(facts))


class ConnectTests(SynchronousTestCase):
    """At the greeting."""

    def test_access_is_asked(self) -> None:
        """An access list is looked at before anybody is greeted."""
        entry = AccessEntry(parse_network("192.0.2.0/24", "imailpy.toml:3"))
        settings = PolicySettings(
            access=AccessRules(
                {"smtp": AccessList.of(AccessMode.GRANT, (entry,))}
            )
        )
        row = Evaluation(STANDARD.connect, settings, 1)
        for address, rule in (
            ("192.0.2.9", "connect.access"),
            ("203.0.113.9", "connect.accept"),
        ):
            decision = answer(row.decide(ConnectFacts(client(address))))
            self.assertEqual(decision.rule, rule, address)
            self.assertEqual(
                decision.refuses, rule == "connect.access", address
            )

    def test_each_limit(self) -> None:
        """Whoever is over a limit is told so before the greeting."""
        for name, most, rule in (
            ("in_total", 20_000, "connect.total"),
            ("from_address", 20, "connect.per_address"),
            ("from_network", 60, "connect.per_network"),
            ("address_rate", 300, "connect.address_rate"),
            ("network_rate", 1000, "connect.network_rate"),
        ):
            facts = ConnectFacts(client(), **{name: most})
            self.assertFalse(ask("connect", facts).refuses, rule)
            decision = ask("connect", evolve(facts, **{name: most + 1}))
            self.assertEqual((decision.rule, decision.refuses), (rule, True))


class SendingTests(SynchronousTestCase):
    """What strangers and users send."""

    def test_rate_of_strangers(self) -> None:
        """Too many messages a minute are put off at MAIL."""
        facts = evolve(mail_facts(), rate=600)
        self.assertFalse(ask("mail", facts).refuses)
        decision = ask("mail", evolve(facts, rate=601))
        self.assertEqual(
            (decision.rule, decision.refuses), ("mail.rate", True)
        )

    def test_limits_of_an_account(self) -> None:
        """Each limit of an account is looked at, in its place."""
        usage = Usage("u@local.test", SendingLimits(), burst=1.0)
        who = session(avatar=avatar())
        mail = evolve(mail_facts(who, LOCAL, sender_owned=True), usage=usage)
        rcpt = evolve(rcpt_facts(FOREIGN, NOT_OURS, mail), usage=usage)
        self.assertFalse(ask("mail", mail).refuses)
        self.assertFalse(ask("rcpt", rcpt).refuses)
        for stage, facts, changes, rule in (
            ("mail", mail, {"burst": 0.5}, "burst"),
            ("mail", mail, {"messages": 1_000}, "messages_a_day"),
            ("rcpt", rcpt, {"recipients": 3_000}, "recipients_a_day"),
            (
                "rcpt",
                evolve(rcpt, first_time=True),
                {"first_time": 1_000},
                "first_time_recipients_a_day",
            ),
        ):
            over = evolve(facts, usage=evolve(usage, **changes))
            decision = ask(stage, over)
            self.assertEqual(decision.rule, f"submission.{rule}")
            self.assertTrue(decision.refuses, rule)

    def test_domain_of_the_sender(self) -> None:
        """A user's reverse-path that no bounce could reach is refused."""
        mail = mail_facts(session(avatar=avatar()), Path("y", "laptop"))
        decision = ask("rcpt", rcpt_facts(FOREIGN, NOT_OURS, mail))
        self.assertEqual(decision.rule, "submission.bare_sender_domain")
        self.assertTrue(decision.refuses)
