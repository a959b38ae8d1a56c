"""Checks that tests elsewhere call by themselves, in their place."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.policy.facts import ConnectFacts
from imailpy.policy.networks import parse_network
from imailpy.policy.pipeline import STANDARD, Evaluation
from imailpy.policy.settings import (
    AccessEntry,
    AccessList,
    AccessMode,
    AccessRules,
    PolicySettings,
)
from tests.policy.facts import client
from tests.support.answer import answer


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
