"""What the configuration says of access, bans and limits."""

from datetime import UTC, datetime
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.config import ConfigError, parse, rooms
from imailpy.config.access import read_list
from imailpy.mail import Sign
from imailpy.policy.settings import AccessAnswer, AccessMode

# No certificate is needed where nothing listens.
OFF = "\n".join(
    f"[listeners.{name}]\nenabled = false"
    for name in ("smtp", "submission", "submissions", "imaps")
)
TEXT = """\
[access.smtp]
mode = "deny-all-except"
answer = "554"
networks = ["192.0.2.0/24"]
entries = [
  {network = "198.51.100.7", until = 2026-12-31, note = "a guest"},
  {network = "198.51.100.8", until = 2026-12-31T12:00:00Z},
]
file = "/lists/smtp.txt"
[bans]
score = 50
[bans.weights]
http = 7
"""
LIST = b"""\
# friends
203.0.113.1   # one
203.0.113.0/24 until=2027-01-01

"""


class Disk:
    """One file."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def read_foreign(self, path: str, **_: Any) -> bytes:
        return self.octets


class AccessTests(SynchronousTestCase):
    """Tables and files."""

    def test_entries(self) -> None:
        """Networks, entries and a file are one list; all know their line."""
        disk: Any = Disk(LIST)
        made = rooms.realm(parse(TEXT + OFF), disk)
        rule = made.policy.access.lists["smtp"]
        self.assertIs(rule.mode, AccessMode.DENY)
        self.assertIs(rule.answer, AccessAnswer.REFUSE)
        end = datetime(2026, 12, 31, tzinfo=UTC).timestamp()
        for address, now, hit in (
            ("192.0.2.5", 0.0, "imailpy.toml:4"),
            ("198.51.100.7", end - 1, "imailpy.toml:6 (a guest)"),
            ("198.51.100.7", end, None),
            ("198.51.100.8", end, "imailpy.toml:7"),
            ("203.0.113.1", end + 10**9, "/lists/smtp.txt:2 (one)"),
            ("203.0.113.2", end, "/lists/smtp.txt:3"),
            ("203.0.113.2", end + 10**9, None),
        ):
            self.assertEqual(rule.find(address, now), hit, (address, now))
        self.assertEqual(made.bans.score, 50)
        self.assertEqual(made.bans.weights[Sign.HTTP], 7)

    def test_long_file(self) -> None:
        """A long list is packed; each entry still knows its line."""
        lines = [f"10.{at >> 8}.{at & 255}.0/24 # x" for at in range(12_000)]
        lines[5000] = "192.0.2.1 until=2026-12-31"
        disk: Any = Disk("\n".join(lines).encode())
        timed, more = read_list("/list", disk)
        self.assertEqual([each.entry for each in timed], ["/list:5001"])
        found = more.find("10.1.4.9")
        self.assertEqual(found and found.entry, "/list:261")
        lines[7000] = "nonsense"
        disk = Disk("\n".join(lines).encode())
        with self.assertRaisesRegex(ValueError, "/list:7001"):
            read_list("/list", disk)

    def test_wrong(self) -> None:
        """Each mistake is told with its remedy."""
        for text, words in (
            ("[access.smpt]\nnetworks = ['192.0.2.1']", "is no service"),
            ("[access.imap]\nmode = 'deny-all-except'", "everybody out"),
            (
                "[access.imap]\nentries = "
                "[{network = '192.0.2.1', until = 'soon'}]",
                "2026-12-31",
            ),
            ("[access.imap]\nnetworks = ['192.0.2']", "not an address"),
            (
                "[access.imap]\nentries = [{note = 'x'}]",
                '"network" is missing',
            ),
            ("[login]\nfailures_a_day = [1, 2]", "three numbers"),
            ("[bans]\nexempt = ['0.0.0.0/1', '128.0.0.0/1']", "all of IPv4"),
        ):
            with self.assertRaises(ConfigError) as caught:
                parse(text)
            self.assertIn(words, str(caught.exception), text)

    def test_wrong_file(self) -> None:
        """A line that is no entry is named."""
        for line in (b"192.0.2", b"192.0.2.1 until=soon", b"192.0.2.1 x"):
            disk: Any = Disk(b"# first\n" + line)
            with self.assertRaises(ValueError) as caught:
                read_list("/list", disk)
            self.assertIn("/list:2: ", str(caught.exception))
