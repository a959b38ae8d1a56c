"""Each room's own settings, and their reload."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import ConfigError, Configuration, parse, rooms
from imailpy.config.listeners import USUAL
from imailpy.config.providers import Providers
from imailpy.delivery.settings import DeliverySettings, NextHop, Security
from imailpy.dns.settings import DnsSettings, Server
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.listeners.pop3.settings import Pop3Settings
from imailpy.listeners.smtp.settings import SmtpSettings
from imailpy.mail import Path, Secret
from imailpy.policy.networks import NOWHERE
from imailpy.policy.settings import OverQuota, RelayPolicy
from imailpy.protocol.smtp.options import Flavour, Limits, LineEnds
from imailpy.realm.settings import RealmSettings
from imailpy.store.settings import StoreSettings
from imailpy.tls.settings import CertificateFiles, TlsSettings
from tests.config.test_read import PLAIN


class RealmTests(SynchronousTestCase):
    """The realm's settings."""

    def test_defaults(self) -> None:
        """Without a word in the file the realm has its own defaults."""
        made = rooms.realm(Configuration())
        # This machine is never banned, unless its operator wants it.
        self.assertIn("127.0.0.1", made.bans.exempt)
        nobody = evolve(made.bans, exempt=NOWHERE)
        self.assertEqual(evolve(made, bans=nobody), RealmSettings())

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
            rooms.pop3(nothing, USUAL["pop3s"]), Pop3Settings(greeting="ready")
        )
        self.assertEqual(rooms.smtp(nothing, USUAL["smtp"]), SmtpSettings())
        self.assertEqual(
            rooms.smtp(nothing, USUAL["submission"]),
            SmtpSettings(Flavour.SUBMISSION, auth=True),
        )
        self.assertIs(rooms.smtp(nothing, USUAL["lmtp"]).flavour, Flavour.LMTP)
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
max_recipients = 100
max_message_mb = 1
max_errors = 5
max_junk_commands = 10
bare_line_ends = "normalize"
refuse_early_talk = true
failures = 1
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
smtp = "hello"
imap = "hi"
pop3 = "ho"
[imap]
append_limit_mb = 1
before_login_s = 10
idle_minutes = 31
failures = 2
[pop3]
before_login_s = 11
idle_minutes = 12
failures = 4
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
            rooms.smtp(read, USUAL["smtp"]),
            SmtpSettings(
                hello="hello",
                scram=True,
                max_message_octets=1 << 20,
                line_ends=LineEnds.NORMALIZE,
                refuse_early_talk=True,
                limits=Limits(recipients=100, errors=5, junk_commands=10),
                failures_most=1,
            ),
        )
        self.assertEqual(
            rooms.pop3(read, USUAL["pop3"]),
            Pop3Settings(
                greeting="ho",
                scram=True,
                before_login_s=11.0,
                idle_s=12 * 60.0,
                failures_most=4,
            ),
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
        self.assertEqual(providers.listeners["imap"].current.greeting, "new")
        self.assertEqual(
            {
                each.number
                for each in (
                    providers.realm,
                    providers.store,
                    providers.delivery,
                    providers.dns,
                    providers.tls,
                    providers.listeners["imap"],
                    providers.listeners["smtp"],
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
