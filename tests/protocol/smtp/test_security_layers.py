"""STARTTLS and AUTH: SECURITY.md B2 and B3.2."""

import base64

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Reply
from imailpy.protocol.smtp import events
from tests.protocol.smtp.driving import codes, greeted, options

TLS = options(
    starttls=True,
    mechanisms=lambda tls: ("PLAIN", "LOGIN") if tls else (),
)
CLEAR = options(mechanisms=lambda tls: ("PLAIN", "LOGIN"))


class StartTlsTests(SynchronousTestCase):
    """The switch to TLS forgets all that was said in clear."""

    def test_B2_1_injected_commands(self) -> None:
        """Commands that come along with STARTTLS are thrown away."""
        driver = greeted(TLS)
        said = driver.feed(b"STARTTLS\r\nEHLO e\r\nMAIL FROM:<i@x.test>\r\n")
        self.assertEqual(codes(said), [220])
        self.assertEqual(driver.feed(b"NOOP\r\n"), b"")
        driver.session.secured()
        self.assertEqual(driver.feed(b""), b"")
        said = driver.feed(b"EHLO c\r\n")
        self.assertEqual(codes(said), [250])
        self.assertNotIn(b"STARTTLS", said)
        self.assertIn(b"AUTH PLAIN LOGIN", said)
        self.assertFalse(
            [e for e in driver.events if isinstance(e, events.Mail)]
        )

    def test_B2_1_while_the_answer_is_open(self) -> None:
        """What comes while STARTTLS is being answered is thrown away."""
        driver = greeted(TLS, {events.StartTls: None})
        driver.feed(b"STARTTLS\r\n")
        driver.feed(b"MAIL FROM:<i@x.test>\r\n")
        driver.reply(Reply(220, "Ready"))
        driver.session.secured()
        self.assertEqual(codes(driver.feed(b"")), [220])

    def test_B2_2_half_a_line(self) -> None:
        """Half a line in clear does not go on under TLS."""
        driver = greeted(TLS)
        driver.feed(b"STARTTLS\r\nMAIL FROM:<i@x")
        driver.session.secured()
        self.assertEqual(codes(driver.feed(b">\r\n")), [500])

    def test_B2_5_all_is_forgotten(self) -> None:
        """After STARTTLS a client is as new."""
        driver = greeted(TLS)
        driver.feed(b"STARTTLS\r\n")
        driver.session.secured()
        self.assertIsNone(driver.session.hello)
        self.assertTrue(driver.session.tls)
        said = driver.feed(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<u@l.test>\r\n")
        self.assertEqual(codes(said), [503, 503])

    def test_B2_6_where_it_does_not_belong(self) -> None:
        """STARTTLS twice, in a transaction or with arguments is refused."""
        driver = greeted(TLS)
        self.assertEqual(codes(driver.feed(b"STARTTLS now\r\n")), [501])
        said = driver.feed(b"MAIL FROM:<a@x.test>\r\nSTARTTLS\r\n")
        self.assertEqual(codes(said), [250, 503])
        driver.feed(b"RSET\r\nSTARTTLS\r\n")
        driver.session.secured()
        driver.feed(b"EHLO c\r\n")
        self.assertEqual(codes(driver.feed(b"STARTTLS\r\n")), [503])

    def test_not_offered(self) -> None:
        """Without a certificate there is no STARTTLS."""
        driver = greeted()
        self.assertEqual(codes(driver.feed(b"STARTTLS\r\n")), [502])

    def test_refused_just_now(self) -> None:
        """When TLS cannot be had the session goes on in clear."""
        driver = greeted(
            TLS, {events.StartTls: Reply(454, "Not now", "4.7.0")}
        )
        said = driver.feed(b"STARTTLS\r\n", b"NOOP\r\n")
        self.assertEqual(codes(said), [454, 250])


class AuthTests(SynchronousTestCase):
    """What SASL needs from SMTP."""

    def test_B2_7_not_in_clear(self) -> None:
        """A password in clear is refused, and never looked at."""
        driver = greeted(TLS)
        self.assertNotIn(b"AUTH", driver.feed(b"EHLO c\r\n"))
        for user in (b"alice", b"nobody"):
            initial = base64.b64encode(b"\0" + user + b"\0secret")
            said = driver.feed(b"AUTH PLAIN " + initial + b"\r\n")
            self.assertEqual(
                said,
                b"538 5.7.11 Encryption required for requested "
                b"authentication mechanism\r\n",
            )
        self.assertEqual(
            [e for e in driver.events if isinstance(e, events.Authenticate)],
            [],
        )

    def test_mechanisms(self) -> None:
        """An unknown mechanism, or none at all, has its own reply."""
        driver = greeted(CLEAR)
        self.assertEqual(codes(driver.feed(b"AUTH NOSUCH\r\n")), [504])
        driver = greeted()
        self.assertEqual(codes(driver.feed(b"AUTH PLAIN\r\n")), [502])

    def test_initial_response(self) -> None:
        """An initial response comes decoded; `=` is the empty one."""
        for text, octets in (
            (b" AGEAYg==", b"\0a\0b"), (b" =", b""), (b"", None),
        ):  # fmt: skip
            driver = greeted(CLEAR)
            said = driver.feed(b"AUTH plain" + text + b"\r\n")
            self.assertEqual(codes(said), [235])
            self.assertEqual(
                driver.events[-1], events.Authenticate("PLAIN", octets)
            )
            self.assertTrue(driver.session.authenticated)

    def test_challenges(self) -> None:
        """Challenges and responses go to and fro in base64."""
        driver = greeted(
            CLEAR,
            {
                events.Authenticate: b"Username:",
                events.AuthenticateResponse: b"Password:",
            },
        )
        said = driver.feed(b"AUTH LOGIN\r\n")
        self.assertEqual(said, b"334 VXNlcm5hbWU6\r\n")
        said = driver.feed(b"YW", b"xpY2U=\r\n")
        self.assertEqual(said, b"334 UGFzc3dvcmQ6\r\n")
        driver.answers[events.AuthenticateResponse] = Reply(535, "No", "5.7.8")
        said = driver.feed(b"c2VjcmV0\r\n")
        self.assertEqual(said, b"535 5.7.8 No\r\n")
        self.assertEqual(
            driver.events[-2:],
            [
                events.AuthenticateResponse(b"alice"),
                events.AuthenticateResponse(b"secret"),
            ],
        )
        self.assertFalse(driver.session.authenticated)
        self.assertEqual(codes(driver.feed(b"NOOP\r\n")), [250])

    def test_given_up(self) -> None:
        """A client may give up with a star."""
        driver = greeted(
            CLEAR,
            {
                events.Authenticate: b"",
                events.AuthenticateResponse: Reply(501, "Given up", "5.7.0"),
            },
        )
        said = driver.feed(b"AUTH LOGIN\r\n", b"*\r\n", b"NOOP\r\n")
        self.assertEqual(codes(said), [334, 501, 250])
        self.assertEqual(driver.events[-1], events.AuthenticateResponse(None))

    def test_not_base64(self) -> None:
        """What is not base64 ends the exchange, not the session."""
        for response in (b"!", b"YQ", b"YQ==YQ==", b"Y Q==", b"\xff", b"=="):
            driver = greeted(CLEAR, {events.Authenticate: b""})
            said = driver.feed(b"AUTH LOGIN\r\n", response + b"\r\n")
            self.assertEqual(codes(said), [334, 501], response)
            self.assertEqual(codes(driver.feed(b"NOOP\r\n")), [250])
            said = driver.feed(b"AUTH PLAIN " + response + b"\r\n")
            self.assertEqual(codes(said), [501], response)

    def test_B3_2_pipelined_response(self) -> None:
        """Nobody talks on before AUTH is answered: closed."""
        for parts in (
            (b"AUTH PLAIN\r\nAGEAYg==\r\nMAIL FROM:<a@x.test>\r\n",),
            (b"AUTH LOGIN\r\n", b"YQ==\r\nYg==\r\n"),
        ):
            driver = greeted(
                CLEAR,
                {
                    events.Authenticate: b"",
                    events.AuthenticateResponse: b"",
                },
            )
            driver.feed(*parts)
            self.assertEqual(codes(driver.said)[-1], 503)
            self.assertTrue(driver.session.closing)
            self.assertEqual(driver.offences, ["auth-pipelining"])

    def test_B3_2_while_it_is_checked(self) -> None:
        """Not while the password is being checked either."""
        driver = greeted(
            CLEAR,
            {events.Authenticate: b"", events.AuthenticateResponse: None},
        )
        driver.feed(b"AUTH LOGIN\r\n", b"YQ==\r\n", b"MAIL")
        driver.reply(Reply(235, "Welcome"))
        driver.turn()
        self.assertEqual(codes(driver.said), [334, 503])
        self.assertFalse(driver.session.authenticated)

    def test_pipelined_behind_one_trip(self) -> None:
        """PLAIN with its response may be followed at once [RFC4954 4]."""
        driver = greeted(CLEAR)
        said = driver.feed(b"AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@x.test>\r\n")
        self.assertEqual(codes(said), [235, 250])

    def test_twice(self) -> None:
        """One AUTH is enough; none in a transaction."""
        driver = greeted(CLEAR)
        line = b"AUTH PLAIN AGEAYg==\r\n"
        self.assertEqual(codes(driver.feed(line)), [235])
        self.assertEqual(codes(driver.feed(line)), [503])
        self.assertNotIn(b"AUTH", driver.feed(b"EHLO c\r\n"))
        driver = greeted(CLEAR)
        said = driver.feed(b"MAIL FROM:<a@x.test>\r\n", line)
        self.assertEqual(codes(said), [250, 503])

    def test_required(self) -> None:
        """Where AUTH is demanded, MAIL without it gets 530."""
        driver = greeted(
            options(mechanisms=CLEAR.mechanisms, auth_required=True)
        )
        line = b"MAIL FROM:<a@x.test>\r\n"
        self.assertEqual(
            driver.feed(line), b"530 5.7.0 Authentication required\r\n"
        )
        driver.feed(b"AUTH PLAIN AGEAYg==\r\n")
        self.assertEqual(codes(driver.feed(line)), [250])
        driver = greeted(
            options(
                starttls=True, mechanisms=TLS.mechanisms, auth_required=True
            )
        )
        self.assertIn(b"530 5.7.0 Must issue a STARTTLS", driver.feed(line))

    def test_guessing_ends(self) -> None:
        """After 20 wrong passwords the connection is closed."""
        driver = greeted(
            CLEAR, {events.Authenticate: Reply(535, "No", "5.7.8")}
        )
        for _ in range(30):
            driver.feed(b"AUTH PLAIN AGEAYg==\r\n")
        self.assertEqual(codes(driver.said), [535] * 21 + [421])
