"""The order of commands, cell by cell, and nothing ahead of its turn."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Reply
from imailpy.protocol.smtp import events
from imailpy.protocol.smtp.grammar import READERS
from imailpy.protocol.smtp.state import TRANSITIONS, State
from tests.protocol.smtp.driving import (
    ENVELOPE,
    Flavour,
    Granting,
    codes,
    greeted,
    in_data,
    options,
)

MAIL = b"MAIL FROM:<a@x.test>\r\n"
RCPT = b"RCPT TO:<u@local.test>\r\n"
WAY: dict[State, tuple[bytes, ...]] = {
    State.CONNECTED: (),
    State.GREETED: (b"EHLO c\r\n",),
    State.SENDER_GIVEN: (b"EHLO c\r\n", MAIL),
    State.RECIPIENT_GIVEN: (b"EHLO c\r\n", MAIL, RCPT),
    State.CHUNKS: (b"EHLO c\r\n", MAIL, RCPT, b"BDAT 1\r\nx"),
    State.REFUSED: (),
}
LINE = {
    "EHLO": b"EHLO c\r\n",
    "HELO": b"HELO c\r\n",
    "LHLO": b"LHLO c\r\n",
    "MAIL": MAIL,
    "RCPT": RCPT,
    "DATA": b"DATA\r\n",
    "BDAT": b"BDAT 1\r\nx",
    "LAST": b"BDAT 1 LAST\r\nx",
    "VRFY": b"VRFY bob\r\n",
    "XCLIENT": b"XCLIENT ADDR=192.0.2.9\r\n",
    "AUTH": b"AUTH PLAIN AGEAYg==\r\n",
}


class TableTests(SynchronousTestCase):
    """Every state meets every verb."""

    def _at(self, state: State, flavour: Flavour) -> Granting:
        refused = {events.Connected: Reply(554, "No")}
        driver = Granting(
            options(
                starttls=True,
                mechanisms=lambda tls: ("PLAIN",),
                flavour=flavour,
                expn=True,
                xclient=True,
            ),
            refused if state is State.REFUSED else None,
        )
        for line in WAY[state]:
            if flavour is Flavour.LMTP:
                line = line.replace(b"EHLO", b"LHLO")
            driver.feed(line)
        self.assertIs(driver.session.state, state)
        driver.said = b""
        return driver

    def test_every_cell(self) -> None:
        """A pair in the table moves as it says; any other gets 503."""
        for flavour in (Flavour.SMTP, Flavour.LMTP):
            strange = {"EHLO", "HELO"}
            if flavour is Flavour.SMTP:
                strange = {"LHLO"}
            for state in State:
                for verb in (*READERS, "LAST"):
                    self._cell(flavour, state, verb, strange)

    def _cell(self, flavour, state, verb, strange) -> None:
        driver = self._at(state, flavour)
        driver.feed(LINE.get(verb, f"{verb}\r\n".encode()))
        target = TRANSITIONS.get((state, verb))
        at = (flavour, state, verb, driver.said)
        if state is State.REFUSED and verb in ("BDAT", "LAST"):
            # Not even its octets are read: `x` waits for its line end.
            self.assertEqual(codes(driver.said), [503], at)
        elif target is None:
            silent = verb == "LAST" and flavour is Flavour.LMTP
            self.assertEqual(codes(driver.said), [] if silent else [503], at)
            if not silent:
                self.assertIs(driver.session.state, state, at)
        elif verb in strange:
            self.assertIn(codes(driver.said)[0], (500, 502), at)
            self.assertIs(driver.session.state, state, at)
        elif verb == "QUIT":
            self.assertEqual(codes(driver.said), [221], at)
            self.assertTrue(driver.session.closing)
        else:
            self._granted(driver, verb, target, at)

    def _granted(self, driver, verb, target, at) -> None:
        if verb == "STARTTLS":
            driver.session.secured()
        elif verb == "DATA":
            driver.feed(b".\r\n")
        self.assertLess(codes(driver.said)[0], 400, at)
        self.assertIs(driver.session.state, target, at)


class TurnTests(SynchronousTestCase):
    """SECURITY.md B3."""

    def test_B3_1_replies_in_order(self) -> None:
        """All in one segment, all answers late: replies keep their order."""
        driver = Granting(
            options(), dict.fromkeys((events.Connected, events.Hello,
                events.Mail, events.Rcpt, events.DataBegins,
                events.EndOfBody))
        )  # fmt: skip
        driver.session.receive(
            b"EHLO c\r\n" + MAIL + RCPT * 3 + b"DATA\r\nx\r\n.\r\n" + MAIL
            + b"QUIT\r\n"
        )  # fmt: skip
        for number in range(9):
            driver.turn()
            self.assertFalse(driver.session.closing)
            self.assertIsNone(driver.session.next_event())
            code = 354 if number == 6 else 220 + number
            driver.reply(Reply(code, f"number {number}"))
        driver.turn()
        self.assertTrue(driver.session.closing)
        heard = [code for code in codes(driver.said) if code != 250]
        self.assertEqual(
            heard, [220, 221, 222, 223, 224, 225, 354, 227, 228, 221]
        )

    def test_B3_4_every_end_of_a_message(self) -> None:
        """After any reply to a message, the transaction is over."""
        for code in (250, 251, 421, 450, 451, 452, 500, 550, 552, 554):
            driver = in_data(answers={events.EndOfBody: Reply(code, "So")})
            said = driver.feed(b"x\r\n.\r\nRCPT TO:<v@local.test>\r\nDATA\r\n")
            if code == 421:
                self.assertEqual(codes(said), [421])
            else:
                self.assertEqual(codes(said), [code, 503, 503])
                self.assertEqual(driver.session.envelope.recipients, ())

    def test_B3_5_transaction_untouched(self) -> None:
        """What has nothing to do with a transaction leaves it alone."""
        driver = greeted()
        driver.feed(ENVELOPE)
        said = driver.feed(
            "VRFY bücher\r\nNOSUCH\r\nNOOP\r\nHELP\r\nEXPN x\r\n".encode()
            + MAIL + b"RCPT TO:<bad\r\nSTARTTLS\r\nAUTH PLAIN\r\n\r\n"
        )  # fmt: skip
        self.assertEqual(
            codes(said), [252, 500, 250, 214, 502, 503, 501, 503, 503, 500]
        )
        driver.feed(b"DATA\r\nx\r\n.\r\n")
        self.assertEqual(len(driver.messages), 1)
        self.assertEqual(len(driver.messages[0][0].recipients), 1)

    def test_one_end_for_each_mail(self) -> None:
        """Every accepted MAIL ends in one message, one abort or one reset."""
        for rest, ending in (
            (b"RSET\r\n", events.Reset),
            (b"EHLO c\r\n", events.Reset),
            (b"QUIT\r\n", events.Reset),
            (RCPT + b"DATA\r\n.\r\n", events.EndOfBody),
            (RCPT + b"DATA\r\n\n\r\n.\r\n", events.BodyAborted),
            (RCPT + b"BDAT 1\r\nxRSET\r\n", events.BodyAborted),
            (RCPT + b"BDAT 1\r\nxQUIT\r\n", events.BodyAborted),
            (RCPT + b"BDAT 1 LAST\r\nx", events.EndOfBody),
            (RCPT + b"BDAT x\r\n", events.Reset),
            (RCPT + b"BDAT 1\r\nxBDAT x\r\n", events.BodyAborted),
            (b"X\r\n" * 21, events.Reset),
        ):
            driver = greeted()
            driver.feed(MAIL + rest)
            driver.session.end_of_input()
            driver.turn()
            ends = [
                type(event)
                for event in driver.events
                if isinstance(
                    event,
                    events.Reset | events.EndOfBody | events.BodyAborted,
                )
            ]
            self.assertEqual(ends, [ending], rest)

    def test_wrong_answers(self) -> None:
        """An answer to nothing is a mistake of ours, and says so."""
        driver = greeted()
        session = driver.session
        for call in (
            lambda: session.answer(Reply(250, "OK")),
            lambda: session.answer_each([]),
            lambda: session.challenge(b""),
            session.secured,
        ):
            with self.assertRaises(ValueError):
                call()


class LmtpTests(SynchronousTestCase):
    """One reply for each recipient [RFC2033 4.2]."""

    OPTIONS = options(flavour=Flavour.LMTP, max_message_octets=100)
    THREE = (
        MAIL + RCPT + b"RCPT TO:<no@local.test>\r\n"
        + b"RCPT TO:<v@local.test>\r\n"
    )  # fmt: skip

    def _driver(self, **more) -> Granting:
        def rcpt(event):
            if event.recipient.forward_path.local_part == "no":
                return Reply(550, "No such user", "5.1.1")
            return Reply(250, "OK", "2.1.5")

        answers = {
            events.Rcpt: rcpt,
            events.EndOfBody: [Reply(250, "u"), Reply(452, "v")],
        }
        return greeted(self.OPTIONS, answers, hello=b"LHLO c\r\n")

    def test_each_is_answered(self) -> None:
        """Replies come for accepted recipients only, in their order."""
        for message in (b"DATA\r\nx\r\n.\r\n", b"BDAT 1 LAST\r\nx"):
            driver = self._driver()
            said = driver.feed(self.THREE + message + b"NOOP\r\n")
            self.assertTrue(
                said.endswith(b"250 u\r\n452 v\r\n250 2.0.0 OK\r\n")
            )

    def test_refused_for_all(self) -> None:
        """What the engine refuses, it refuses to each of them."""
        long = b"x" * 101
        driver = self._driver()
        said = driver.feed(self.THREE + b"DATA\r\n" + long + b"\r\n.\r\n")
        self.assertEqual(codes(said)[5:], [552, 552])
        driver = self._driver()
        said = driver.feed(self.THREE + b"BDAT 101 LAST\r\n" + long)
        self.assertEqual(codes(said)[4:], [552, 552])
        driver = self._driver()
        said = driver.feed(self.THREE + b"DATA\r\n\n\r\n.\r\n")
        self.assertEqual(codes(said)[5:], [550, 550])
        self.assertTrue(driver.session.closing)

    def test_refused_chunk(self) -> None:
        """Behind a refused chunk, LAST still has its replies."""
        driver = self._driver()
        said = driver.feed(
            self.THREE + b"BDAT 101\r\n" + b"x" * 101 + b"BDAT 1 LAST\r\nx"
            + b"NOOP\r\n"
        )  # fmt: skip
        self.assertEqual(codes(said)[4:], [552, 503, 503, 250])
        self.assertEqual(codes(driver.feed(b"BDAT 0 LAST\r\n")), [])

    def test_no_recipients(self) -> None:
        """Without a recipient DATA gets 503, BDAT LAST nothing at all."""
        driver = self._driver()
        said = driver.feed(MAIL + b"RCPT TO:<no@local.test>\r\nDATA\r\n")
        self.assertEqual(codes(said), [250, 550, 503])
        said = driver.feed(b"BDAT 6 LAST\r\nNOOP\r\nNOOP\r\n")
        self.assertEqual(codes(said), [250])
        self.assertIs(driver.session.state, State.GREETED)

    def test_one_answer_for_all(self) -> None:
        """One reply of the listener's is every recipient's."""
        driver = self._driver()
        driver.answers[events.EndOfBody] = Reply(451, "Later")
        said = driver.feed(self.THREE + b"DATA\r\n.\r\n")
        self.assertEqual(codes(said)[5:], [451, 451])

    def test_number_of_answers(self) -> None:
        """A wrong number of replies is never sent."""
        driver = self._driver()
        driver.answers[events.EndOfBody] = None
        driver.feed(self.THREE + b"DATA\r\n.\r\n")
        with self.assertRaises(ValueError):
            driver.session.answer_each([Reply(250, "OK")])
