"""Greeting, LOGIN, AUTHENTICATE, STARTTLS."""

import base64
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import LoginUnavailable
from imailpy.listeners.imap import ImapFactory, ImapSettings
from imailpy.mail import Decision, Reply, Verdict
from tests.support.imap import House, Talker


class SignInTests(SynchronousTestCase):
    """One client signs in, or does not."""

    def setUp(self) -> None:
        self.house = House()
        self.client = self.house.connect()

    def test_greeting_tells_no_version(self) -> None:
        """The greeting tells capabilities and no version."""
        self.assertRegex(
            self.client.greeting,
            rb"^\* OK \[CAPABILITY IMAP4rev1 [^]]*\]"
            rb" mx.example.test ready\r\n$",
        )

    def test_login(self) -> None:
        """LOGIN with the right password is told the capabilities anew."""
        said = self.client.say("LOGIN alice@example.test secret")
        self.assertRegex(said[0], r"^OK \[CAPABILITY .* IDLE .*\] Signed in$")
        self.assertEqual(self.client.gate.stages(), ["connect", "login"])

    def test_refusals_are_all_the_same(self) -> None:
        """A wrong password and an unknown name get the same words."""
        said = [
            self.client.say(f"LOGIN {name} {password}")
            for name, password in (
                ("alice@example.test", "wrong"),
                ("nobody@example.test", "secret"),
            )
        ]
        self.assertEqual(
            said, [["NO [AUTHENTICATIONFAILED] Authentication failed"]] * 2
        )

    def test_third_refusal_is_the_last(self) -> None:
        """After three refused logins the connection ends."""
        for _ in range(3):
            said = self.client.say("LOGIN alice@example.test wrong")
        self.assertEqual(said[-1], "* BYE Too many failures")
        self.assertTrue(self.client.transport.disconnecting)

    def test_not_knowing_is_not_refusing(self) -> None:
        """A login that cannot be checked is NO [UNAVAILABLE]."""
        self.client.gate.unavailable = LoginUnavailable("directory is down")
        self.assertEqual(
            self.client.say("LOGIN alice@example.test secret"),
            ["NO [UNAVAILABLE] Temporary authentication failure"],
        )

    def test_authenticate_plain(self) -> None:
        """AUTHENTICATE PLAIN works with and without initial response."""
        proof = base64.b64encode(b"\0alice@example.test\0secret")
        said = self.client.say(b"AUTHENTICATE PLAIN " + proof)
        self.assertIn("Signed in", said[-1])
        client = self.house.connect()
        self.assertEqual(client.send(b"x AUTHENTICATE PLAIN\r\n"), b"+ \r\n")
        self.assertIn(b"x OK [CAPABILITY", client.send(proof + b"\r\n"))

    def test_authenticate_given_up(self) -> None:
        """A client may give up; it is BAD and nothing was tried."""
        self.client.send(b"x AUTHENTICATE PLAIN\r\n")
        self.assertEqual(
            self.client.send(b"*\r\n"),
            b"x BAD Authentication cancelled\r\n",
        )
        self.assertNotIn("login", self.client.gate.stages())

    def test_refused_connection_says_bye(self) -> None:
        """Who may not connect hears BYE instead of a greeting."""
        house = self.house
        real = house.realm.gate

        def gate(client: Any) -> Any:
            made = real(client)
            made.decision = Decision(
                Verdict.DEFER,
                "connect.per_address",
                "too many",
                Reply(421, "Too many connections", "4.7.0"),
            )
            return made

        self.patch(house.realm, "gate", gate)
        client = house.connect()
        self.assertEqual(
            client.greeting, b"* BYE [UNAVAILABLE] Too many connections\r\n"
        )
        self.assertTrue(client.transport.disconnecting)

    def test_every_cut(self) -> None:
        """However a dialogue is cut, the answers are the same."""
        octets = (
            b"a LOGIN {18+}\r\nalice@example.test secret\r\n"
            b"b SELECT INBOX\r\nc APPEND INBOX {7+}\r\na: b\r\n\r\n"
            b"d FETCH 1 BODY[]\r\ne IDLE\r\nDONE\r\nf LOGOUT\r\n"
        )
        expected = None
        for cut in (*range(1, len(octets)), 0):
            client = House().connect()
            if cut:
                said = client.send(octets[:cut]) + client.send(octets[cut:])
            else:
                said = b"".join(
                    client.send(bytes([octet])) for octet in octets
                )
            expected = expected or said
            self.assertEqual(said, expected, cut)
        self.assertIn(b"f OK Logged out\r\n", expected or b"")


class FakeTls:
    """Certificates that nobody looks at."""

    def server(self, alpn: str) -> str:
        return f"context for {alpn}"

    def client_certificate(self, transport: Any) -> None:
        return None

    def exporter(self, transport: Any) -> bytes | None:
        return None

    def description(self, transport: Any) -> str:
        return "TLSv1.3 AES"


class TlsTests(SynchronousTestCase):
    """With TLS on offer, and passwords only over it."""

    def house(self, *, implicit: bool = False) -> House:
        house = House(ImapSettings())
        house.factory = ImapFactory(
            house.world,
            house.store,
            house.realm,
            house.journal,
            house.settings,
            tls=FakeTls(),  # type: ignore[arg-type]
            implicit_tls=implicit,
        )
        return house

    def test_B2_7_no_password_in_clear(self) -> None:
        """Without TLS no login is tried, whoever it is."""
        client = self.house().connect()
        self.assertIn(b" STARTTLS LOGINDISABLED]", client.greeting)
        for name in ("alice@example.test", "nobody@example.test"):
            said = client.say(f"LOGIN {name} secret")
            self.assertTrue(said[0].startswith("NO [PRIVACYREQUIRED]"))
        self.assertEqual(client.gate.stages(), ["connect"])

    def test_B2_1_nothing_crosses_starttls(self) -> None:
        """What comes in one breath with STARTTLS is never executed."""
        client = self.house().connect()
        started: list[Any] = []
        transport: Any = client.transport
        transport.startTLS = started.append
        said = client.send(b"a STARTTLS\r\nb LOGIN alice@example.test x\r\n")
        self.assertEqual(said, b"a OK Begin TLS now\r\n")
        self.assertEqual(started, ["context for imap"])
        client.protocol.handshakeCompleted()
        self.assertEqual(client.heard(), b"")
        said = client.say("CAPABILITY")
        self.assertIn("AUTH=PLAIN", said[0])
        self.assertNotIn("STARTTLS", said[0])
        said = client.say("LOGIN alice@example.test secret")
        self.assertIn("Signed in", said[-1])
        self.assertIn(("secured", "TLSv1.3 AES"), client.gate.asked)

    def test_implicit_tls_greets_behind_the_handshake(self) -> None:
        """With TLS from the first octet the greeting waits for it."""
        client: Talker = self.house(implicit=True).connect()
        self.assertEqual(client.greeting, b"")
        client.protocol.handshakeCompleted()
        self.assertIn(b"AUTH=PLAIN", client.heard())
        self.assertEqual(client.gate.stages(), ["secured", "connect"])
