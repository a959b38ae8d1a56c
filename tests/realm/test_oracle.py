"""
The relay battery against an oracle, under every policy.

20,000 attempts or more in each run, half of them from a seed of the day's
choosing: a failure prints it.
"""

from __future__ import annotations

import os
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.interfaces.directory import Alias
from imailpy.mail import Client, MailParameters, Path
from imailpy.policy.addresses import AddressList
from imailpy.policy.networks import Networks
from imailpy.policy.settings import (
    OnwardDomain,
    PolicySettings,
    RelayPolicy,
    RelaySettings,
)
from imailpy.realm.battery import (
    Outcome,
    Peer,
    Site,
    Tally,
    expected,
    generated,
    play,
    survey,
)
from imailpy.realm.battery.oracle import read_argument
from imailpy.realm.battery.site import STRANGERS
from imailpy.realm.realm import Realm
from imailpy.realm.rehearsal import Rehearsal
from imailpy.realm.settings import RealmSettings
from tests.realm.support import drive
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import account_of, make_store
from tests.support.world import TestWorld, result_of

OURS = "192.0.2.1"
COUNT = 2_100
SEEDS = (1, int.from_bytes(os.urandom(4)))


class Played:
    """A site and a realm for it, by policy."""

    def __init__(self) -> None:
        world: Any = TestWorld()
        self.store = make_store(world)
        for address, target in (
            ("sales@example.test", "alice@example.test"),
            ("away@example.test", "ann@elsewhere.test"),
            ("circle@example.test", "circle2@example.test"),
            ("circle2@example.test", "circle@example.test"),
        ):
            alias = Alias(Path.parse(address), (Path.parse(target),))
            result_of(self.store.directory.add_alias(alias))
        router = Router(
            Fixed(DeliverySettings(own_addresses=frozenset([OURS]))),
            self.store,
        )
        self.settings = Fixed(RealmSettings())
        self.realm = Realm(
            world,
            self.settings,
            self.store.directory,
            router,
            KeptJournal(),
        )

    def site(self, policy: RelayPolicy) -> Site:
        """What the oracle knows."""
        user = account_of(self.store, "alice@example.test")
        listed = policy is RelayPolicy.ADDRESSES
        return evolve(
            drive(survey(self.store.directory)),
            own_addresses=(OURS,),
            policy=policy.value,
            accepted=("friend@accepted.test", "@whole.test", "@*tail.test"),
            onward=("theirs.test",),
            peers=(
                *STRANGERS,
                Peer("listed client", "10.0.0.5", listed=listed),
                Peer("listed in clothes", "::ffff:10.9.9.9", listed=listed),
                Peer("next to the list", "11.0.0.1"),
                Peer("user", "203.0.113.9", "submission", "s", user=user),
            ),
        )

    def tell(self, policy: RelayPolicy) -> None:
        """Have the realm go by a policy."""
        self.settings.change(
            RealmSettings(
                PolicySettings(
                    RelaySettings(
                        policy,
                        Networks.parse(["10.0.0.0/8"]),
                        AddressList.of(
                            [
                                "friend@accepted.test",
                                "@whole.test",
                                "@*tail.test",
                            ]
                        ),
                        {"theirs.test": OnwardDomain()},
                    )
                )
            )
        )

    def play(self, policy: RelayPolicy, seed: int, count: int) -> Tally:
        """Play against a policy."""
        self.tell(policy)
        site = self.site(policy)
        realm = Rehearsal(self.realm)
        found: Tally = drive(play(realm, site, generated(seed, count, site)))
        return found


class OracleTests(SynchronousTestCase):
    """No relay that the table does not allow."""

    def test_B4_15_every_policy(self) -> None:
        """20,000 attempts and more, and what is taken is what may be."""
        house = Played()
        played = 0
        for seed in SEEDS:
            for policy in RelayPolicy:
                tally = house.play(policy, seed, COUNT)
                played += tally.played
                told = f"{policy.value}, seed {seed}"
                wrong = "\n".join(map(str, tally.wrong))
                self.assertEqual(tally.wrongs, 0, f"{told}:\n{wrong}")
                self.assertGreater(tally.taken, COUNT // 50, told)
        self.assertGreaterEqual(played, 20_000)

    def test_B4_15_each_claim_is_played(self) -> None:
        """The battery comes to every rule by which a policy lets relay."""
        house = Played()
        rules = {
            RelayPolicy.NONE: {"relay.authenticated"},
            RelayPolicy.ADDRESSES: {"relay.authenticated", "relay.listed"},
            RelayPolicy.LOCAL_USERS: {
                "relay.authenticated",
                "relay.local_user",
                "relay.accept_list",
            },
            RelayPolicy.LOCAL_HOSTS: {
                "relay.authenticated",
                "relay.local_domain",
                "relay.accept_list",
            },
        }
        for policy, wanted in rules.items():
            tally = house.play(policy, 5, 4000)
            self.assertEqual(set(tally.relayed), wanted, policy)

    def test_same_seed_same_attempts(self) -> None:
        """What was found once is found again."""
        site = Played().site(RelayPolicy.NONE)
        first = [str(each) for each in generated(7, 500, site)]
        self.assertEqual(
            first, [str(each) for each in generated(7, 500, site)]
        )
        self.assertNotEqual(
            first, [str(each) for each in generated(8, 500, site)]
        )
        self.assertEqual(len(first), 500)


class ReaderTests(SynchronousTestCase):
    """The oracle reads by itself, and strictly."""

    def test_addresses(self) -> None:
        """Forms of the standard, and what is none."""
        for text, local_part, domain in (
            ("TO:<u@Local.Test>", "u", "local.test"),
            ("to: <u@local.test.>", "u", "local.test"),
            ('TO:<"a\\@b"@x.test>', "a@b", "x.test"),
            ("TO:<@a.test,@b.test:u@c.test>", "u", "c.test"),
            ("TO:<u@[IPv6:::ffff:192.0.2.1]>", "u", "[192.0.2.1]"),
            ("TO:<PostMaster>", "postmaster", ""),
            ("TO:<u%x@c.test> NOTIFY=NEVER", "u%x", "c.test"),
        ):
            read = read_argument(text, "TO:")
            self.assertEqual(
                read and (read.local_part, read.domain),
                (local_part, domain),
                text,
            )
        for text in (
            "TO:u@c.test",
            "TO:<>",
            "TO:<u@a@b>",
            "TO:<u@c.test..>",
            "TO:<u@c.test",
            "TO:<a..b@c.test>",
            "TO:<u@[1.2.3]>",
            "FROM:<u@c.test>",
            "TO:<u@c.test>x",
        ):
            self.assertIsNone(read_argument(text, "TO:"), text)

    def test_outcomes(self) -> None:
        """Ours, unknown, sent on, outside, and no address."""
        site = Played().site(RelayPolicy.NONE)
        peer = STRANGERS[0]
        for text, outcome in (
            ("TO:<alice+box@example.test>", Outcome.OURS),
            ("TO:<away@example.test>", Outcome.OURS),
            ("TO:<circle@example.test>", Outcome.UNKNOWN),
            ("TO:<nobody@example.test>", Outcome.UNKNOWN),
            (f"TO:<alice@[{OURS}]>", Outcome.OURS),
            ("TO:<x@theirs.test>", Outcome.ONWARD),
            ("TO:<alice@sub.example.test>", Outcome.OUTSIDE),
            ("TO:<alice>", Outcome.MALFORMED),
        ):
            found = expected(site, peer, "FROM:<a@b.test>", text)
            self.assertIs(found.outcome, outcome, text)


class WantedTests(SynchronousTestCase):
    """Look-ups that cost something are made only where a policy needs them."""

    def test_sender_is_looked_up_by_need(self) -> None:
        """Whether a reverse-path exists is asked for `local-users` alone."""
        house = Played()
        asked: list[str] = []
        find = house.store.directory.find

        async def counted(path: Path) -> Any:
            asked.append(str(path))
            return await find(path)

        house.store.directory.find = counted  # type: ignore[method-assign]
        for policy in RelayPolicy:
            house.tell(policy)
            asked.clear()
            gate: Any = Rehearsal(house.realm).gate(_client())
            drive(gate.hello("client.example"))
            drive(gate.mail(Path("alice", "example.test"), _parameters()))
            wanted = policy is RelayPolicy.LOCAL_USERS
            self.assertEqual(bool(asked), wanted, policy)


def _client() -> Any:
    return Client("203.0.113.9", 4000, "smtp", "smtp", "session-1")


def _parameters() -> Any:
    return MailParameters()
