"""A listener with a real receiver and store behind it, at its limits."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.protocol import Factory

from imailpy.listeners.smtp import SmtpFactory, SmtpSettings
from tests.delivery.house import HouseCase
from tests.delivery.test_durable import Durable
from tests.listeners.smtp.serving import Talker
from tests.protocol.smtp.driving import codes
from tests.support.journal import KeptJournal
from tests.support.realm import ScriptedRealm
from tests.support.settings import Fixed
from tests.support.still_world import result_of

BODY = b"Subject: x\r\n\r\nhi\r\n"


class LimitTests(Durable, HouseCase):
    """SECURITY.md B13 and B4.12 with everything but sockets."""

    def setUp(self) -> None:
        super().setUp()
        self.realm = ScriptedRealm()
        self.factory = SmtpFactory(
            self.world,
            self.realm,
            self.delivery.receiver,
            KeptJournal(),
            Fixed(SmtpSettings()),
        )
        self.world.network.listen("192.0.2.1", 25, self.factory)

    def greeted(self) -> Talker:
        talker = Talker(self.world)
        self.world.network.connect(
            "192.0.2.1", 25, Factory.forProtocol(lambda: talker)
        )
        self.world.run()
        talker.say(b"EHLO client.test\r\n")
        return talker

    def test_B13_3_thousand_recipients(self) -> None:
        """A message for a thousand is delivered to all of them, and the
        thousand and first is told to come again."""
        talker = self.greeted()
        talker.say(b"MAIL FROM:<ann@client.example>\r\n")
        said = talker.say(
            b"RCPT TO:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\n"
            + b"".join(b"RCPT TO:<x%d@out.test>\r\n" % n for n in range(999))
        )
        self.assertEqual(codes(said), [250] * 1000 + [452])
        self.assertIn(b"452 4.5.3", said)
        said = talker.say(b"DATA\r\n" + BODY + b".\r\n", 5.0)
        self.assertEqual(codes(said), [354, 250])
        taken = self.realm.gates[-1]
        self.assertEqual(taken.stages().count("rcpt"), 1000)
        queued = result_of(self.store.queue.rows(most=2000))
        self.assertEqual(len(list(queued)), 998)
        for address in ("alice@example.test", "bob@example.test"):
            self.assertEqual(len(self.mails(address)), 1)

    def test_B13_5_spool_budget(self) -> None:
        """Past the spool's budget a message gets 452 4.3.1, those that were
        arriving go on, and what it held is given back."""
        self.store_settings.change(
            evolve(self.store_settings.current, spool_octets=400_000)
        )
        start = (
            b"MAIL FROM:<ann@client.example>\r\n"
            b"RCPT TO:<bob@example.test>\r\nDATA\r\n"
        )
        first, second = self.greeted(), self.greeted()
        first.say(start + b"A: b\r\n\r\n" + b"x" * 300_000)
        second.say(start + b"A: b\r\n\r\n" + b"y" * 300_000)
        said = second.say(b"\r\n.\r\n", 1.0)
        self.assertEqual(codes(said), [452])
        self.assertIn(b"4.3.1", said)
        # Past 256 KB it lies in a file, however few there are.
        self.assertEqual(len(self.spool_files()), 1)
        self.assertEqual(codes(first.say(b"\r\n.\r\n", 1.0)), [250])
        self.assertEqual(self.spool_files(), [])
        self.assertEqual(self.store.spool.in_flight_octets, 0)
        said = second.say(start + BODY + b".\r\n", 1.0)
        self.assertEqual(codes(said)[-1], 250)

    def spool_files(self) -> list[str]:
        return list(self.world.disk.list(self.store.spool.directory))

    def test_B4_12_a_proxy_nobody_asked_for(self) -> None:
        """XCLIENT, XFORWARD and PROXY change nothing about who a client is;
        who begins with PROXY is sent away."""
        talker = self.greeted()
        for line, code in (
            (b"XCLIENT ADDR=10.0.0.5", 550),
            (b"XFORWARD ADDR=10.0.0.5", 500),
        ):
            self.assertEqual(codes(talker.say(line + b"\r\n")), [code])
        for first in (
            b"PROXY TCP4 10.0.0.5 192.0.2.1 4711 25\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + b"\r\n",
        ):
            talker = self.greeted()
            before: Any = self.realm.gates[-1].client
            said = talker.say(first + b"MAIL FROM:<a@x.test>\r\n", 1.0)
            self.assertEqual(self.realm.gates[-1].client, before)
            self.assertEqual(before.address, "192.0.2.77")
            self.assertNotIn(221, codes(said))
            self.assertTrue(talker.gone)
            self.assertNotIn("mail", self.realm.gates[-1].stages())
