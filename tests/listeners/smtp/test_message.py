"""From DATA to the reply that takes responsibility."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import PeerError, StorageFull
from imailpy.interfaces.body import IBody
from imailpy.interfaces.delivery import IReceiver, IReceiving
from imailpy.interfaces.realm import IGate, IRealm
from imailpy.listeners.smtp import SmtpSettings
from imailpy.listeners.smtp.message import one_reply
from imailpy.mail import ACCEPTED, Path, Reply
from imailpy.protocol.smtp.body import PIECE_OCTETS
from imailpy.protocol.smtp.options import Flavour, Limits, LineEnds
from tests.listeners.smtp.serving import ENVELOPE, MESSAGE, Serving
from tests.protocol.smtp.driving import codes
from tests.support.realm import refused

LMTP = SmtpSettings(flavour=Flavour.LMTP)
TWO = ENVELOPE + b"RCPT TO:<eve@local.test>\r\n"
TWO_MESSAGE = TWO + b"DATA\r\nx\r\n.\r\n"


class FakeTests(SynchronousTestCase):
    """The fakes are what they stand for."""

    def test_fakes(self) -> None:
        """They keep the promises of their doors' signatures."""
        serving = Serving()
        serving.greeted().say(MESSAGE)
        (receiving,) = serving.receiver.messages
        verifyObject(IReceiver, serving.receiver)
        verifyObject(IReceiving, receiving)
        verifyObject(IBody, receiving.finish())
        verifyObject(IRealm, serving.realm)
        verifyObject(IGate, serving.gate)


class TakenTests(SynchronousTestCase):
    """Messages that are taken, and how."""

    def test_one_message(self) -> None:
        """Every stage is asked, and the message handed over."""
        serving = Serving()
        talker = serving.call()
        self.assertEqual(talker.heard, b"220 mx.test ESMTP\r\n")
        talker.say(b"EHLO client.test\r\n")
        said = talker.say(MESSAGE)
        self.assertEqual(codes(said), [250, 250, 354, 250])
        self.assertEqual(
            serving.gate.stages(),
            ["connect", "hello", "mail", "rcpt", "data", "reset"],
        )
        (receiving,) = serving.receiver.messages
        self.assertEqual(receiving.octets, b"Subject: x\r\n\r\nhi\r\n")
        self.assertEqual(receiving.decisions, [ACCEPTED])
        transaction = receiving.transaction
        self.assertEqual(transaction.protocol, "ESMTP")
        self.assertEqual(transaction.helo, "client.test")
        self.assertFalse(transaction.submission)
        self.assertEqual(transaction.client.address, "192.0.2.77")
        self.assertEqual(transaction.client.service, "smtp")
        self.assertEqual(
            transaction.envelope.reverse_path, Path.parse("ann@client.test")
        )
        self.assertIn("smtp.accepted", serving.journal.names())

    def test_two_messages(self) -> None:
        """One connection brings as many as it likes."""
        serving = Serving()
        said = serving.greeted().say(MESSAGE * 2 + b"QUIT\r\n")
        self.assertEqual(codes(said)[-1], 221)
        self.assertEqual(len(serving.receiver.accepted), 2)

    def test_B3_1_slow_stages(self) -> None:
        """Every answer 200 ms late: replies in order, 221 the last."""
        serving = Serving()
        world = serving.world

        def slow(_):
            waiting: Deferred = Deferred()
            world.clock.call_later(0.2, waiting.callback, ACCEPTED)
            return waiting

        for stage in ("connect", "hello", "mail", "rcpt", "data"):
            serving.realm.script[stage] = slow
        serving.receiver.replies = Deferred()
        world.clock.call_later(
            3.0,
            serving.receiver.replies.callback,
            [Reply(250, "Taken", "2.0.0")] * 3,
        )
        talker = serving.call()
        said = talker.say(
            b"EHLO c\r\n" + ENVELOPE + b"RCPT TO:<b@l.test>\r\n" * 2
            + b"DATA\r\nx\r\n.\r\nMAIL FROM:<a@x.test>\r\nQUIT\r\n",
            2.5,
        )  # fmt: skip
        self.assertEqual(codes(said), [220, 250, 250, 250, 250, 250, 354])
        self.assertFalse(talker.gone)
        said = talker.say(b"", 2.0)
        self.assertEqual(codes(said), [250, 250, 221])
        self.assertTrue(talker.gone)

    def test_chunking(self) -> None:
        """BDAT brings a message too."""
        serving = Serving()
        said = serving.greeted().say(ENVELOPE + b"BDAT 4 LAST\r\nhi\r\n")
        self.assertEqual(codes(said), [250, 250, 250])
        self.assertEqual(serving.receiver.accepted[0].octets, b"hi\r\n")

    def test_received_protocol(self) -> None:
        """HELO is SMTP, LHLO is LMTP; what came is told to the receiver."""
        serving = Serving()
        serving.greeted(b"HELO c\r\n").say(MESSAGE)
        self.assertEqual(
            serving.receiver.messages[0].transaction.protocol, "SMTP"
        )
        serving = Serving(LMTP)
        serving.greeted(b"LHLO c\r\n").say(MESSAGE)
        (receiving,) = serving.receiver.messages
        self.assertEqual(receiving.transaction.protocol, "LMTP")
        self.assertEqual(receiving.transaction.client.service, "lmtp")

    def test_submission_mends_line_ends(self) -> None:
        """A bare LF is mended on submission, refused elsewhere."""
        self.assertIs(
            SmtpSettings(flavour=Flavour.SUBMISSION).mends,
            LineEnds.NORMALIZE,
        )
        self.assertIs(SmtpSettings().mends, LineEnds.REJECT)
        serving = Serving()
        said = serving.greeted().say(ENVELOPE + b"DATA\r\na\nb\r\n.\r\n")
        self.assertEqual(codes(said), [250, 250, 354, 550])
        self.assertEqual(serving.receiver.messages[0].discarded, 1)
        self.assertEqual(serving.receiver.accepted, [])

    def test_large_message_travels_in_pieces(self) -> None:
        """40 MB go through in pieces of 64 KB at most."""
        serving = Serving()
        serving.receiver.keep = False
        talker = serving.greeted()
        talker.say(ENVELOPE + b"DATA\r\n")
        piece = (b"x" * 98 + b"\r\n") * 4000
        for _ in range(100):
            talker.say(piece)
        self.assertEqual(codes(talker.say(b".\r\n")), [250])
        (receiving,) = serving.receiver.messages
        self.assertLessEqual(receiving.largest, PIECE_OCTETS)


class RefusedTests(SynchronousTestCase):
    """Messages that are not taken."""

    def test_each_stage(self) -> None:
        """The realm's reply is the client's, at each stage."""
        no = refused(Reply(550, "No", "5.7.1"))
        for stage, expected in (
            ("hello", [550, 503, 503, 503, 500]),
            ("mail", [250, 550, 503, 503, 500]),
            ("rcpt", [250, 250, 550, 554, 500]),
        ):
            serving = Serving()
            serving.realm.script[stage] = no
            said = serving.call().say(
                b"HELO c\r\n" + ENVELOPE + b"DATA\r\n.\r\n"
            )
            self.assertEqual(codes(said), expected, stage)
            self.assertEqual(serving.receiver.messages, [])
        serving = Serving()
        serving.realm.script["data"] = no
        said = serving.greeted().say(MESSAGE)
        self.assertEqual(codes(said), [250, 250, 354, 550])
        self.assertEqual(serving.receiver.messages[0].discarded, 1)
        self.assertEqual(serving.receiver.accepted, [])

    def test_connect(self) -> None:
        """Who may not connect hears why, and no more."""
        serving = Serving()
        serving.realm.script["connect"] = refused(
            Reply(421, "Too many connections", "4.7.0")
        )
        talker = serving.call()
        self.assertEqual(talker.heard, b"421 Too many connections\r\n")
        self.assertTrue(talker.gone)
        self.assertEqual(serving.gate.stages(), ["connect", "closed"])

    def test_half_closed_then_gone(self) -> None:
        """Who closes its half and is gone counts as open no longer."""
        serving = Serving()
        serving.call()
        connection = serving.connection
        connection.readConnectionLost()
        serving.world.run()
        self.assertEqual(serving.gate.stages(), ["connect", "closed"])
        self.assertEqual(len(serving.factory.connections), 0)

    def test_no_reply_in_the_decision(self) -> None:
        """A refusal that forgot its reply is still a refusal."""
        serving = Serving()
        serving.realm.script["data"] = refused(None)
        said = serving.greeted().say(MESSAGE)
        self.assertEqual(codes(said)[-1], 550)

    def test_one_of_two(self) -> None:
        """SMTP refuses only what nobody takes."""
        serving = Serving()
        no = refused(Reply(550, "No", "5.7.1"))
        serving.realm.script["data"] = lambda _: [ACCEPTED, no]
        said = serving.greeted().say(TWO_MESSAGE)
        self.assertEqual(codes(said)[-1], 250)
        self.assertEqual(
            serving.receiver.accepted[0].decisions, [ACCEPTED, no]
        )
        serving.realm.script["data"] = lambda _: [no, no]
        said = serving.greeted().say(TWO_MESSAGE)
        self.assertEqual(codes(said)[-1], 550)
        self.assertEqual(len(serving.receiver.accepted), 1)

    def test_lmtp_answers_each(self) -> None:
        """LMTP tells each recipient's fate, the realm's and the store's."""
        serving = Serving(LMTP)
        no = refused(Reply(550, "No", "5.7.1"))
        serving.realm.script["data"] = lambda _: [ACCEPTED, no]
        serving.receiver.replies = [
            Reply(452, "Full", "4.2.2"), Reply(250, "Taken"),
        ]  # fmt: skip
        said = serving.greeted(b"LHLO c\r\n").say(TWO_MESSAGE)
        self.assertEqual(codes(said)[-2:], [452, 550])

    def test_one_reply_of_many(self) -> None:
        """Taken if anybody takes it, else later if later may help."""
        yes, later, never = (Reply(code, "x") for code in (250, 451, 550))
        for said, expected in (
            ([yes, never], yes), ([never, later, yes], yes),
            ([never, later], later), ([never, never], never),
        ):  # fmt: skip
            self.assertIs(one_reply(said), expected)

    def test_no_room(self) -> None:
        """Without room a message is refused for now, early or late."""
        serving = Serving()
        serving.receiver.begin_error = StorageFull("guard")
        said = serving.greeted().say(ENVELOPE + b"DATA\r\nRSET\r\n")
        self.assertEqual(codes(said), [250, 250, 452, 250])
        serving = Serving()
        serving.receiver.finish_error = StorageFull("guard")
        said = serving.greeted().say(MESSAGE)
        self.assertEqual(codes(said)[-1], 452)
        self.assertIn("smtp.deferred", serving.journal.names())

    def test_peer_error_of_the_receiver(self) -> None:
        """B5.13: a message that has been round too often is refused."""
        serving = Serving()
        serving.receiver.finish_error = PeerError(
            Reply(554, "Too many hops", "5.4.6")
        )
        said = serving.greeted().say(MESSAGE)
        self.assertTrue(said.endswith(b"554 5.4.6 Too many hops\r\n"))
        self.assertEqual(serving.receiver.messages[0].discarded, 1)

    def test_B1_8_too_big(self) -> None:
        """A message over the limit is dropped at once, refused at its end."""
        serving = Serving(SmtpSettings(max_message_octets=1000))
        talker = serving.greeted()
        talker.say(ENVELOPE + b"DATA\r\n" + b"x" * 5000)
        (receiving,) = serving.receiver.messages
        self.assertEqual(receiving.discarded, 1)
        said = talker.say(b"\r\n.\r\n" + MESSAGE)
        self.assertEqual(codes(said), [552, 250, 250, 354, 250])

    def test_B3_4_state_after_refusal(self) -> None:
        """After a refused message nothing of its envelope is left."""
        serving = Serving()
        serving.receiver.replies = [Reply(451, "Later", "4.3.0")]
        talker = serving.greeted()
        said = talker.say(MESSAGE + b"RCPT TO:<v@local.test>\r\nDATA\r\n")
        self.assertEqual(codes(said), [250, 250, 354, 451, 503, 503])
        self.assertEqual(serving.gate.stages()[-1], "reset")


class LostTests(SynchronousTestCase):
    """The client goes away."""

    def test_in_the_message(self) -> None:
        """Half a message is discarded."""
        serving = Serving()
        talker = serving.greeted()
        talker.say(ENVELOPE + b"DATA\r\nhalf")
        talker.leave()
        self.assertEqual(serving.receiver.messages[0].discarded, 1)
        self.assertEqual(serving.gate.stages()[-2:], ["reset", "closed"])
        self.assertEqual(len(serving.factory.connections), 0)

    def test_B3_6_while_it_is_stored(self) -> None:
        """A message that was being stored is kept once, and it is noted."""
        serving = Serving()
        serving.receiver.replies = Deferred()
        talker = serving.greeted()
        talker.say(MESSAGE)
        talker.leave()
        self.assertNotIn("closed", serving.gate.stages())
        serving.receiver.replies.callback([Reply(250, "Taken")])
        serving.world.run()
        self.assertEqual(serving.gate.stages()[-1], "closed")
        self.assertEqual(len(serving.receiver.accepted), 1)
        self.assertEqual(serving.receiver.accepted[0].discarded, 0)
        self.assertIn("smtp.reply_not_delivered", serving.journal.names())

    def test_B3_6_before_it_is_stored(self) -> None:
        """A client that left before is sent again by its own queue."""
        serving = Serving()
        deciding: Deferred = Deferred()
        serving.realm.script["data"] = deciding
        talker = serving.greeted()
        talker.say(MESSAGE)
        talker.leave()
        deciding.callback(ACCEPTED)
        serving.world.run()
        self.assertEqual(serving.receiver.accepted, [])
        self.assertEqual(serving.receiver.messages[0].discarded, 1)
        self.assertEqual(serving.gate.stages()[-1], "closed")

    def test_unexpected(self) -> None:
        """A bug of ours is temporary for the client, and leaks nothing."""
        serving = Serving()
        serving.receiver.replies = RuntimeError("secret")
        talker = serving.greeted()
        said = talker.say(MESSAGE)
        self.assertEqual(codes(said)[-1], 451)
        self.assertNotIn(b"secret", said)
        self.assertEqual(serving.receiver.messages[0].discarded, 1)
        serving.receiver.replies = None
        self.assertEqual(codes(talker.say(MESSAGE))[-1], 250)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_unexpected_at_connect(self) -> None:
        """A bug before the greeting sends the client away for now."""
        serving = Serving()
        serving.realm.script["connect"] = RuntimeError("secret")
        talker = serving.call()
        self.assertEqual(codes(talker.heard), [421])
        self.assertTrue(talker.gone)
        self.flushLoggedErrors(RuntimeError)


class PressureTests(SynchronousTestCase):
    """Slow clients, quick clients, and the end."""

    def test_B3_7_client_that_never_reads(self) -> None:
        """What it does not read is bounded; then it is cut off."""
        serving = Serving(SmtpSettings(limits=Limits(junk_commands=10**6)))
        serving.world.network.window_octets = 4096
        talker = serving.greeted()
        talker.transport.pauseProducing()
        heard = len(talker.heard)
        for _ in range(100):
            talker.say(b"NOOP\r\n" * 10_000)
        unread = sum(len(o) for _, o in talker.transport.inbox)
        self.assertLess(unread, 256 * 1024)
        waiting = len(serving.connection.engine._input)
        self.assertLess(waiting, 192 * 1024)
        self.assertTrue(talker.transport.other.paused)
        serving.world.run(301.0)
        self.assertTrue(talker.gone)
        self.assertEqual(len(talker.heard), heard)
        self.assertEqual(len(serving.factory.connections), 0)

    def test_resumes(self) -> None:
        """A client that reads on is answered on."""
        serving = Serving(SmtpSettings(limits=Limits(junk_commands=10**6)))
        serving.world.network.window_octets = 4096
        talker = serving.greeted()
        talker.transport.pauseProducing()
        talker.say(b"NOOP\r\n" * 10_000)
        before = len(talker.heard)
        talker.transport.resumeProducing()
        serving.world.run()
        self.assertEqual(
            len(talker.heard) - before, len(b"250 2.0.0 OK\r\n") * 10_000
        )

    def test_timeout(self) -> None:
        """A client that says nothing for five minutes is let go."""
        serving = Serving()
        talker = serving.greeted()
        talker.say(b"NOOP\r\n", 299.0)
        talker.say(b"NOOP\r\n", 299.0)
        self.assertFalse(talker.gone)
        said = talker.say(b"", 2.0)
        self.assertEqual(codes(said), [421])
        self.assertTrue(talker.gone)
        self.assertIn("smtp.timeout", serving.journal.names())

    def test_timeout_in_message(self) -> None:
        """In a message it may think for ten; half of it is discarded."""
        serving = Serving()
        talker = serving.greeted()
        talker.say(ENVELOPE + b"DATA\r\nx\r\n", 590.0)
        self.assertFalse(talker.gone)
        talker.say(b"", 11.0)
        self.assertTrue(talker.gone)
        self.assertEqual(serving.receiver.messages[0].discarded, 1)

    def test_waiting_for_us_is_not_idle(self) -> None:
        """Who waits for our answer is not timed out."""
        serving = Serving()
        serving.receiver.replies = Deferred()
        talker = serving.greeted()
        talker.say(MESSAGE, 1000.0)
        self.assertFalse(talker.gone)
        serving.receiver.replies.callback([Reply(250, "Taken")])
        self.assertEqual(codes(talker.say(b"", 200.0)), [250])
        self.assertFalse(talker.gone)

    def test_stop(self) -> None:
        """At the end everybody hears 421, but behind what was accepted."""
        serving = Serving()
        serving.receiver.replies = Deferred()
        busy = serving.greeted()
        busy.say(MESSAGE)
        half = serving.greeted()
        half.say(ENVELOPE + b"DATA\r\nhalf")
        idle = serving.greeted()
        heard = len(idle.heard)
        stopped = serving.factory.stop()
        serving.world.run(1.0)
        self.assertEqual(codes(idle.heard[heard:]), [421])
        self.assertTrue(idle.gone and half.gone)
        self.assertFalse(busy.gone or stopped.called)
        self.assertEqual(serving.receiver.messages[1].discarded, 1)
        serving.receiver.replies.callback([Reply(250, "Taken")])
        serving.world.run(1.0)
        self.assertEqual(codes(busy.heard)[-2:], [250, 421])
        self.assertTrue(busy.gone and stopped.called)
        self.successResultOf(stopped)
        serving.world.run(60.0)

    def test_stop_does_not_wait_for_ever(self) -> None:
        """What hangs is cut off after a while."""
        serving = Serving()
        serving.receiver.replies = Deferred()
        talker = serving.greeted()
        talker.say(MESSAGE)
        stopped = serving.factory.stop()
        serving.world.run(21.0)
        self.successResultOf(stopped)
        self.assertTrue(talker.gone)

    def test_stop_with_nobody(self) -> None:
        """With no client there is nothing to wait for."""
        self.successResultOf(Serving().factory.stop())

    def test_offence_is_recorded(self) -> None:
        """Signs of an attack are told to the journal."""
        serving = Serving()
        talker = serving.call()
        talker.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(talker.gone)
        self.assertIn(
            ("smtp.offence", "http"),
            [
                (name, facts.get("kind"))
                for name, facts in serving.journal.events
            ],
        )
