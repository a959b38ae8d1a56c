"""Reading a configuration, and complaining about it."""

import os
import stat
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

import imailpy
from imailpy.config import ConfigError, Configuration, load, parse
from imailpy.config.listeners import listeners
from imailpy.config.schema import Security, Service
from imailpy.policy.settings import RelayPolicy

HOUSE = os.path.dirname(os.path.dirname(imailpy.__file__))

PLAIN = """\
[listeners]
smtp.tls = "none"
submission.enabled = false
submissions.enabled = false
imaps.enabled = false
"""


def complaints(text: str) -> list[str]:
    """What is said about a text, each in its line."""
    try:
        parse(text)
    except ConfigError as error:
        return str(error).split("\n")
    return []


class FormTests(SynchronousTestCase):
    """TOML, keys, types."""

    def test_fine(self) -> None:
        """What is said is what is read; the rest has its default."""
        read = parse(
            PLAIN
            + """
            [server]
            host_name = "mail.example.com"
            [relay]
            policy = "addresses"
            addresses = ["192.0.2.0/24"]
            [delivery.routes."example.net"]
            host = "10.0.0.1"
            security = "none"
            [login]
            failure_delay_s = 0
            """
        )
        self.assertIsInstance(read, Configuration)
        self.assertEqual(read.server.host_name, "mail.example.com")
        self.assertIs(read.relay.policy, RelayPolicy.ADDRESSES)
        self.assertEqual(read.relay.addresses, ("192.0.2.0/24",))
        route = read.delivery.routes["example.net"]
        self.assertEqual((route.port, route.security), (25, Security.NONE))
        self.assertEqual(read.login.failure_delay_s, 0.0)
        self.assertEqual(read.limits.per_address, 20)
        self.assertEqual(
            read.entry("relay", "addresses", 0), "imailpy.toml:11"
        )

    def test_B15_6_unknown_key(self) -> None:
        """An unknown key is told with its place and what was meant."""
        self.assertEqual(
            complaints(PLAIN + "[smtp]\nmax_recipient = 100\n"),
            [
                'imailpy.toml:7:1: [smtp] unknown key "max_recipient". Did '
                'you mean "max_recipients"?'
            ],
        )
        self.assertEqual(
            complaints(PLAIN + "[login]\npolicy = 'none'\n"),
            [
                'imailpy.toml:7:1: [login] unknown key "policy". It belongs '
                "to [relay]"
            ],
        )
        self.assertEqual(
            complaints(PLAIN + "[listener.x]\nport = 1\n"),
            [
                'imailpy.toml:6:1: unknown section "listener". Did you mean '
                '"listeners"?'
            ],
        )

    def test_B15_6_wrong_types(self) -> None:
        """Nothing is made of a value of another type."""
        self.assertEqual(
            complaints(
                PLAIN
                + """[smtp]
max_recipients = "100"
max_hops = true
[login]
scram = "yes"
cache_s = "long"
host_delimiters = 1
[relay]
addresses = "192.0.2.1"
policy = "adresses"
[limits]
exempt = ["192.0.2.1", 7]
[hello]
smtp = ["a"]
[dns]
servers = {a = 1}
"""
            ),
            [
                'imailpy.toml:7:1: [smtp] "max_recipients" must be a whole '
                'number, not "100"',
                'imailpy.toml:8:1: [smtp] "max_hops" must be a whole number, '
                "not true",
                'imailpy.toml:10:1: [login] "scram" must be true or false, '
                'not "yes"',
                'imailpy.toml:11:1: [login] "cache_s" must be a number, not '
                '"long"',
                'imailpy.toml:12:1: [login] "host_delimiters" must be text '
                "in quotes, not 1",
                'imailpy.toml:14:1: [relay] "addresses" must be a list, not '
                '"192.0.2.1"',
                'imailpy.toml:15:1: [relay] "policy" must be one of none, '
                "addresses, local-users, local-hosts, anyone, not "
                '"adresses". Did you mean "addresses"?',
                "imailpy.toml:17:24: [limits] element 2 of exempt must be "
                "text in quotes, not 7",
                'imailpy.toml:19:1: [hello] "smtp" must be text in quotes, '
                "not a list",
                'imailpy.toml:21:1: [dns] "servers" must be a list, not a '
                "table",
            ],
        )

    def test_no_table(self) -> None:
        """A section must be a table, a certificate one of a list."""
        self.assertEqual(
            complaints("relay = 7\nlisteners = []\n"),
            [
                'imailpy.toml:1:1: "relay" must be a table, not 7',
                'imailpy.toml:2:1: "listeners" must be a table, not a list',
            ],
        )
        found = complaints(PLAIN + "[[tls.certificates]]\nkey = 'k'\n")
        self.assertEqual(
            found,
            ['imailpy.toml:6:1: [tls.certificates] "certificate" is missing'],
        )

    def test_B15_6_duplicates(self) -> None:
        """Both places of a key or section that is there twice are told."""
        self.assertEqual(
            complaints("[smtp]\nmax_hops = 20\nmax_hops = 30\n[smtp]\n"),
            [
                'imailpy.toml:3:1: [smtp] "max_hops" is there twice; the '
                "first is in line 2. Remove one of them",
                'imailpy.toml:4:1: "smtp" is there twice; the first is in '
                "line 1. Remove one of them",
            ],
        )

    def test_not_toml(self) -> None:
        """What is no TOML is told with its place, cut anywhere."""
        self.assertEqual(
            complaints("[smtp]\nmax_hops = \n"),
            ["imailpy.toml:2:12: not TOML: Invalid value"],
        )
        text = PLAIN + "[relay]\naddresses = ['192.0.2.1']\n"
        for end in range(len(text)):
            for line in complaints(text[:end]):
                self.assertTrue(line.startswith("imailpy.toml:"), line)

    def test_ranges(self) -> None:
        """Numbers, names and addresses are what they must be."""
        for section, said in (
            ("[smtp]\nmax_recipients = 1", "must be from 100 to 100000"),
            ("[imap]\nidle_minutes = 5", "must be from 30 to 10080"),
            ("[server]\nhost_name = 'mail'", "not a full host name"),
            ("[server]\npostmaster = 'me'", "not an address"),
            ("[login]\ndefault_domain = 'a b'", "not a domain"),
            ("[login]\nhost_delimiters = '@'", "punctuation only"),
            ("[metrics]\naddress = '192.0.2.1'", "from outside"),
            ("[dns]\nservers = ['dns.example']", "not an address"),
            (
                "[delivery]\nretry_minutes = [0]",
                "must be from 0.01 to 10080",
            ),
            (f"[hello]\nsmtp = '{'x' * 401}'", "has 401 characters"),
            ('[hello]\nimap = "a\\nb"', "one line"),
            ('[hello]\npop3 = ""', "must say something"),
            (
                "[relay]\npolicy='addresses'\naddresses = ['192.0.2.1/24']",
                "bits set behind its mask",
            ),
        ):
            found = complaints(PLAIN + section)
            self.assertEqual(len(found), 1, found)
            self.assertIn(said, found[0])


class SenseTests(SynchronousTestCase):
    """Settings that do not go together."""

    def one(self, text: str, *said: str) -> None:
        found = complaints(text)
        self.assertEqual(len(found), len(said), found)
        for line, words in zip(found, said, strict=True):
            self.assertIn(words, line)

    def test_submission_without_auth(self) -> None:
        """A submission listener without AUTH is an error."""
        self.one(
            PLAIN + "[listeners.own]\nservice = 'submission'\nport = 2587\n"
            "tls = 'none'\nplaintext_auth = true\nauth = false\n",
            "remove auth = false",
        )

    def test_B4_12_whom_to_believe(self) -> None:
        """Nobody's word about the client counts for the whole internet, and
        what is said of peers is said where there are some."""
        for key in ("xclient", "vrfy_allowed", "expn_allowed"):
            self.one(
                PLAIN + f"[smtp]\n{key} = ['0.0.0.0/1', '128.0.0.0/1']\n",
                "all of IPv4",
            )
        listener = PLAIN.replace("smtp.tls", "smtp.proxy = ['::/0']\nsmtp.tls")
        self.one(listener, "all of IPv6")
        self.one(
            PLAIN.replace("smtp.tls", "smtp.proxy_direct = true\nsmtp.tls"),
            'without "proxy"',
        )
        self.one(PLAIN + "[smtp]\nxclient_login = true", 'without "xclient"')
        self.one(
            PLAIN.replace("smtp.tls", "smtp.proxy = ['proxy']\nsmtp.tls"),
            "not an address or network",
        )

    def test_auth_on_port_25(self) -> None:
        """AUTH may be on where the world sends, with TLS."""
        text = "[[tls.certificates]]\ncertificate = 'c'\nkey = 'k'\n"
        (smtp,) = [
            each
            for each in listeners(
                parse(text + "[listeners.smtp]\nauth = true\n").listeners
            )
            if each.name == "smtp"
        ]
        self.assertTrue(smtp.auth)

    def test_login_in_vain(self) -> None:
        """A listener on which nobody could sign in is an error."""
        self.one(
            PLAIN + "[listeners.imap]\nenabled = true\ntls = 'none'\n",
            "nobody could sign in",
        )

    def test_ports_twice(self) -> None:
        """Two listeners on one port are an error, on two addresses not."""
        own = "[listeners.own]\nservice = 'smtp'\ntls = 'none'\nport = 25\n"
        self.one(PLAIN + own, "taken by the listener smtp")
        both = PLAIN + own + "address = '192.0.2.1'\n"
        self.one(both, "taken by the listener smtp")
        apart = both.replace(
            "smtp.tls", "smtp.address = '192.0.2.2'\nsmtp.tls"
        )
        self.one(apart)

    def test_own_listener(self) -> None:
        """A listener of one's own says its service and port."""
        self.one(
            PLAIN + "[listeners.own]\naddress = '192.0.2.1'\n",
            '"port" is missing',
            '"service" is missing',
        )

    def test_no_certificate(self) -> None:
        """TLS without a certificate is an error, and told once."""
        self.one("", "no certificate for smtp, submission, submissions, imaps")

    def test_B4_9_open_relay_by_list(self) -> None:
        """An allow-list that holds everybody is an error, in any form."""
        for entries in (
            "'0.0.0.0/0'",
            "'::/0'",
            "'0.0.0.0 0.0.0.0'",
            "'0.0.0.0/1', '128.0.0.0/1'",
            "'::ffff:0:0/96'",
        ):
            self.one(
                PLAIN
                + f"[relay]\npolicy = 'addresses'\naddresses = [{entries}]\n",
                "all of IPv",
            )
            self.one(
                PLAIN + f"[limits]\nexempt = [{entries}]\n",
                "all of IPv",
            )

    def test_policy_and_list(self) -> None:
        """A list that nobody looks at, and a policy without its list."""
        self.one(
            PLAIN + "[relay]\naddresses = ['192.0.2.1']\n", "does not look at"
        )
        self.one(PLAIN + "[relay]\npolicy = 'addresses'\n", "has no addresses")

    def test_smart_host(self) -> None:
        """A password goes nowhere in clear text."""
        hop = "[delivery.smart_host]\nhost = 'relay.example.net'\n"
        self.one(PLAIN + hop)
        self.one(
            PLAIN + hop + "user = 'u'\npassword_file = 'p'\n",
            "could be read on the way",
        )
        self.one(
            PLAIN + hop + "user = 'u'\nsecurity = 'required'\n",
            'without "password_file"',
        )
        self.one(
            PLAIN + "[delivery]\ncatch_outside_in = 'a@example.com'\n" + hop,
            "goes to the smart host already",
        )
        self.one(
            PLAIN + "[delivery.routes.'no domain']\nport = 25\n",
            '"host" is missing',
            "not a domain",
        )

    def test_one_mistake_one_complaint(self) -> None:
        """What follows from a mistake is not complained about as well."""
        self.one(
            PLAIN + "[relay]\npolicy = 'adresses'\naddresses = ['192.0.2.1']",
            "Did you mean",
        )

    def test_all_at_once(self) -> None:
        """Mistakes of form and of sense come in one run, by line."""
        found = complaints(
            "[smtp]\nprot = 1\n[relay]\npolicy = 'addresses'\n"
            "[limits]\ntotal = 'x'\n"
        )
        self.assertEqual(len(found), 4, found)
        lines = [int(each.split(":")[1]) for each in found]
        self.assertEqual(lines, sorted(lines))


class FileTests(SynchronousTestCase):
    """The file itself and those that it names."""

    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.makedirs(os.path.join(self.directory, "tls"))
        self.path = os.path.join(self.directory, "imailpy.toml")

    def write(self, name: str, text: str, mode: int = 0o600) -> str:
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def complaints(self) -> list[str]:
        with self.assertRaises(ConfigError) as caught:
            load(self.path)
        return [each.text for each in caught.exception.complaints]

    CERTIFICATE = (
        "[[tls.certificates]]\ncertificate = 'tls/c.pem'\nkey = 'tls/k.pem'\n"
    )

    def test_fine(self) -> None:
        """Paths are read from where the file stands; links are followed."""
        self.write("imailpy.toml", self.CERTIFICATE, 0o644)
        self.write("tls/c.pem", "c", 0o644)
        self.write("tls/real.pem", "k")
        os.symlink("real.pem", os.path.join(self.directory, "tls/k.pem"))
        read = load(self.path)
        (pair,) = read.tls.certificates
        self.assertEqual(
            pair.key, os.path.abspath(f"{self.directory}/tls/k.pem")
        )
        self.assertEqual(read.storage.directory, "/var/lib/imailpy")

    def test_B12_5_secrets_for_all_to_read(self) -> None:
        """Keys and passwords that others may read are an error."""
        self.write(
            "imailpy.toml",
            self.CERTIFICATE + "[delivery.smart_host]\nhost = 'h.example'\n"
            "security = 'required'\nuser = 'u'\npassword_file = 'pw'\n",
        )
        self.write("tls/c.pem", "c")
        self.write("tls/k.pem", "k", 0o640)
        self.write("pw", "secret\n", 0o604)
        found = self.complaints()
        self.assertEqual(len(found), 2, found)
        for text, name in zip(found, ("k.pem", "pw"), strict=True):
            self.assertIn(f"{name}: ", text)
            self.assertIn("may read it: chmod 600", text)

    def test_missing_files(self) -> None:
        """Files that are not there, are none, or are empty, are an error."""
        self.write("imailpy.toml", self.CERTIFICATE)
        self.assertEqual(
            [text.rpartition("/")[2] for text in self.complaints()],
            ["c.pem does not exist", "k.pem does not exist"],
        )
        os.mkdir(os.path.join(self.directory, "tls", "c.pem"))
        self.write("tls/k.pem", "")
        self.assertEqual(
            [text.rpartition("/")[2] for text in self.complaints()],
            ["c.pem: Is a directory", "k.pem is empty"],
        )

    def test_unreadable(self) -> None:
        """A file that is not there is the caller's to tell; one that is no
        UTF-8 is told with its line."""
        self.assertRaises(FileNotFoundError, load, self.path)
        with open(self.path, "wb") as file:
            file.write(b"[smtp]\n# caf\xe9\n")
        with self.assertRaises(ConfigError) as caught:
            load(self.path)
        self.assertEqual(
            str(caught.exception),
            f"{self.path}:2:1: not UTF-8; save it as UTF-8",
        )

    def test_no_reactor(self) -> None:
        """Reading a configuration installs no reactor."""
        code = (
            "import sys, imailpy.config, imailpy.config.rooms,"
            " imailpy.config.demo;"
            "sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, cwd=HOUSE
        )
        self.assertEqual(done.returncode, 0)

    def test_modes_are_kept(self) -> None:
        """Looking at a secret does not change it."""
        self.write("imailpy.toml", PLAIN)
        load(self.path)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(Service("smtp"), Service.SMTP)
