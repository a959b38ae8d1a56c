"""imailctl check: would this configuration relay?"""

from __future__ import annotations

import os
from pathlib import Path as FilePath
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.operations import Operations
from imailpy.cli.check import told
from imailpy.interfaces.directory import Alias, Domain
from imailpy.mail import Path
from imailpy.policy import relay as relay_module
from imailpy.policy.relay import GRANTS, Claim
from imailpy.policy.settings import RelayPolicy
from imailpy.realm.passwords import Passwords
from tests.config.test_read import PLAIN
from tests.support.store import make_store
from tests.support.world import TestWorld, result_of

# Enough to come to everything; the operator's default is 20,000.
FEW = 1_500


class CheckTests(SynchronousTestCase):
    """On the memory store, without a server."""

    def setUp(self) -> None:
        self.world: Any = TestWorld()
        self.store = make_store(self.world)
        self.operations = Operations(
            self.world, self.store, Passwords(self.world)
        )

    def check(self, text: str, count: int = FEW) -> Any:
        arguments = {"text": PLAIN + text, "file": "new.toml", "count": count}
        done = Deferred.fromCoroutine(
            self.operations.perform("check", arguments)
        )
        for _ in range(count):
            if done.called:
                break
            self.world.reactor.advance(0.1)
        return result_of(done)

    def problems(self, text: str, count: int = FEW) -> list[tuple[str, str]]:
        found = self.check(text, count)
        return [(each["kind"], each["entry"]) for each in found["problems"]]

    def test_shipped_configuration_passes(self) -> None:
        """The configuration as it is shipped relays for nobody."""
        found = self.check("", 20_000)
        self.assertEqual(found["problems"], [])
        self.assertEqual(found["played"], 20_000)
        self.assertGreater(found["taken"], 500)
        self.assertIn("no problem; 20000 attempts", told(found))

    def test_honest_lists_pass(self) -> None:
        """A list of clients that are nobody's proxy is no problem."""
        found = self.check(
            "[relay]\npolicy = 'addresses'\naddresses = ['10.0.0.0/8']\n"
        )
        self.assertEqual(found["problems"], [])
        self.assertGreater(found["relayed"]["relay.listed"], 0)

    def test_listed_documentation_network(self) -> None:
        """Whoever tries with the addresses of examples hears no alarm."""
        found = self.check(
            "[relay]\npolicy = 'addresses'\n"
            "addresses = ['203.0.113.0/24', '2001:db8::/36']\n"
        )
        self.assertEqual(found["problems"], [])

    def test_spoofable_is_told(self) -> None:
        """A policy that believes senders passes with a warning."""
        found = self.check(
            "[relay]\npolicy = 'local-users'\ni_understand = 'spoofable'\n"
        )
        self.assertEqual(found["problems"], [])
        self.assertIn("whoever writes the address", found["warnings"][0])
        self.assertGreater(found["relayed"]["relay.local_user"], 0)

    def test_anyone(self) -> None:
        """An open relay fails, whatever its operator understands."""
        kinds = self.problems(
            "smtp.address = '127.0.0.1'\n[relay]\npolicy = 'anyone'\n"
            "i_understand = 'open relay'\n"
        )
        self.assertEqual(kinds, [("policy", "new.toml:8")])

    def test_proxy_in_the_list(self) -> None:
        """A list that holds a gateway fails and names the entry, whatever
        part of which network the gateway is."""
        head = "[relay]\npolicy = 'addresses'\naddresses = ['192.0.2.9',\n"
        for entry, gateway in (
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "::ffff:10.1.2.3"),
            ("2001:db8::/32", "2001:db8::5"),
        ):
            kinds = self.problems(
                f"{head}'{entry}']\ngateways = ['{gateway}']\n"
            )
            self.assertIn(("proxy", "new.toml:9"), kinds, entry)
            self.assertNotIn(("proxy", "new.toml:8"), kinds, entry)

    def test_own_address_in_the_list(self) -> None:
        """So does one that holds an address of the server, or its host."""
        for more in (
            "[server]\nown_addresses = ['10.5.5.5']\n",
            "[delivery.smart_host]\nhost = '10.5.5.5'\n",
        ):
            kinds = self.problems(
                "[relay]\npolicy = 'addresses'\naddresses = ['10.0.0.0/8']\n"
                + more
            )
            self.assertIn(("proxy", "new.toml:8"), kinds, more)
            self.assertIn(("relay", "new.toml:8"), kinds, more)

    def test_peers_of_proxy_protocol_and_xclient(self) -> None:
        """A list that holds one of those peers fails, too."""
        said = "[relay]\npolicy = 'addresses'\naddresses = ['10.0.0.0/8']\n"
        for before, line, behind in (
            ("smtp.proxy = ['10.1.2.3']\n", 9, ""),
            ("", 8, "[smtp]\nxclient = ['10.1.2.0/24']\n"),
        ):
            kinds = self.problems(before + said + behind)
            self.assertIn(("proxy", f"new.toml:{line}"), kinds)

    def test_exempt_proxy(self) -> None:
        """A proxy that may spoof is a problem, too."""
        kinds = self.problems(
            "[relay]\ngateways = ['10.1.2.3']\n"
            "[spoof]\nexempt = ['10.0.0.0/8']\n"
        )
        self.assertEqual(kinds, [("proxy", "new.toml:9")])

    def test_halves(self) -> None:
        """A configuration that cannot be loaded fails with its complaints."""
        found = self.check(
            "[relay]\npolicy = 'addresses'\n"
            "addresses = ['0.0.0.0/1', '128.0.0.0/1']\n"
        )
        (problem,) = found["problems"]
        self.assertEqual(problem["entry"], "new.toml:8")
        self.assertIn('"0.0.0.0/1", "128.0.0.0/1"', problem["text"])
        self.assertIn("new.toml:8: configuration", told(found))

    def test_outward_alias(self) -> None:
        """An alias to an outside address fails, unless it is meant."""
        for address, target in (
            ("away@example.test", "ann@elsewhere.test"),
            ("further@example.test", "away@example.test"),
        ):
            alias = Alias(Path.parse(address), (Path.parse(target),))
            result_of(self.store.directory.add_alias(alias))
        self.assertEqual(
            self.problems(""),
            [
                ("alias", "alias away@example.test"),
                ("alias", "alias further@example.test"),
            ],
        )
        self.assertEqual(
            self.problems(
                "[relay]\noutward_aliases = ['away@example.test',"
                "'further@example.test']\n"
            ),
            [],
        )

    def test_outward_catch_all(self) -> None:
        """So does a catch-all."""
        result_of(
            self.store.directory.update_domain(
                Domain("example.test", Path("ann", "elsewhere.test"))
            )
        )
        self.assertIn(
            ("catch-all", "catch-all *@example.test"), self.problems("", 500)
        )

    def test_onward_domains_pass(self) -> None:
        """Domains of others that are configured are no open relay; one that
        is ours is told."""
        found = self.check(
            "[relay.domains.'theirs.test']\nhost = '192.0.2.9'\n"
            "[relay.domains.'other.test']\n"
        )
        self.assertEqual(found["problems"], [])
        self.assertIn("other.test is a domain of ours", found["warnings"][0])

    def test_notices_a_broken_table(self) -> None:
        """A cell of the relay table that is wrong is found by playing."""
        wrong = GRANTS[RelayPolicy.NONE] | {Claim.FOREIGN}
        self.patch(relay_module, "GRANTS", {**GRANTS, RelayPolicy.NONE: wrong})
        found = self.check("")
        self.assertEqual(found["problems"][0]["kind"], "relay")
        self.assertIn("relay.anyone", told(found))

    def test_made_up_people(self) -> None:
        """Without a directory there are made-up accounts."""
        empty = Operations(
            self.world,
            type(self.store)(self.world),
            Passwords(self.world),
        )
        self.operations = empty
        found = self.check("", 500)
        self.assertTrue(found["made_up"])
        self.assertGreater(found["taken"], 0)

    def test_accept_file(self) -> None:
        """Lists in files count."""
        folder = self.mktemp()
        os.makedirs(folder)
        file = os.path.abspath(os.path.join(folder, "nets"))
        FilePath(file).write_text("192.0.2.9\n10.0.0.0/8\n", encoding="utf-8")
        kinds = self.problems(
            f"[relay]\npolicy = 'addresses'\naddresses_file = '{file}'\n"
            "gateways = ['10.1.2.3']\n"
        )
        self.assertIn(("proxy", f"{file}:2"), kinds)
