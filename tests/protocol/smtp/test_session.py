"""Whole dialogues, in any cut."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import NULL_PATH, Path, Recipient, Reply
from imailpy.protocol.smtp import events
from imailpy.protocol.smtp.session import ServerSession
from tests.protocol.smtp.driving import (
    Flavour,
    Limits,
    codes,
    greeted,
    in_data,
    options,
    talk,
)


class DialogueTests(SynchronousTestCase):
    """What a client says and hears."""

    def test_one_message(self) -> None:
        """A plain transaction goes through, dots and all."""
        driver, expected = talk(
            """
            S: 220 mx.test ESMTP
            C: EHLO client.test
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250-SIZE 52428800
            S: 250-8BITMIME
            S: 250-ENHANCEDSTATUSCODES
            S: 250-SMTPUTF8
            S: 250-CHUNKING
            S: 250-DSN
            S: 250-LIMITS RCPTMAX=1000
            S: 250 HELP
            C: MAIL FROM:<ann@client.test> SIZE=100
            S: 250 2.1.0 OK
            C: RCPT TO:<bob@local.test>
            S: 250 2.1.5 OK
            C: DATA
            S: 354 Go ahead
            C: Subject: dots
            C:
            C: ..one
            C: ...two
            C: .
            S: 250 2.0.0 Taken
            C: QUIT
            S: 221 2.0.0 mx.test closing
            """
        )
        self.assertEqual(driver.said, expected)
        ((envelope, octets),) = driver.messages
        self.assertEqual(octets, b"Subject: dots\r\n\r\n.one\r\n..two\r\n")
        self.assertEqual(envelope.reverse_path, Path.parse("ann@client.test"))
        self.assertEqual(
            envelope.recipients, (Recipient(Path.parse("bob@local.test")),)
        )
        self.assertTrue(driver.session.closing)

    def test_empty_message(self) -> None:
        """A message of nothing is a message."""
        driver, expected = talk(
            """
            S: 220 mx.test ESMTP
            C: HELO client.test
            S: 250 mx.test
            C: MAIL FROM:<>
            S: 250 2.1.0 OK
            C: RCPT TO:<bob@local.test>
            S: 250 2.1.5 OK
            C: DATA
            S: 354 Go ahead
            C: .
            S: 250 2.0.0 Taken
            C: NOOP whatever
            S: 250 2.0.0 OK
            """
        )
        self.assertEqual(driver.said, expected)
        ((envelope, octets),) = driver.messages
        self.assertEqual((envelope.reverse_path, octets), (NULL_PATH, b""))
        self.assertFalse(driver.session.closing)

    def test_chunks(self) -> None:
        """A message in pieces of BDAT comes whole."""
        driver, expected = talk(
            """
            S: 220 mx.test ESMTP
            C: HELO client.test
            S: 250 mx.test
            C: MAIL FROM:<a@x.test>
            S: 250 2.1.0 OK
            C: RCPT TO:<bob@local.test>
            S: 250 2.1.5 OK
            C: BDAT 7
            C~ one\\r\\n.\\r
            S: 250 2.0.0 OK
            C: bdat 3
            C~ \\ntw
            S: 250 2.0.0 OK
            C: BDAT 3 LAST
            C: o
            S: 250 2.0.0 Taken
            C: MAIL FROM:<a@x.test>
            S: 250 2.1.0 OK
            C: RCPT TO:<bob@local.test>
            S: 250 2.1.5 OK
            C: BDAT 0 last
            S: 250 2.0.0 Taken
            """
        )
        self.assertEqual(driver.said, expected)
        self.assertEqual(
            [octets for _, octets in driver.messages],
            [b"one\r\n.\r\ntwo\r\n", b""],
        )

    def test_refusals_leave_the_session(self) -> None:
        """After each mistake the session goes on as before."""
        driver, expected = talk(
            """
            S: 220 mx.test ESMTP
            C: MAIL FROM:<a@x.test>
            S: 503 5.5.1 Say EHLO first
            C: NOSUCH
            S: 500 5.5.2 Unknown command
            C: HELO
            S: 501 5.5.4 Want HELO and one name
            C: HELO client.test
            S: 250 mx.test
            C: RCPT TO:<b@local.test>
            S: 503 5.5.1 Say MAIL first
            C: MAIL TO:<a@x.test>
            S: 501 5.5.4 Want MAIL FROM:<address>
            C: MAIL FROM:<a@x.test> NOSUCH=1
            S: 555 5.5.4 NOSUCH is not offered
            C: MAIL FROM:<a@x.test>
            S: 250 2.1.0 OK
            C: MAIL FROM:<a@x.test>
            S: 503 5.5.1 Not in a mail transaction
            C: DATA
            S: 503 5.5.1 Say RCPT first
            C: RCPT TO:<b@@local.test>
            S: 501 5.1.3 Bad address syntax
            C: EXPN list
            S: 502 5.5.1 Not offered
            C: VRFY bob
            S: 252 2.0.0 Cannot say
            C: HELP
            S: 214 2.0.0 See RFC 5321
            C: RCPT TO:<b@local.test>
            S: 250 2.1.5 OK
            C: RSET
            S: 250 2.0.0 OK
            C: RCPT TO:<b@local.test>
            S: 503 5.5.1 Say MAIL first
            """
        )
        self.assertEqual(driver.said, expected)
        self.assertEqual(driver.events.count(events.Reset()), 1)

    def test_greeting_refused(self) -> None:
        """A client that is not welcome is heard until QUIT, no further."""
        driver, expected = talk(
            """
            S: 554 No
            C: EHLO client.test
            S: 503 5.5.1 Not welcome, say QUIT
            C: QUIT
            S: 221 2.0.0 mx.test closing
            """,
            answers={events.Connected: Reply(554, "No", "5.7.1")},
        )
        self.assertEqual(driver.said, expected)

    def test_421_closes(self) -> None:
        """Whatever is answered with 421 ends the connection."""
        driver, expected = talk(
            """
            S: 220 mx.test ESMTP
            C: HELO client.test
            S: 250 mx.test
            C: MAIL FROM:<a@x.test>
            S: 250 2.1.0 OK
            C: RCPT TO:<b@local.test>
            S: 421 4.7.0 Enough
            C: NOOP
            """,
            answers={events.Rcpt: Reply(421, "Enough", "4.7.0")},
        )
        self.assertEqual(driver.said, expected)
        self.assertTrue(driver.session.closing)
        self.assertEqual(driver.events[-1], events.Reset())

    def test_hello_again_resets(self) -> None:
        """A second EHLO in a transaction is a RSET [RFC5321 4.1.4]."""
        driver = greeted()
        driver.feed(b"MAIL FROM:<a@x.test>\r\nEHLO other.test\r\n")
        said = driver.feed(b"RCPT TO:<b@local.test>\r\n")
        self.assertEqual(codes(said), [503])
        self.assertIn(events.Reset(), driver.events)

    def test_everyone_refused(self) -> None:
        """With every recipient refused, DATA is refused too."""
        driver = greeted(
            answers={events.Rcpt: Reply(550, "No such user", "5.1.1")}
        )
        said = driver.feed(
            b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@local.test>\r\nDATA\r\n"
        )
        self.assertEqual(codes(said), [250, 550, 554])

    def test_B3_3_early_talk(self) -> None:
        """Who speaks before the greeting may be sent away."""
        session = ServerSession(options(refuse_early_talk=True))
        session.next_event()
        session.receive(b"EHLO spam.test\r\n")
        session.answer(Reply(220, "mx.test"))
        self.assertEqual(session.next_event(), events.Offence("early-talk"))
        self.assertEqual(codes(session.octets_to_send()), [554])
        self.assertTrue(session.closing)


class LimitTests(SynchronousTestCase):
    """How much of everything."""

    def test_recipients(self) -> None:
        """The recipient over the limit gets 452, the others stay."""
        driver = greeted(options(limits=Limits(recipients=2)))
        said = driver.feed(
            b"MAIL FROM:<a@x.test>\r\n"
            + b"RCPT TO:<b@local.test>\r\n" * 30
            + b"DATA\r\nx\r\n.\r\n"
        )
        self.assertEqual(
            codes(said), [250, 250, 250] + [452] * 28 + [354, 250]
        )

    def test_errors(self) -> None:
        """After 20 mistakes the connection is closed with 421."""
        driver = greeted()
        said = driver.feed(b"NOSUCH\r\n" * 30)
        self.assertEqual(codes(said), [500] * 21 + [421])
        self.assertTrue(driver.session.closing)
        self.assertEqual(driver.offences, ["errors"])

    def test_junk(self) -> None:
        """A hundred commands without a message are enough."""
        driver = greeted(hello=b"")
        said = driver.feed(b"NOOP\r\n" * 200)
        self.assertEqual(codes(said), [250] * 100 + [421])
        self.assertEqual(driver.offences, ["junk"])

    def test_a_message_forgives(self) -> None:
        """A client that sends mail may reset as often as it sends."""
        driver = greeted()
        message = (
            b"RSET\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@local.test>\r\n"
            b"DATA\r\nx\r\n.\r\n"
        )
        driver.feed(message * 200)
        self.assertEqual(len(driver.messages), 200)

    def test_declared_size(self) -> None:
        """A SIZE over the limit is refused at MAIL."""
        driver = greeted(options(max_message_octets=1000))
        said = driver.feed(b"MAIL FROM:<a@x.test> SIZE=1001\r\n")
        self.assertEqual(said, b"552 5.3.4 Message too big\r\n")
        said = driver.feed(b"MAIL FROM:<a@x.test> SIZE=1000\r\n")
        self.assertEqual(codes(said), [250])

    def test_real_size(self) -> None:
        """A message over the limit is read to its end, then refused."""
        driver = in_data(options(max_message_octets=1000))
        said = driver.feed(b"x" * 1200, b"\r\n.\r\nNOOP\r\n")
        self.assertEqual(codes(said), [552, 250])
        self.assertEqual(driver.aborted, ["Message too big"])

    def test_swallowing_ends(self) -> None:
        """Nobody may send for ever just to hear why it is refused."""
        limits = Limits(swallowed_octets=5000)
        driver = in_data(options(max_message_octets=1000, limits=limits))
        said = driver.feed(*[b"x" * 100] * 100)
        self.assertEqual(codes(said), [552])
        self.assertTrue(driver.session.closing)
        self.assertEqual(driver.aborted, ["Message too big"])

    def test_want_input(self) -> None:
        """With an event open, the client is asked to wait, soon."""
        driver = greeted(answers={events.Mail: None})
        driver.feed(b"MAIL FROM:<a@x.test>\r\n")
        self.assertTrue(driver.session.want_input())
        driver.feed(b"x" * 70_000)
        self.assertFalse(driver.session.want_input())

    def test_chunks_are_small(self) -> None:
        """However much comes at once, a piece holds 64 KB at most."""
        for line_ends in ("reject", "normalize"):
            session = ServerSession(
                options(line_ends=type(options().line_ends)(line_ends))
            )
            octets = (
                b"HELO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@l.test>\r\n"
                b"DATA\r\n" + (b"x" * 100 + b"\r\n") * 10_000
            )
            session.receive(octets)
            sizes = []
            while (event := session.next_event()) is not None:
                if isinstance(event, events.BodyChunk):
                    sizes.append(len(event.octets))
                else:
                    session.answer(Reply(250, "OK"))
            self.assertGreater(len(sizes), 10)
            self.assertLessEqual(max(sizes), 64 * 1024)


class ProtocolNameTests(SynchronousTestCase):
    """The word behind `with` in Received [RFC3848] [RFC6531 4.3]."""

    def test_names(self) -> None:
        """Each way of coming in has its name."""
        lmtp = Flavour.LMTP
        for hello, parameter, tls, flavour, name in (
            (b"HELO c", b"", False, Flavour.SMTP, "SMTP"),
            (b"EHLO c", b"", False, Flavour.SMTP, "ESMTP"),
            (b"EHLO c", b"", True, Flavour.SMTP, "ESMTPS"),
            (b"EHLO c", b" SMTPUTF8", True, Flavour.SMTP, "UTF8SMTPS"),
            (b"LHLO c", b"", False, lmtp, "LMTP"),
            (b"LHLO c", b" SMTPUTF8", False, lmtp, "UTF8LMTP"),
        ):
            driver = greeted(
                options(tls=tls, flavour=flavour), hello=hello + b"\r\n"
            )
            driver.feed(b"MAIL FROM:<a@x.test>" + parameter + b"\r\n")
            self.assertEqual(driver.session.protocol, name)


class LostTests(SynchronousTestCase):
    """The connection goes away."""

    def test_in_a_message(self) -> None:
        """A message cut off is never taken for a whole one."""
        driver = in_data()
        driver.feed(b"half a mess")
        driver.session.end_of_input()
        driver.turn()
        self.assertEqual(driver.aborted, ["connection lost"])
        self.assertEqual(driver.messages, [])

    def test_while_the_answer_is_open(self) -> None:
        """B3.6: a message that came whole is answered, heard or not."""
        driver = in_data(answers={events.EndOfBody: None})
        driver.feed(b"x\r\n.\r\nMAIL FROM:<a@x.test>\r\n")
        driver.session.end_of_input()
        driver.turn()
        driver.reply(Reply(250, "Taken"))
        driver.turn()
        self.assertEqual(len(driver.messages), 1)
        self.assertEqual(driver.aborted, [])
        self.assertTrue(driver.session.closing)
        self.assertIsInstance(driver.events[-1], events.EndOfBody)

    def test_between_chunks(self) -> None:
        """A message whose last piece is missing is void."""
        driver = greeted()
        driver.feed(
            b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@local.test>\r\nBDAT 3\r\nabc"
        )
        driver.session.end_of_input()
        driver.turn()
        self.assertEqual(driver.aborted, ["connection lost"])
