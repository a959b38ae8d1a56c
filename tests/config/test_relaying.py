"""What must be confirmed before anybody can relay, and lists in files."""

from __future__ import annotations

import os
from pathlib import Path as FilePath

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import ConfigError, parse, rooms
from imailpy.config.relaying import warnings
from imailpy.mail import Path
from imailpy.policy.settings import (
    LocalSender,
    RecipientCheck,
    RelayPolicy,
)
from imailpy.world.real_disk import RealDisk
from tests.config.test_read import PLAIN


class GuardTests(SynchronousTestCase):
    """Nobody makes an open relay by mistake."""

    def complaints(self, text: str) -> list[str]:
        try:
            parse(PLAIN + text)
        except ConfigError as error:
            return [str(each) for each in error.complaints]
        return []

    def one(self, text: str, words: str) -> None:
        found = self.complaints(text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])
        self.assertIn("imailpy.toml:", found[0])

    def test_understood(self) -> None:
        """A policy that can be abused must be confirmed in its words."""
        for policy, words in (
            ("local-users", "spoofable"),
            ("local-hosts", "spoofable"),
        ):
            said = f"[relay]\npolicy = '{policy}'\n"
            self.one(said, f'i_understand = "{words}"')
            self.assertEqual(
                self.complaints(said + f"i_understand = '{words}'\n"), []
            )

    def test_wrong_words(self) -> None:
        """The words for one policy are none for another."""
        for policy, words in (
            ("local-users", "open relay"),
            ("none", "spoofable"),
            ("addresses", "open relay"),
        ):
            found = self.complaints(
                f"[relay]\npolicy = '{policy}'\ni_understand = '{words}'\n"
                + (
                    "addresses = ['10.0.0.1']\n"
                    if policy == "addresses"
                    else ""
                )
            )
            self.assertTrue(
                any("nothing of policy" in each for each in found), found
            )

    def test_anyone_on_loopback_only(self) -> None:
        """An open relay is refused where others than us could reach it."""
        said = "[relay]\npolicy = 'anyone'\ni_understand = 'open relay'\n"
        self.one(said, "listener smtp an open relay")
        for address in ("127.0.0.1", "::1"):
            here = f"smtp.address = '{address}'\n"
            self.assertEqual(self.complaints(here + said), [])
        self.one(f"smtp.address = '192.0.2.1'\n{said}", "listener smtp")
        self.assertEqual(
            self.complaints(f"smtp.open_relay = true\n{said}"), []
        )

    def test_anyone_on_every_listener(self) -> None:
        """Each listener that takes mail from the world is looked at."""
        self.one(
            "smtp.address = '127.0.0.1'\n"
            "inner = { service = 'smtp', port = 2525, tls = 'none' }\n"
            "[relay]\npolicy = 'anyone'\ni_understand = 'open relay'\n",
            "listener inner an open relay",
        )

    def test_open_relay_without_policy(self) -> None:
        """open_relay = true alone means nothing, and is refused."""
        self.one("smtp.open_relay = true\n", "remove it")

    def test_B4_9_halves_are_named(self) -> None:
        """The entries that are everything together are named."""
        self.one(
            "[relay]\npolicy = 'addresses'\n"
            "addresses = ['10.0.0.1', '0.0.0.0/1', '128.0.0.0/1']\n",
            '"0.0.0.0/1", "128.0.0.0/1" together are all of IPv4',
        )
        for section in ("limits", "bans", "spoof"):
            self.one(
                f"[{section}]\nexempt = ['::/1', '8000::/1']\n",
                "all of IPv6",
            )

    def test_lists_nobody_looks_at(self) -> None:
        """A list beside a policy that ignores it is a mistake."""
        self.one("[relay]\naccept = ['@a.test']\n", "accept list")
        self.one(
            "[relay]\npolicy = 'local-users'\ni_understand = 'spoofable'\n"
            "addresses = ['10.0.0.1']\n",
            "does not look at addresses",
        )

    def test_domains(self) -> None:
        """A domain of others has one way to go, and a check that is whole."""
        head = "[relay.domains.'theirs.test']\n"
        self.one(head + "recipients = 'list'\n", "needs recipients_file")
        self.one(head + "recipients_file = 'f'\n", 'only recipients = "list"')
        self.one(
            head + "host = '192.0.2.9'\n"
            "[delivery.routes.'theirs.test']\nhost = '192.0.2.9'\n",
            "has a route in [delivery.routes]",
        )
        self.one("[relay.domains.'a b']\n", "not a domain")

    def test_warnings(self) -> None:
        """What is dangerous is told although it was confirmed."""
        for policy, words in (
            ("local-users", "spoofable"),
            ("local-hosts", "spoofable"),
            ("anyone", "open relay"),
        ):
            said = parse(
                PLAIN + f"smtp.address = '127.0.0.1'\n[relay]\n"
                f"policy = '{policy}'\ni_understand = '{words}'\n"
            )
            (told,) = warnings(said)
            self.assertIn("imailpy.toml:", str(told))
            self.assertIn(policy, str(told))
        self.assertEqual(warnings(parse(PLAIN)), [])


class ListFileTests(SynchronousTestCase):
    """Lists in files of their own reach the realm and delivery."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)

    def file(self, name: str, text: str) -> str:
        path = os.path.abspath(os.path.join(self.folder, name))
        FilePath(path).write_text(text, encoding="utf-8")
        return path

    def realm(self, text: str) -> object:
        return rooms.realm(parse(PLAIN + text), RealDisk())

    def test_all(self) -> None:
        """Policy, lists, domains and spoofing reach the realm."""
        accept = self.file("accept.txt", "# us\nann@a.test\n@b.test\n")
        known = self.file("theirs", "bob@theirs.test\n")
        said = parse(
            PLAIN
            + f"""
[relay]
policy = "local-users"
i_understand = "spoofable"
accept = ["@c.test"]
accept_file = "{accept}"
[relay.domains."Theirs.test"]
host = "192.0.2.9"
port = 2525
recipients = "list"
recipients_file = "{known}"
defer = false
[relay.domains."backup.test"]
recipients = "call-ahead"
[spoof]
local_sender = "reject"
exempt = ["198.51.100.7"]
"""
        )
        policy = rooms.realm(said, RealDisk()).policy
        relay = policy.relay
        self.assertIs(relay.policy, RelayPolicy.LOCAL_USERS)
        for address, place in (
            (Path("ann", "a.test"), f"{accept}:2"),
            (Path("x", "b.test"), f"{accept}:3"),
            (Path("x", "c.test"), said.entry("relay", "accept", 0)),
        ):
            found = relay.accept.find(address)
            self.assertEqual(found and found.entry, place)
        theirs = relay.domains["theirs.test"]
        self.assertIs(theirs.check, RecipientCheck.LIST)
        self.assertFalse(theirs.defer)
        self.assertIn(Path("bob", "theirs.test"), theirs.recipients)
        self.assertIs(
            relay.domains["backup.test"].check, RecipientCheck.CALL_AHEAD
        )
        self.assertIs(policy.spoof.local_sender, LocalSender.REJECT)
        self.assertIn("198.51.100.7", policy.spoof.exempt)
        delivery = rooms.delivery(said, RealDisk())
        hop = delivery.routes["theirs.test"]
        self.assertEqual((hop.host, hop.port), ("192.0.2.9", 2525))
        self.assertEqual(delivery.by_mx, {"backup.test"})

    def test_addresses_file(self) -> None:
        """Networks of a file stand beside those of the configuration."""
        file = self.file("nets", "10.0.0.0/8 # inner\n2001:db8::/32\n")
        settings = self.realm(
            f"[relay]\npolicy = 'addresses'\naddresses = ['192.0.2.1']\n"
            f"addresses_file = '{file}'\n"
        )
        addresses = settings.policy.relay.addresses  # type: ignore[attr-defined]
        self.assertEqual(addresses.find("10.1.1.1").entry, f"{file}:1")
        self.assertEqual(addresses.find("2001:db8::1").entry, f"{file}:2")
        self.assertIn("imailpy.toml", addresses.find("192.0.2.1").entry)

    def test_complaints(self) -> None:
        """A line that is no entry is named with its file and line."""
        for name, key, text, words in (
            ("addresses", "addresses_file", "10.0.0.0/8\nx\n", ":2: "),
            ("addresses", "addresses_file", "0.0.0.0/1\n128.0.0.0/1", "IPv4"),
            ("local-users", "accept_file", "a@b.test\n@@\n", ":2: "),
        ):
            file = self.file("list", text)
            more = "i_understand = 'spoofable'\n" if "users" in name else ""
            with self.assertRaises(ConfigError) as caught:
                parse(
                    PLAIN + f"[relay]\npolicy = '{name}'\n{more}"
                    f"{key} = '{file}'\n",
                    disk=RealDisk(),
                )
            told = [str(each) for each in caught.exception.complaints]
            self.assertTrue(any(words in each for each in told), told)

    def test_read_once(self) -> None:
        """A list that has not changed is not read again; a changed one is."""
        file = self.file("nets", "10.0.0.0/8\n")
        text = f"[relay]\npolicy = 'addresses'\naddresses_file = '{file}'\n"
        first = self.realm(text).policy.relay.addresses  # type: ignore[attr-defined]
        again = self.realm(text).policy.relay.addresses  # type: ignore[attr-defined]
        self.assertIs(first, again)
        self.file("nets", "11.0.0.0/8\n")
        other = self.realm(text).policy.relay.addresses  # type: ignore[attr-defined]
        self.assertNotIn("10.1.1.1", other)
        self.assertIn("11.1.1.1", other)
