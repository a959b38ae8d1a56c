"""Access control: who may talk to a service at all."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Ban, Verdict
from imailpy.policy.access import access, banned
from imailpy.policy.facts import ConnectFacts
from imailpy.policy.networks import parse_network
from imailpy.policy.settings import (
    AccessAnswer,
    AccessEntry,
    AccessList,
    AccessMode,
    AccessRules,
    PolicySettings,
)
from tests.policy.facts import client


def entry(text: str, at: int = 1, **more: Any) -> AccessEntry:
    return AccessEntry(parse_network(text, f"imailpy.toml:{at}"), **more)


def ask(
    rule: AccessList, address: str, service: str = "smtp", now: float = 100.0
) -> Any:
    return access(
        ConnectFacts(client(address, service), now=now),
        PolicySettings(access=AccessRules({"smtp": rule})),
    )


class AccessTests(SynchronousTestCase):
    """The list of one service."""

    ENTRIES = (
        entry("192.0.2.0/24", 3, note="a bad net"),
        entry("198.51.100.7", 4, until=200.0),
        entry("2001:db8::/32", 5, until=200.0, note="until then"),
    )

    def test_grant_all_except(self) -> None:
        """Who is listed is refused, and the entry with its note is told."""
        rule = AccessList.of(AccessMode.GRANT, self.ENTRIES)
        for address, hit in (
            ("192.0.2.99", "imailpy.toml:3 (a bad net)"),
            ("::ffff:192.0.2.99", "imailpy.toml:3 (a bad net)"),
            ("198.51.100.7", "imailpy.toml:4"),
            ("2001:db8:5::1", "imailpy.toml:5 (until then)"),
            ("198.51.100.8", None),
            ("", None),
        ):
            decision = ask(rule, address)
            self.assertEqual(decision and decision.entry, hit, address)
        self.assertIsNone(ask(rule, "192.0.2.99", "imap"))

    def test_deny_all_except(self) -> None:
        """Who is not listed is refused; the mode's line is told."""
        rule = AccessList.of(
            AccessMode.DENY, self.ENTRIES, where="imailpy.toml:2"
        )
        self.assertIsNone(ask(rule, "192.0.2.99"))
        decision = ask(rule, "203.0.113.1")
        self.assertEqual(decision.entry, "imailpy.toml:2")
        self.assertIn("is not in the list of smtp", decision.reason)

    def test_expiry_without_reload(self) -> None:
        """An entry counts up to its moment, and not from it on."""
        for mode, before, after in (
            (AccessMode.GRANT, False, True),
            (AccessMode.DENY, True, False),
        ):
            rule = AccessList.of(mode, self.ENTRIES)
            for now, let_in in ((199.9, before), (200.0, after)):
                said = ask(rule, "198.51.100.7", now=now)
                self.assertEqual(said is None, let_in, (mode, now))

    def test_wider_entry_stays(self) -> None:
        """Where a narrow entry has ended the wider one still counts."""
        rule = AccessList.of(
            AccessMode.GRANT,
            (
                entry("198.51.100.7", 1, until=50.0),
                entry("198.51.100.0/24", 2, until=500.0),
                entry("198.51.100.7", 3, until=20.0),
            ),
        )
        self.assertEqual(ask(rule, "198.51.100.7").entry, "imailpy.toml:2")

    def test_answers(self) -> None:
        """421 closes; 554 stays and is final [RFC5321 3.1]."""
        for answer, code, verdict in (
            (AccessAnswer.CLOSE, 421, Verdict.DEFER),
            (AccessAnswer.REFUSE, 554, Verdict.REJECT),
        ):
            rule = AccessList.of(AccessMode.GRANT, self.ENTRIES, answer)
            decision = ask(rule, "192.0.2.1")
            self.assertEqual(decision.reply.code, code)
            self.assertIs(decision.verdict, verdict)
            self.assertNotIn("192.0.2", decision.reply.text)

    def test_ban(self) -> None:
        """The ban is the entry, its reason is told to us alone."""
        facts = ConnectFacts(
            client(), ban=Ban("203.0.113.9/32", "http on imap")
        )
        decision: Any = banned(facts, PolicySettings())
        self.assertEqual(decision.entry, "ban 203.0.113.9/32")
        self.assertNotIn("http", decision.reply.text)
        self.assertIsNone(banned(ConnectFacts(client()), PolicySettings()))
