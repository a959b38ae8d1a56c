"""Each room's own settings, and the demonstration's."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import ConfigError, Configuration, parse, rooms
from imailpy.config.demo import demo, ports
from imailpy.config.listeners import USUAL, listeners
from imailpy.config.providers import Providers
from imailpy.config.schema import Service
from imailpy.delivery.settings import DeliverySettings, NextHop, Security
from imailpy.dns.settings import DnsSettings, Server
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.mail import Path, Secret
from imailpy.policy.settings import OverQuota, RelayPolicy
from imailpy.realm.settings import STANDARD_WINDOWS, RealmSettings
from imailpy.store.settings import StoreSettings
from imailpy.tls.settings import CertificateFiles, TlsSettings
from tests.config.test_read import PLAIN


class RealmTests(SynchronousTestCase):
    """The realm's settings."""

    def test_defaults(self) -> None:
        """Without a word in the file the realm has its own defaults."""
        self.assertEqual(rooms.realm(Configuration()), RealmSettings())

    def test_all(self) -> None:
        """What the file says reaches the realm."""
        told = rooms.realm(
            parse(
                PLAIN
                + """
[relay]
policy = "addresses"
addresses = [
  "192.0.2.0/24",
]
[limits]
per_address = 1
per_network = 2
total = 3
exempt = ["198.51.100.1"]
[login]
failure_delay_s = 1
failure_windows = false
cache_s = 5
hash_threads = 3
host_delimiters = "#"
default_domain = "example.com"
[submission]
own_reverse_path = false
null_reverse_path = false
own_author = false
check_domains = false
[recipients]
box_delimiters = "="
over_quota = "reject"
[hello]
check_syntax = false
"""
            )
        )
        policy = told.policy
        self.assertIs(policy.relay.policy, RelayPolicy.ADDRESSES)
        found = policy.relay.addresses.find("192.0.2.7")
        self.assertEqual(found and found.entry, "imailpy.toml:10")
        limits = policy.limits
        self.assertEqual(
            (limits.per_address, limits.per_network, limits.total), (1, 2, 3)
        )
        self.assertIn("198.51.100.1", limits.exempt)
        login = told.login
        self.assertEqual(
            (
                login.failure_delay_s,
                login.windows,
                login.cache_s,
                login.hash_threads,
                login.host_delimiters,
                login.default_domain,
            ),
            (1.0, (), 5.0, 3, "#", "example.com"),
        )
        rules = policy.submission
        self.assertEqual(
            (
                rules.own_reverse_path,
                rules.null_reverse_path,
                rules.own_author,
                rules.check_domains,
            ),
            (False,) * 4,
        )
        self.assertEqual(told.box_delimiters, "=")
        self.assertIs(policy.recipients.over_quota, OverQuota.REJECT)
        self.assertFalse(policy.hello.check_syntax)

    def test_smart_host_answers_for_domains(self) -> None:
        """Where a smart host takes all, DNS is not asked."""
        told = rooms.realm(
            parse(PLAIN + "[delivery.smart_host]\nhost = 'h.example'\n")
        )
        self.assertFalse(told.policy.submission.check_domains)


class Files:
    """A disk with one password on it."""

    def read_foreign(self, path: str, *, private: bool = False) -> bytes:
        if not private or not path.endswith("/relay.password"):
            raise FileNotFoundError(path)
        return b"s3cret password\r\nremark\n"


DISK: Any = Files()


class OtherRoomsTests(SynchronousTestCase):
    """Store, TLS, DNS, delivery, listeners."""

    def test_defaults(self) -> None:
        """Without a word in the file each room has its own defaults."""
        nothing = Configuration()
        self.assertEqual(
            rooms.store(nothing), StoreSettings("/var/lib/imailpy")
        )
        self.assertEqual(rooms.tls(nothing), TlsSettings())
        self.assertEqual(rooms.dns(nothing), DnsSettings())
        self.assertEqual(rooms.delivery(nothing, DISK), DeliverySettings())
        self.assertEqual(
            rooms.imap(nothing, USUAL["imaps"]),
            ImapSettings(greeting="ready"),
        )

    def test_all(self) -> None:
        """What the file says reaches the rooms, in their units."""
        read = parse(
            PLAIN
            + """
[server]
postmaster = "admin@example.com"
own_addresses = ["192.0.2.1", "::ffff:192.0.2.2"]
[storage]
directory = "/data"
min_free_mb = 4
min_free_percent = 1
reserve_mb = 2
spool_mb = 3
undelete_days = 2
[tls]
legacy = true
trust_file = "/t.pem"
[[tls.certificates]]
certificate = "/c.pem"
key = "/k.pem"
[smtp]
max_hops = 20
[recipients]
box_delimiters = "="
[delivery]
retry_minutes = [1, 2]
give_up_days = 3
bounce_give_up_days = 1
delay_notice_hours = 0
connections = 7
connections_per_destination = 6
private_targets = true
[delivery.smart_host]
host = "relay.example.net"
port = 587
security = "required"
user = "site"
password_file = "/etc/relay.password"
[delivery.routes.".B\u00fccher.example"]
host = "10.0.0.1"
security = "none"
verify = false
lmtp = true
[dns]
servers = ["192.0.2.53", "[2001:db8::53]:5353", "127.0.0.1:54"]
trusted = ["192.0.2.53"]
timeout_s = 1
[login]
scram = true
[hello]
imap = "hi"
[imap]
append_limit_mb = 1
before_login_s = 10
idle_minutes = 31
failures = 2
"""
        )
        self.assertEqual(
            rooms.store(read),
            StoreSettings(
                "/data",
                min_free_octets=4 << 20,
                min_free_percent=1.0,
                reserve_octets=2 << 20,
                spool_octets=3 << 20,
                undelete_s=2 * 86_400.0,
            ),
        )
        self.assertEqual(
            rooms.tls(read),
            TlsSettings(
                (CertificateFiles("/c.pem", "/k.pem"),), True, "/t.pem"
            ),
        )
        told = rooms.delivery(read, DISK)
        self.assertEqual(
            told.smart_host,
            NextHop(
                "relay.example.net",
                587,
                Security.REQUIRED,
                "site",
                Secret(b"s3cret password"),
            ),
        )
        self.assertEqual(
            told.routes,
            {
                ".xn--bcher-kva.example": NextHop(
                    "10.0.0.1", security=Security.NONE, verify=False, lmtp=True
                )
            },
        )
        self.assertEqual(told.own_addresses, {"192.0.2.1", "192.0.2.2"})
        self.assertEqual(told.postmaster, Path("admin", "example.com"))
        self.assertEqual(
            (
                told.hop_limit,
                told.separators,
                told.connections,
                told.connections_per_destination,
                told.private_targets,
            ),
            (20, "=", 7, 6, True),
        )
        schedule = told.schedule
        self.assertEqual(
            (
                schedule.waits_s,
                schedule.life_s,
                schedule.bounce_life_s,
                schedule.delay_notice_s,
            ),
            ((60.0, 120.0), 3 * 86_400.0, 86_400.0, 0.0),
        )
        resolver = rooms.dns(read)
        self.assertEqual(
            resolver.servers,
            (
                Server("192.0.2.53"),
                Server("2001:db8::53", 5353),
                Server("127.0.0.1", 54),
            ),
        )
        self.assertEqual(
            (resolver.trusted, resolver.timeout_s), ({"192.0.2.53"}, 1.0)
        )
        self.assertEqual(
            rooms.imap(read, USUAL["imap"]),
            ImapSettings(
                greeting="hi",
                scram=True,
                append_limit_octets=1 << 20,
                before_login_s=10.0,
                idle_s=31 * 60.0,
                failures_most=2,
            ),
        )


class ReloadTests(SynchronousTestCase):
    """A reload of everything."""

    def providers(self, text: str = PLAIN) -> Providers:
        return Providers(parse(text), DISK)

    def test_live(self) -> None:
        """Most settings hold at once, and all numbers grow together."""
        providers = self.providers(
            PLAIN.replace("imaps.enabled = false", "imap.enabled = true")
            + "imap.tls = 'none'\nimap.plaintext_auth = true\n"
            + "imaps.enabled = false\n"
        )
        self.assertEqual(
            [each.name for each in providers.open], ["smtp", "imap"]
        )
        text = (
            "[listeners]\nsmtp.tls='none'\nsubmission.enabled=false\n"
            "submissions.enabled=false\nimaps.enabled=false\n"
            "imap={enabled=true, tls='none', plaintext_auth=true}\n"
            "[limits]\ntotal=7\n[hello]\nimap='new'\n"
        )
        providers.reload(parse(text))
        self.assertEqual(providers.realm.current.policy.limits.total, 7)
        self.assertEqual(providers.imap["imap"].current.greeting, "new")
        self.assertEqual(
            {
                each.number
                for each in (
                    providers.realm,
                    providers.store,
                    providers.delivery,
                    providers.dns,
                    providers.tls,
                    providers.imap["imap"],
                )
            },
            {2},
        )

    def test_only_at_start(self) -> None:
        """What needs a restart is told, and nothing else is changed."""
        providers = self.providers()
        new = parse(
            PLAIN
            + "smtp.port = 26\n[limits]\ntotal = 7\n"
            + "[storage]\ndirectory = '/data'\n[login]\nhash_threads = 3\n"
        )
        with self.assertRaises(ConfigError) as caught:
            providers.reload(new)
        self.assertEqual(len(caught.exception.complaints), 3)
        for each in caught.exception.complaints:
            self.assertIn("restart the server", each.text)
        self.assertEqual(providers.realm.current.policy.limits.total, 20_000)
        self.assertEqual(providers.realm.number, 1)

    def test_a_room_objects(self) -> None:
        """When one room does not take its settings, none does."""
        providers = self.providers()

        def refuse(new: TlsSettings) -> None:
            raise ValueError("no such key")

        providers.tls.judge(refuse)
        old = providers.configuration
        new = parse(PLAIN + "[limits]\ntotal = 7\n")
        self.assertRaises(ValueError, providers.reload, new)
        self.assertEqual(providers.realm.number, 1)
        self.assertIs(providers.configuration, old)


class DemoTests(SynchronousTestCase):
    """The demonstration is a configuration like any other."""

    def test_ports(self) -> None:
        """Standard ports plus the offset, on loopback."""
        read = parse(demo("/tmp/demo"))
        found = {
            each.name: each.port
            for each in listeners(read.listeners)
            if each.enabled and each.address == "127.0.0.1"
        }
        self.assertEqual(
            found,
            {
                "smtp": 2025,
                "lmtp": 2024,
                "submission": 2587,
                "submissions": 2465,
                "imap": 2143,
                "imaps": 2993,
                "pop3": 2110,
                "pop3s": 2995,
            },
        )
        self.assertEqual(found, ports())
        self.assertEqual(ports(10_000)["smtp"], 10_025)

    def test_open_for_test_programs(self) -> None:
        """Clear-text logins and SCRAM on; delays, limits, windows off."""
        read = parse(demo("/tmp/demo"))
        self.assertTrue(read.login.scram)
        for each in listeners(read.listeners):
            self.assertEqual(each.plaintext_auth, each.auth, each.name)
        told = rooms.realm(read)
        self.assertEqual(told.login.failure_delay_s, 0)
        self.assertEqual(told.login.windows, ())
        limits = told.policy.limits
        self.assertEqual(
            (limits.per_address, limits.per_network, limits.total), (0, 0, 0)
        )
        # A production default is none of that.
        standard = rooms.realm(Configuration())
        self.assertEqual(standard.login.windows, STANDARD_WINDOWS)

    def test_outside(self) -> None:
        """Mail for the outside is caught, or goes to the smart host."""
        caught = parse(demo("/tmp/demo")).delivery
        self.assertEqual(caught.catch_outside_in, "postmaster@example.test")
        for text, host, port in (
            ("127.0.0.1:10025", "127.0.0.1", 10025),
            ("relay.example.net:26", "relay.example.net", 26),
            ("relay.example.net", "relay.example.net", 25),
            ("[::1]:10025", "::1", 10025),
        ):
            sent = parse(demo("/tmp/demo", smarthost=text)).delivery
            self.assertEqual(
                (sent.smart_host.host, sent.smart_host.port), (host, port)
            )
            self.assertEqual(sent.catch_outside_in, "")
        for text in ("", ":25", "host:no", "host:0", "host:70000"):
            self.assertRaises(ValueError, demo, "/tmp/demo", smarthost=text)

    def test_only_on_loopback(self) -> None:
        """It is refused for an address that others can reach."""
        for address in ("0.0.0.0", "192.0.2.1", "::", "", "localhost"):
            self.assertRaises(ValueError, demo, "/tmp/demo", address=address)
        six = parse(demo("/tmp/demo", address="::1"))
        self.assertEqual(six.listeners["smtp"].address, "::1")

    def test_offsets(self) -> None:
        """An offset that leads to no ports is refused."""
        for offset in (-2000, -24, 64_000, 70_000):
            self.assertRaises(
                ValueError, demo, "/tmp/demo", port_offset=offset
            )

    def test_odd_directory(self) -> None:
        """Quotes and blanks in the directory's name are no trouble."""
        read = parse(demo('/tmp/a "b"\\c'))
        self.assertEqual(read.storage.directory, '/tmp/a "b"\\c')
        self.assertEqual(
            read.tls.certificates[0].key, '/tmp/a "b"\\c/tls/key.pem'
        )
        self.assertIs(Service.LMTP, Service("lmtp"))
