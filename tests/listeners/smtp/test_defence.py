"""Peers that are no honest ones, at an SMTP listener."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.listeners.smtp import SmtpSettings
from imailpy.mail import Reply, Sign
from imailpy.protocol.smtp.options import Limits
from tests.listeners.smtp.serving import ENVELOPE, Serving, Talker
from tests.protocol.smtp.driving import codes
from tests.support.realm import refused


class SignTests(SynchronousTestCase):
    """What is told to the realm."""

    def signs(self, octets: bytes, **settings: Any) -> list[Sign]:
        serving = Serving(SmtpSettings(**settings))
        serving.call().say(octets)
        return list(serving.gate.signs)

    def test_signs(self) -> None:
        """Each kind of offence is a sign; honest clients show none."""
        for octets, sign in (
            (b"GET / HTTP/1.1\r\n", Sign.HTTP),
            (b"\x16\x03\x01\x02\x00\x01\r\n", Sign.TLS_JUNK),
            (b"EHLO " + b"x" * 20_000 + b"\r\n", Sign.LONG_COMMAND),
            (b"NOOP\r\n" * 101, Sign.JUNK_COMMANDS),
            (b"NOSUCH\r\n" * 21, Sign.BAD_COMMANDS),
            (b"NOOP\nNOOP\r\nNOOP\nNOOP\r\n", Sign.SMUGGLING),
        ):
            self.assertEqual(self.signs(octets), [sign], octets[:20])
        honest = b"EHLO client.test\r\n" + ENVELOPE + b"RSET\r\nQUIT\r\n"
        self.assertEqual(self.signs(honest), [])

    def test_B13_4_junk_and_errors(self) -> None:
        """A hundred junk commands and twenty errors, then 421."""
        for line, most, code in ((b"NOOP", 100, 250), (b"NOSUCH", 20, 500)):
            talker = Serving().greeted()
            junk = 1 if line == b"NOOP" else 0
            said = codes(talker.say((line + b"\r\n") * 300))
            self.assertEqual(said, [code] * (most - junk) + [code, 421][junk:])
            self.assertTrue(talker.gone)

    def test_B13_4_one_error_under_stress(self) -> None:
        """Under stress one mistake is allowed, and no more."""
        serving = Serving()
        serving.realm.stressed = True
        talker = serving.greeted()
        said = codes(talker.say(b"NOSUCH\r\n" * 5))
        self.assertEqual(said, [500, 500, 421])

    def test_554_then_503(self) -> None:
        """After 554 a client may say QUIT and nothing else [RFC5321 3.1]."""
        serving = Serving()
        reply = Reply(554, "No SMTP service here", "5.7.1")
        serving.realm.script["connect"] = refused(reply)
        talker = serving.call()
        self.assertEqual(talker.heard, b"554 No SMTP service here\r\n")
        said = talker.say(b"EHLO a.test\r\nMAIL FROM:<>\r\nNOOP\r\nQUIT\r\n")
        self.assertEqual(codes(said), [503, 503, 503, 221])
        self.assertTrue(talker.gone)

    def test_parting(self) -> None:
        """Who is banned meanwhile is sent away at its next words."""
        serving = Serving()
        talker = serving.greeted()
        serving.gate.parts_with = refused(
            Reply(421, "Service not available", "4.7.0")
        )
        self.assertEqual(codes(talker.say(b"NOOP\r\n")), [421])
        self.assertTrue(talker.gone)


class SlowTests(SynchronousTestCase):
    """Slow clients."""

    def message(self, **settings: Any) -> tuple[Serving, Talker]:
        serving = Serving(SmtpSettings(**settings))
        talker = serving.greeted()
        talker.say(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\n")
        return serving, talker

    def test_B13_1_least_rate(self) -> None:
        """A message that trickles ends after the grace, as a sign."""
        serving, talker = self.message()
        for _ in range(7):
            self.assertEqual(talker.say(b"x", 10.0), b"")
        said = talker.say(b"x", 0.0)
        if not said:
            said = talker.heard
        self.assertIn(b"421 4.4.2 Too slow", talker.heard)
        self.assertTrue(talker.gone)
        self.assertEqual(serving.gate.signs, [Sign.TOO_SLOW])
        self.assertEqual(serving.receiver.accepted, [])

    def test_B13_1_fast_enough(self) -> None:
        """One that keeps the rate may take as long as it needs."""
        serving, talker = self.message()
        for _ in range(30):
            talker.say(b"x" * 98 + b"\r\n" + (b"y" * 98 + b"\r\n") * 60, 10.0)
        self.assertEqual(codes(talker.say(b".\r\n", 1.0)), [250])
        self.assertEqual(serving.gate.signs, [])

    def test_B13_1_deadline_of_a_command(self) -> None:
        """A letter now and then keeps no connection open."""
        talker = Serving().greeted()
        letters = 0
        while not talker.gone and letters < 40:
            talker.say(b"N", 10.0)
            letters += 1
        self.assertEqual(letters, 30)
        self.assertIn(b"421 4.4.2", talker.heard)

    def test_B13_1_stress_shortens(self) -> None:
        """When stress begins, those who are there get less time as well."""
        serving = Serving()
        talker = serving.greeted()
        serving.world.run(20.0)
        self.assertFalse(talker.gone)
        serving.gate.stressed = True
        serving.world.run(15.0)
        self.assertTrue(talker.gone)
        self.assertIn(b"421 4.4.2", talker.heard)

    def test_no_rate_wanted(self) -> None:
        """Zero takes any rate."""
        _, talker = self.message(least_rate=0, limits=evolve(Limits()))
        for _ in range(30):
            talker.say(b"x", 10.0)
        self.assertFalse(talker.gone)
