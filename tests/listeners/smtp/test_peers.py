"""XCLIENT, VRFY, EXPN: for those who are listed; a wait for strangers."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.listeners.smtp import SmtpSettings
from imailpy.mail import Reply
from imailpy.policy.networks import Networks
from imailpy.protocol.smtp.options import Flavour
from tests.listeners.smtp.serving import ENVELOPE, MESSAGE, Serving
from tests.protocol.smtp.driving import codes
from tests.support.realm import refused

PEER = "192.0.2.77"
LISTED = SmtpSettings(xclient=Networks.parse([PEER]))


class XClientTests(SynchronousTestCase):
    """A server before us tells who its client is."""

    def test_offered_to_listed_alone(self) -> None:
        """Only a listed peer sees it in the answer to EHLO."""
        for settings, seen in ((LISTED, True), (SmtpSettings(), False)):
            talker = Serving(settings).greeted()
            self.assertEqual(b"XCLIENT NAME ADDR" in talker.heard, seen)
            self.assertNotIn(b"XFORWARD", talker.heard)

    def test_B4_12_unlisted(self) -> None:
        """Anybody else is refused, and stays who it is."""
        serving = Serving(SmtpSettings(xclient=Networks.parse(["10.0.0.5"])))
        talker = serving.greeted()
        for line in (b"XCLIENT ADDR=203.0.113.9\r\n", b"XCLIENT x\r\n"):
            self.assertEqual(
                talker.say(line),
                b"550 5.7.0 Not authorized to use XCLIENT\r\n",
            )
        self.assertEqual(codes(talker.say(b"XFORWARD ADDR=1\r\n")), [500])
        self.assertEqual(serving.gate.client.address, PEER)
        self.assertEqual(len(serving.realm.gates), 1)

    def test_begins_anew(self) -> None:
        """The session begins anew with 220, for the client it names."""
        serving = Serving(LISTED)
        talker = serving.greeted()
        said = talker.say(
            b"XCLIENT ADDR=IPV6:2001:db8:0::9 PORT=4711 NAME=c.test "
            b"HELO=c.test PROTO=ESMTP LOGIN=eve DESTADDR=192.0.2.1 "
            b"DESTPORT=25\r\n"
        )
        self.assertEqual(said, b"220 mx.test ESMTP\r\n")
        client = serving.gate.client
        self.assertEqual(client.address, "2001:db8::9")
        self.assertEqual((client.port, client.proxy), (4711, PEER))
        self.assertIsNone(serving.gate.avatar)
        self.assertEqual(codes(talker.say(b"MAIL FROM:<>\r\n")), [503])
        self.assertEqual(
            codes(talker.say(b"EHLO proxy.test\r\n" + MESSAGE)),
            [250, 250, 250, 354, 250],
        )
        transaction = serving.receiver.messages[0].transaction
        self.assertEqual(transaction.client.address, "2001:db8::9")
        self.assertEqual(transaction.helo, "c.test")
        first, second = serving.realm.gates
        self.assertIn("closed", first.stages())
        self.assertEqual(second.stages()[:2], ["connect", "hello"])
        self.assertIn(("hello", "c.test"), second.asked)

    def test_refused_client(self) -> None:
        """A client that may not come in is refused, as if it had come."""
        serving = Serving(LISTED)
        talker = serving.greeted()
        serving.realm.script["connect"] = refused(Reply(554, "No"))
        self.assertEqual(
            codes(talker.say(b"XCLIENT ADDR=203.0.113.9\r\n")), [554]
        )
        self.assertEqual(codes(talker.say(b"EHLO c\r\n")), [503])
        self.assertEqual(codes(talker.say(b"QUIT\r\n")), [221])

    def test_unavailable(self) -> None:
        """A client without an address is in no list."""
        serving = Serving(LISTED)
        talker = serving.greeted()
        for word in (b"[UNAVAILABLE]", b"[tempunavail]", b"+5BUNAVAILABLE]"):
            line = b"XCLIENT ADDR=" + word + b" NAME=" + word + b"\r\n"
            self.assertEqual(codes(talker.say(line)), [220])
            self.assertEqual(serving.gate.client.address, "")

    def test_not_within_a_message(self) -> None:
        """Within a transaction it is out of order."""
        serving = Serving(LISTED)
        talker = serving.greeted()
        said = talker.say(ENVELOPE + b"XCLIENT ADDR=203.0.113.9\r\n")
        self.assertEqual(codes(said), [250, 250, 503])
        self.assertEqual(serving.gate.client.address, PEER)

    def test_login(self) -> None:
        """Its word about a login counts where a setting says so."""
        ann = "ann@local.test"
        for trusts in (False, True):
            serving = Serving(
                evolve(LISTED, xclient_login=trusts, auth=True),
                **{ann: b"secret"},
            )
            talker = serving.greeted()
            said = talker.say(b"XCLIENT LOGIN=ann@local.test\r\n")
            self.assertEqual(codes(said), [220])
            self.assertEqual(serving.gate.avatar is not None, trusts)
            self.assertEqual(serving.connection.engine.authenticated, trusts)
            talker.say(b"XCLIENT ADDR=203.0.113.9\r\n")
            self.assertIsNone(serving.gate.avatar)
            self.assertFalse(serving.connection.engine.authenticated)


class VerifyTests(SynchronousTestCase):
    """VRFY and EXPN."""

    def test_B9_10_strangers(self) -> None:
        """Whether an address exists is told to nobody who is not listed."""
        serving = Serving(**{"ann@local.test": b"x"})
        talker = serving.greeted()
        for line, code in (
            (b"VRFY ann@local.test\r\n", 252),
            (b"VRFY nobody@local.test\r\n", 252),
            (b"EXPN ann@local.test\r\n", 502),
        ):
            self.assertEqual(codes(talker.say(line)), [code])
        self.assertNotIn("verify", serving.gate.stages())
        self.assertNotIn(b"EXPN", talker.heard)

    def test_listed(self) -> None:
        """A listed client is told."""
        listed = Networks.parse([PEER])
        serving = Serving(
            SmtpSettings(vrfy_allowed=listed, expn_allowed=listed),
            **{"ann@local.test": b"x"},
        )
        talker = serving.greeted()
        self.assertIn(b"EXPN", talker.heard)
        for line, said in (
            (b"VRFY ann@local.test", b"250 2.1.5 <ann@local.test>\r\n"),
            (b"VRFY no@local.test", b"550 5.1.1 No such user here\r\n"),
            (
                b"EXPN ann@local.test",
                b"250-2.1.5 <ann@local.test>\r\n"
                b"250 2.1.5 <more@local.test>\r\n",
            ),
            (b"EXPN no@local.test", b"550 5.1.1 No such user here\r\n"),
        ):
            self.assertEqual(talker.say(line + b"\r\n"), said)


class DelayTests(SynchronousTestCase):
    """recipient_delay_ms."""

    def test_strangers_wait(self) -> None:
        """Each RCPT of a stranger is answered later, and nobody else
        waits for it."""
        serving = Serving(SmtpSettings(recipient_delay_s=0.5))
        talker, other = serving.greeted(), serving.greeted()
        rcpt = b"RCPT TO:<b@local.test>\r\n"
        said = talker.say(b"MAIL FROM:<a@x.test>\r\n" + rcpt * 2, 0.4)
        self.assertEqual(codes(said), [250])
        self.assertEqual(codes(other.say(b"NOOP\r\n")), [250])
        self.assertEqual(codes(talker.say(b"", 0.2)), [250])
        self.assertEqual(codes(talker.say(b"", 0.5)), [250])

    def test_gone_meanwhile(self) -> None:
        """Who leaves while it waits is let go at once."""
        serving = Serving(SmtpSettings(recipient_delay_s=60))
        talker = serving.greeted()
        talker.say(ENVELOPE)
        talker.leave()
        self.assertEqual(len(serving.factory.connections), 0)

    def test_lmtp_does_not(self) -> None:
        """LMTP and those who signed in do not wait."""
        serving = Serving(
            SmtpSettings(flavour=Flavour.LMTP, recipient_delay_s=60)
        )
        talker = serving.greeted(b"LHLO c\r\n")
        self.assertEqual(codes(talker.say(ENVELOPE)), [250, 250])
