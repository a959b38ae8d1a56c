"""Signs of attack on IMAP and POP3, and those who are banned meanwhile."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Decision, Sign, Verdict
from tests.support.imap import House as ImapHouse
from tests.support.pop3 import House as Pop3House

BANNED = Decision(Verdict.DEFER, "connect.banned", "the test says so")


class ImapTests(SynchronousTestCase):
    """IMAP."""

    def test_signs(self) -> None:
        """What no mail client does is told when the connection ends."""
        for octets, sign in (
            (b"GET / HTTP/1.1\r\n", Sign.HTTP),
            (b"\x16\x03\x01\x02\x00\x01\x00", Sign.TLS_JUNK),
            (b"a NOSUCH\r\n" * 3, Sign.BAD_COMMANDS),
            (b"a NOOP " + b"x" * 70_000, Sign.LONG_COMMAND),
        ):
            client = ImapHouse().connect()
            client.send(octets)
            client.lose()
            self.assertEqual(client.gate.signs[:1], [sign], octets[:20])
        client = ImapHouse().connect()
        client.say("NOOP")
        client.say("LOGIN alice@example.test secret")
        client.lose()
        self.assertEqual(client.gate.signs, [])

    def test_parting(self) -> None:
        """Who is banned meanwhile hears BYE at its next words."""
        client = ImapHouse().connect()
        client.say("LOGIN alice@example.test secret")
        client.gate.parts_with = BANNED
        said = client.send(b"a NOOP\r\n")
        self.assertIn(b"* BYE [UNAVAILABLE]", said)
        self.assertTrue(client.transport.disconnecting)


class Pop3Tests(SynchronousTestCase):
    """POP3."""

    def gate(self, house: Any) -> Any:
        return house.realm.gates[-1]

    def test_signs(self) -> None:
        """What no mail client does is told when the connection ends."""
        for octets, sign in (
            (b"GET / HTTP/1.1\r\n", Sign.HTTP),
            (b"\x16\x03\x01\x02\x00\x01\x00", Sign.TLS_JUNK),
            (b"NOSUCH\r\n" * 20, Sign.BAD_COMMANDS),
            (b"USER " + b"x" * 20_000, Sign.LONG_COMMAND),
        ):
            house = Pop3House()
            client = house.client()
            client.say(octets)
            client.cut()
            self.assertEqual(self.gate(house).signs, [sign], octets[:20])

    def test_parting(self) -> None:
        """Who is banned meanwhile hears -ERR at its next words."""
        house = Pop3House()
        client = house.client()
        client.sign_in()
        self.gate(house).parts_with = BANNED
        self.assertEqual(
            client.say(b"NOOP\r\n"),
            b"-ERR [SYS/TEMP] Service not available\r\n",
        )
