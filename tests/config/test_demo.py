"""The demonstration's configuration."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import Configuration, parse, rooms
from imailpy.config.demo import demo, ports
from imailpy.config.listeners import listeners
from imailpy.config.schema import Service
from imailpy.realm.settings import STANDARD_WINDOWS


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
            if each.enabled:
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
            read.tls.certificates[0].key, '/tmp/a "b"\\c/tls/self-signed.key'
        )
        self.assertIs(Service.LMTP, Service("lmtp"))
