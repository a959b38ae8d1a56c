"""Each room's own settings, and the demonstration's."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import Configuration, parse, rooms
from imailpy.config.demo import demo, ports
from imailpy.config.listeners import listeners
from imailpy.config.schema import Service
from imailpy.mail import Path
from imailpy.policy.settings import OverQuota, RelayPolicy
from imailpy.realm.settings import STANDARD_WINDOWS, RealmSettings
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
[server]
postmaster = "admin@example.com"
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
smtp = "s"
imap = "i"
pop3 = "p"
check_syntax = false
"""
            )
        )
        policy = told.policy
        self.assertIs(policy.relay.policy, RelayPolicy.ADDRESSES)
        found = policy.relay.addresses.find("192.0.2.7")
        self.assertEqual(found and found.entry, "imailpy.toml:12")
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
        self.assertEqual(told.postmaster, Path("admin", "example.com"))
        self.assertEqual(told.box_delimiters, "=")
        self.assertIs(policy.recipients.over_quota, OverQuota.REJECT)
        self.assertEqual(
            (told.hello.smtp, told.hello.imap, told.hello.pop3),
            ("s", "i", "p"),
        )
        self.assertFalse(policy.hello.check_syntax)

    def test_smart_host_answers_for_domains(self) -> None:
        """Where a smart host takes all, DNS is not asked."""
        told = rooms.realm(
            parse(PLAIN + "[delivery.smart_host]\nhost = 'h.example'\n")
        )
        self.assertFalse(told.policy.submission.check_domains)


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
