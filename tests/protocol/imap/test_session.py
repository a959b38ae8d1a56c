"""Dialogues with the session: order, framing, limits."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.imap import commands as c
from imailpy.protocol.imap.session import Options, ServerSession
from imailpy.protocol.imap.state import State
from tests.protocol.imap.talk import SECURE, Grants, selected
from tests.support.dialogue import client_octets, every_cut, server_octets

PLAIN = Options(starttls=True)
OPEN = Options(plaintext_auth=True, append_limit_octets=1000)


class DialogueTests(SynchronousTestCase):
    """Whole sessions, in every cut."""

    def check(
        self,
        dialogue: str,
        options: Options = SECURE,
        state: State | None = None,
    ) -> Grants:
        """The server's lines are the same however the client's are cut."""
        octets, expected = client_octets(dialogue), server_octets(dialogue)
        whole = Grants(options, state).hear(octets)
        self.assertEqual(whole.said, expected)
        for pieces in every_cut(octets):
            cut = Grants(options, state).hear(pieces)
            self.assertEqual(cut.said, expected, pieces)
            self.assertEqual(cut.events, whole.events, pieces)
            self.assertEqual(cut.session.closing, whole.session.closing)
        return whole

    def test_from_login_to_logout(self) -> None:
        """A client logs in, selects, works and leaves."""
        heard = self.check(
            r"""
            C: a1 LOGIN ann "sec\\"ret"
            S: a1 OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE CHILDREN UNSELECT IDLE UIDPLUS MOVE SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH MULTIAPPEND APPENDLIMIT=1000] Done
            C: a2 select Inbox
            S: a2 OK Done
            C: a3 FETCH 1:* FLAGS
            S: a3 OK Done
            C: a4 CLOSE
            S: a4 OK Done
            C: a5 LOGOUT
            S: * BYE Good-bye
            S: a5 OK Done
            C: a6 NOOP
            """  # noqa: E501
        )
        self.assertEqual(heard.events[0].password.reveal(), b'sec"ret')
        self.assertEqual(heard.events[1], c.Select(b"a2", "INBOX", False))
        self.assertTrue(heard.session.closing)

    def test_capability_follows_state(self) -> None:
        """CAPABILITY tells what can be done now, and no more."""
        self.check(
            """
            C: a CAPABILITY
            S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE STARTTLS LOGINDISABLED
            S: a OK Done
            """,  # noqa: E501
            PLAIN,
        )
        self.check(
            """
            C: a CAPABILITY
            S: * CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN AUTH=LOGIN
            S: a OK Done
            """,  # noqa: E501
            OPEN,
        )

    def test_literals_of_arguments(self) -> None:
        """A literal is asked for; one with a plus is not."""
        heard = self.check(
            """
            C: a LOGIN {3}
            S: + OK
            C~ ann
            C:  {6+}
            C~ se)ret
            C:
            S: a OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE CHILDREN UNSELECT IDLE UIDPLUS MOVE SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH MULTIAPPEND APPENDLIMIT=1000] Done
            C: b DELETE {0}
            S: + OK
            C:
            S: b NO [CANNOT] Invalid mailbox name
            """  # noqa: E501
        )
        self.assertEqual(heard.events[0].user, "ann")
        self.assertEqual(heard.events[0].password.reveal(), b"se)ret")

    def test_append(self) -> None:
        """A message comes in pieces, with its flags and date."""
        heard = self.check(
            r"""
            C: a APPEND {5}
            S: + OK
            C~ Draft
            C:  (\\Seen $Work) " 2-Jan-1970 00:00:01 +0100" {7}
            S: + OK
            C: hello
            C:
            S: a OK Done
            """,
            state=State.AUTHENTICATED,
        )
        first = heard.events[0]
        self.assertEqual(first.mailbox, "Draft")
        self.assertEqual((first.flags, first.keywords), (1, {"$Work"}))
        self.assertEqual(first.internal_date, 86400 + 1 - 3600)
        self.assertEqual(
            heard.events[1:],
            [c.BodyChunk(b"hello\r\n"), c.EndOfBody(), c.AppendEnd(b"a")],
        )

    def test_multiappend(self) -> None:
        """One APPEND brings several messages [RFC3502]."""
        heard = self.check(
            r"""
            C: a APPEND x {3+}
            C~ one
            C:  (\\Flagged) {3}
            S: + OK
            C~ two
            C:  ~{5+}
            C~ t}\0\r\n
            C:
            S: a OK Done
            """,
            state=State.SELECTED,
        )
        messages = [e for e in heard.events if isinstance(e, c.AppendMessage)]
        self.assertEqual(
            [(m.first, m.flags, m.binary) for m in messages],
            [(True, 0, False), (False, 4, False), (False, 0, True)],
        )

    def test_append_broken_behind_a_message(self) -> None:
        """Junk behind a message voids the APPEND; the session goes on."""
        heard = self.check(
            """
            C: a APPEND x {3+}
            C: one junk
            S: a BAD Want another message or the end
            C: b NOOP
            S: b OK Done
            C: c APPEND x {3+}
            C: one (\\Foo) {3+}
            S: c BAD No such system flag
            C: two
            C: d NOOP
            S: d OK Done
            C: e APPEND x {3+}
            C: one {0}
            S: e NO An empty message is none
            C: f NOOP
            S: f OK Done
            """,
            state=State.SELECTED,
        )
        aborted = [e for e in heard.events if isinstance(e, c.AppendAborted)]
        self.assertEqual(len(aborted), 3)

    def test_append_lost_behind_a_message(self) -> None:
        """What was there of an APPEND is void when the stream breaks off."""
        for junk in (b" {99999999+}\r\n", b" {x+}\r\n"):
            heard = selected(b"a APPEND x {3+}\r\none" + junk)
            self.assertIn(b"\r\n* BYE ", heard.said)
            self.assertEqual(heard.events[-1], c.AppendAborted(), junk)
            self.assertTrue(heard.session.closing)

    def test_append_too_big(self) -> None:
        """Too big a message is refused before it is sent."""
        self.check(
            """
            C: a APPEND x {1001}
            S: a NO [TOOBIG] Message too big
            C: b APPEND x {0}
            S: b NO An empty message is none
            C: c APPEND x {1001+}
            S: c NO [TOOBIG] Message too big
            S: * BYE [TOOBIG] Literal too big
            """,
            state=State.SELECTED,
        )

    def test_append_syntax(self) -> None:
        """A broken APPEND is refused at once, its literals passed over."""
        self.check(
            """
            C: a APPEND x
            S: a BAD A message to append comes as a literal
            C: b APPEND x (a b {5}
            S: b BAD Want an atom here
            C: c APPEND x {3+} {3+}
            S: c BAD Want flags, a date or a literal here
            C: abc {4+}
            C: abcd
            C: d APPEND x "32-Jan-2020 00:00:00 +0000" {3}
            S: d BAD No such day
            C: e APPEND x CATENATE (TEXT {3+}
            S: e BAD Want flags, a date or a literal here
            C: abc)
            C: f APPEND ../x {3+}
            S: f NO [CANNOT] Invalid mailbox name
            C: abc
            C: g NOOP
            S: g OK Done
            """,
            state=State.SELECTED,
        )

    def test_authenticate(self) -> None:
        """SASL with and without initial response, and given up."""
        heard = self.check(
            """
            C: a AUTHENTICATE PLAIN
            S: +
            C: *
            S: a BAD Given up
            C: b AUTHENTICATE PLAIN
            S: +
            C: not base64
            S: b BAD Given up
            C: c AUTHENTICATE CRAM-MD5
            S: c NO [CANNOT] Mechanism not on offer
            C: d AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=
            S: d OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE NAMESPACE CHILDREN UNSELECT IDLE UIDPLUS MOVE SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH MULTIAPPEND APPENDLIMIT=1000] Done
            C: e AUTHENTICATE PLAIN =
            S: e BAD Not in this state
            """.replace("S: +\n", "S: + \n")  # noqa: E501
        )
        self.assertEqual(heard.events[-1].initial, b"\0ann\0secret")
        heard = Grants().hear(b"a AUTHENTICATE plain =\r\n")
        self.assertEqual(heard.events, [c.Authenticate(b"a", "PLAIN", b"")])

    def test_B7_9_idle(self) -> None:
        """IDLE ends with DONE, and with anything else."""
        self.check(
            """
            C: a IDLE
            S: + idling
            C: done
            S: a OK Done
            C: b IDLE
            S: + idling
            C: c NOOP
            S: b BAD Expected DONE
            C: d NOOP
            S: d OK Done
            """,
            state=State.SELECTED,
        )
        for junk in (
            b"c NOOP\r\n",
            b"DONE now\r\n",
            b"junk {4+}\r\na\r\nb and more\r\n",
            b"x" * 9000 + b"\r\n",
            b"DONE\n",
        ):
            octets = b"a IDLE\r\n" + junk + b"b NOOP\r\n"
            for size in (1, 7, len(octets)):
                pieces = [
                    octets[at : at + size]
                    for at in range(0, len(octets), size)
                ]
                heard = Grants(state=State.SELECTED).hear(pieces)
                self.assertEqual(
                    heard.said,
                    b"+ idling\r\na BAD Expected DONE\r\nb OK Done\r\n",
                )
                self.assertEqual(
                    heard.events,
                    [c.Idle(b"a"), c.IdleDone(b"a", True), c.Noop(b"b")],
                )

    def test_syntax_errors_keep_the_session(self) -> None:
        """After any error the next command works."""
        self.check(
            """
            C: a NOSUCH
            S: a BAD Unknown command
            C: b
            S: b BAD Unknown command
            C:
            S: * BAD Want a tag and a command
            C: c UID NOOP
            S: c BAD Unknown command
            C: d NOOP now
            S: d BAD Something stands behind the command
            C: e  NOOP
            S: e BAD Unknown command
            C~ f NOOP\\n
            S: f BAD Lines end with CRLF
            C: g SELECT "a\\rb"
            S: g BAD Broken quoted string
            C: h LOGIN ann secret
            S: h BAD Not in this state
            C: i NOSUCH {5}
            S: i BAD Unknown command
            C: j NOSUCH {5+}
            S: j BAD Unknown command
            C: 12345 NOOP
            C: k SELECT "x {5}
            S: k BAD Broken quoted string
            C: l SELECT x{5}
            S: l BAD Something stands behind the command
            C: m SELECT ~{5}
            S: m BAD No binary literal here
            C: n NOOP
            S: n OK Done
            """,
            state=State.SELECTED,
        )

    def test_select_of_the_impossible_deselects(self) -> None:
        """A SELECT that fails leaves nothing selected [RFC9051 6.3.2]."""
        heard = self.check(
            """
            C: a SELECT ../x
            S: a NO [CANNOT] Invalid mailbox name
            C: b FETCH 1 FLAGS
            S: b BAD Not in this state
            """,
            state=State.SELECTED,
        )
        self.assertEqual(heard.events, [c.Deselected()])
        heard = Grants(
            state=State.SELECTED, answers={c.Select: ("NO", "No", None)}
        ).hear(b"a SELECT x\r\n")
        self.assertIs(heard.session.state, State.AUTHENTICATED)


class SecurityTests(SynchronousTestCase):
    """What strangers try."""

    def test_B7_1_literal_sizes(self) -> None:
        """Absurd literals are refused without waiting for them."""
        for size in (b"99999999999", b"4294967297", b"65537", b"8192"):
            heard = Grants().hear(b"a LOGIN {" + size + b"}\r\n")
            self.assertEqual(heard.said, b"a BAD [TOOBIG] Literal too big\r\n")
            heard = Grants().hear(b"a LOGIN {" + size + b"+}\r\n")
            self.assertEqual(
                heard.said,
                b"a BAD [TOOBIG] Literal too big\r\n"
                b"* BYE [TOOBIG] Literal too big\r\n",
            )
            self.assertTrue(heard.session.closing)
        for size in (b"-5", b"1_0", b"+5", b"05", b"", b"9" * 30, b" 5"):
            heard = Grants().hear(b"a LOGIN {" + size + b"}\r\nb NOOP\r\n")
            self.assertEqual(heard.said.count(b"a BAD "), 1, size)
            self.assertTrue(heard.said.endswith(b"b OK Done\r\n"), size)
            self.assertEqual(heard.events, [c.Noop(b"b")])
        for size in (b"-5", b"1_0", b"+5", b"05", b"9" * 30):
            heard = Grants().hear(b"a LOGIN {" + size + b"+}\r\nb NOOP\r\n")
            self.assertEqual(heard.events, [], size)
            self.assertTrue(heard.said.startswith(b"a BAD "), size)
            self.assertIn(b"* BYE ", heard.said)
            self.assertTrue(heard.session.closing)

    def test_B7_1_many_literals(self) -> None:
        """Ten thousand literals in a command end at its limit."""
        heard = Grants().hear(b"a LOGIN" + b" {5+}\r\nhello" * 10000)
        self.assertEqual(heard.said, b"a BAD Command too long\r\n")
        self.assertEqual(len(heard.session._input), 0)
        heard = Grants(state=State.SELECTED).hear(
            b"a SEARCH" + b" TO {5+}\r\nhello" * 10000 + b"\r\nb NOOP\r\n"
        )
        self.assertEqual(
            heard.said, b"a BAD Command too long\r\nb OK Done\r\n"
        )

    def test_B7_2_parentheses(self) -> None:
        """A megabyte of parentheses is refused, before and after login."""
        heard = Grants()
        octets = b"a LOGIN " + b"(" * 1_000_000 + b"\r\nb NOOP\r\n"
        for at in range(0, len(octets), 65536):
            heard.hear(octets[at : at + 65536])
            self.assertLess(len(heard.session._input), 65536)
        self.assertEqual(
            heard.said, b"a BAD Command too long\r\nb OK Done\r\n"
        )
        for verb in (b"SEARCH ", b"FETCH 1 ", b"STORE 1 FLAGS ", b"LIST "):
            for many in (51, 1000, 60000, 100_000):
                heard = selected(
                    b"a " + verb + b"(" * many + b"\r\nb NOOP\r\n"
                )
                self.assertTrue(heard.said.startswith(b"a BAD "))
                self.assertTrue(heard.said.endswith(b"\r\nb OK Done\r\n"))

    def test_B7_3_tags(self) -> None:
        """A tag that is none is not repeated."""
        for tag in (
            b"*",
            b"+",
            b"a+",
            b"a\x00b",
            b"x" * 1024,
            b"a]",
            b"a\rb",
            b"\xe4",
            b'"a"',
            b"{3}",
            b"(",
            b"a\\",
        ):
            heard = selected(tag + b" NOOP\r\nb NOOP\r\n")
            self.assertEqual(
                heard.said,
                b"* BAD Want a tag and a command\r\nb OK Done\r\n",
                tag,
            )

    def test_B2_1_starttls_drops_what_came_along(self) -> None:
        """Octets that came with STARTTLS are dropped, the state is fresh."""
        for inject in (b"b NOOP\r\n", b"b NOO", b"x" * 70000):
            heard = Grants(PLAIN).hear(b"x NOSUCH\r\na STARTTLS\r\n" + inject)
            self.assertEqual(heard.events, [c.StartTls(b"a")])
            self.assertTrue(heard.session.securing)
            heard.hear(b"c NOOP\r\n")
            self.assertTrue(heard.said.endswith(b"a OK Done\r\n"))
            heard.session.secured()
            heard.hear(b"d NOOP\r\ne STARTTLS\r\nf CAPABILITY\r\n")
            tail = heard.said.split(b"a OK Done\r\n")[1]
            self.assertEqual(
                tail,
                b"d OK Done\r\ne BAD TLS is not on offer\r\n"
                b"* CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE "
                b"AUTH=PLAIN AUTH=LOGIN\r\nf OK Done\r\n",
            )

    def test_B2_1_starttls_refused(self) -> None:
        """Where STARTTLS is refused, the session goes on."""
        answers = {c.StartTls: ("NO", "Not now", None)}
        heard = Grants(PLAIN, answers=answers)
        heard.hear(b"a STARTTLS\r\nb NOOP\r\n")
        self.assertEqual(heard.said, b"a NO Not now\r\nb OK Done\r\n")

    def test_B2_7_no_password_in_the_clear(self) -> None:
        """LOGIN and AUTHENTICATE are refused without encryption."""
        said = b"a NO [PRIVACYREQUIRED] Only over an encrypted connection\r\n"
        for line in (
            b"a LOGIN ann secret\r\n",
            b"a LOGIN {3}\r\n",
            b"a AUTHENTICATE PLAIN\r\n",
            b"a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=\r\n",
            b"a AUTHENTICATE NOSUCH\r\n",
            b"a LOGIN {3+}\r\nann {6+}\r\nsecret\r\n",
        ):
            heard = Grants(PLAIN).hear(line + b"b NOOP\r\n")
            self.assertEqual(heard.said, said + b"b OK Done\r\n")
            self.assertEqual(heard.events, [c.Noop(b"b")])
        self.assertIn("LOGINDISABLED", heard.session.capabilities())
        self.assertNotIn("AUTH=PLAIN", heard.session.capabilities())

    def test_B2_8_http(self) -> None:
        """A browser is closed on at its first line, without a word."""
        for line in (
            b"POST / HTTP/1.1\r\nHost: h\r\n\r\na LOGIN x y\r\n",
            b"get /x HTTP/1.0\r\n",
            b"CONNECT h:143 HTTP/1.1\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"Host: h\r\n",
            b"Content-Type: text/plain\r\n",
        ):
            heard = Grants().hear(line)
            self.assertEqual(heard.said, b"")
            self.assertTrue(heard.session.closing)
        heard = Grants().hear(b"get NOOP\r\na:b NOOP\r\n")
        self.assertEqual(heard.said, b"get OK Done\r\na:b OK Done\r\n")

    def test_bad_commands_of_a_stranger(self) -> None:
        """Three bad commands before login are enough."""
        heard = Grants().hear(b"a X\r\nb X\r\nc X\r\nd NOOP\r\n")
        self.assertEqual(
            heard.said,
            b"a BAD Unknown command\r\nb BAD Unknown command\r\n"
            b"c BAD Unknown command\r\n* BYE Too many bad commands\r\n",
        )
        self.assertEqual(heard.events, [])
        heard = selected(b"a X\r\n" * 100)
        self.assertFalse(heard.session.closing)

    def test_commands_of_a_stranger(self) -> None:
        """Ten tries to log in are enough; NOOP and the like are free."""
        answers = {c.Login: ("NO", "Sorry", None)}
        heard = Grants(answers=answers)
        heard.hear(b"a NOOP\r\nb CAPABILITY\r\nc ID NIL\r\n" * 20)
        heard.hear(b"d LOGIN a b\r\n" * 10)
        self.assertFalse(heard.session.closing)
        heard.hear(b"d LOGIN a b\r\n")
        self.assertTrue(heard.session.closing)
        self.assertEqual(heard.said.count(b"d NO Sorry\r\n"), 10)
        self.assertTrue(
            heard.said.endswith(b"* BYE Too many bad commands\r\n")
        )

    def test_long_commands_of_a_stranger(self) -> None:
        """Before login a command has 8 KB; an ID what its RFC gives it."""
        heard = Grants().hear(b"a LOGIN x " + b"y" * 8170 + b"\r\n")
        self.assertEqual(len(heard.events), 1)
        heard = Grants().hear(b"a LOGIN x " + b"y" * 8300 + b"\r\n")
        self.assertEqual(heard.said, b"a BAD Command too long\r\n")
        pairs = b" ".join(b'"%029d" "%01024d"' % (n, n) for n in range(30))
        for size in (1000, 100_000):
            octets = b"a ID (" + pairs + b")\r\n"
            heard = Grants().hear(
                octets[at : at + size] for at in range(0, len(octets), size)
            )
            self.assertEqual(heard.said, b"a OK Done\r\n")
            self.assertEqual(len(heard.events[0].fields), 30)

    def test_long_line_brings_no_commands(self) -> None:
        """What stands in a line that is too long is never a command."""
        for line in (
            b"a SEARCH TEXT " + b"x" * 70000 + b"\r\n",
            b"a SEARCH TEXT " + b"x" * 70000 + b" {8+}\r\nb NOOP\r\n\r\n",
            b"a SEARCH TEXT " + b"x" * 70000 + b" {8+}\r\nb NOOP\r\n {8+}\r\n"
            b"c NOOP\r\n\r\n",
        ):
            for size in (1, 63, 65536, 10**6):
                octets = line + b"z NOOP\r\n"
                heard = Grants(state=State.SELECTED).hear(
                    octets[at : at + size]
                    for at in range(0, len(octets), size)
                )
                self.assertEqual(
                    heard.said, b"a BAD Command too long\r\nz OK Done\r\n"
                )
                self.assertEqual(heard.events, [c.Noop(b"z")])

    def test_B7_15_octets_over_127(self) -> None:
        """8-bit octets and broken UTF-8 are BAD, and never repeated."""
        for line in (
            b"SELECT x\xe4",
            b'SELECT "\xc3\xa4"',
            b"SEARCH SUBJECT \xc3\xa4",
            b'SEARCH CHARSET UTF-8 SUBJECT "\xc3\xa4"',
            b"SEARCH SUBJECT {1+}\r\n\xe4",
            b"SEARCH CHARSET US-ASCII SUBJECT {2+}\r\n\xc3\xa4",
            b"STORE 1 FLAGS \xe4",
            b"\xe4\xe4",
            b"NOOP\xff",
            b"FETCH 1 BODY[HEADER.FIELDS ({1+}\r\n\xe4)]",
        ):
            heard = selected(b"a " + line + b"\r\nb NOOP\r\n")
            self.assertTrue(heard.said.startswith(b"a BAD "), line)
            self.assertTrue(heard.said.endswith(b"b OK Done\r\n"), line)
            self.assertTrue(heard.said.isascii())


class AnswerTests(SynchronousTestCase):
    """The side of the handler."""

    def test_pipelined_commands_wait(self) -> None:
        """One command is open at a time; answers leave in order."""
        session = ServerSession(SECURE)
        session.next_event()
        session.greet("hi")
        session.set_state(State.SELECTED)
        session.octets_to_send()
        session.receive(b"a NOOP\r\nb NOOP\r\n")
        self.assertEqual(session.next_event(), c.Noop(b"a"))
        self.assertIsNone(session.next_event())
        self.assertEqual(session.open_tag, b"a")
        session.untagged(b"3 EXISTS")
        session.tagged(b"a", "OK", "Done")
        self.assertEqual(session.next_event(), c.Noop(b"b"))
        session.write(b"* 1 FETCH (FLAGS ())\r\n")
        session.tagged(b"b", "OK", "Done", b"READ-ONLY")
        self.assertEqual(
            session.octets_to_send(),
            b"* 3 EXISTS\r\na OK Done\r\n* 1 FETCH (FLAGS ())\r\n"
            b"b OK [READ-ONLY] Done\r\n",
        )
        self.assertIsNone(session.open_tag)

    def test_wrong_answers_are_bugs(self) -> None:
        """An answer to nothing is our own mistake and says so."""
        session = ServerSession(SECURE)
        self.assertRaises(ValueError, session.greet, "x")
        session.next_event()
        self.assertRaises(ValueError, session.tagged, b"a", "OK", "x")
        session.greet("hi")
        self.assertRaises(ValueError, session.greet, "x")
        self.assertRaises(ValueError, session.accept_literal)
        self.assertRaises(ValueError, session.refuse_literal, "NO", "x")
        self.assertRaises(ValueError, session.challenge, b"")
        self.assertRaises(ValueError, session.continuation, "x")
        self.assertRaises(ValueError, session.secured)
        session.receive(b"a NOOP\r\n")
        session.next_event()
        self.assertRaises(ValueError, session.tagged, b"b", "OK", "x")
        session.tagged(b"a", "OK", "x")

    def test_text_is_made_harmless(self) -> None:
        """Text from elsewhere cannot forge a response."""
        answers = {c.Noop: ("NO", "[ALERT] x\r\n* BYE ö", None)}
        heard = Grants(answers=answers).hear(b"a NOOP\r\n")
        self.assertEqual(heard.said, b"a NO ALERT] x?* BYE ?\r\n")

    def test_greeting_or_bye(self) -> None:
        """The connection is greeted with what it can, or sent away."""
        session = ServerSession(SECURE)
        session.receive(b"a NOOP\r\n")
        self.assertEqual(session.next_event(), c.Connected())
        self.assertIsNone(session.next_event())
        session.bye("Too busy", b"UNAVAILABLE")
        self.assertEqual(
            session.octets_to_send(), b"* BYE [UNAVAILABLE] Too busy\r\n"
        )
        self.assertTrue(session.closing)
        self.assertIsNone(session.next_event())
        session.greet("late")
        self.assertEqual(session.octets_to_send(), b"")

    def test_refused_append(self) -> None:
        """A refused message is not sent, or passed over."""
        answers = {c.AppendMessage: ("NO", "No such", b"TRYCREATE")}
        for octets in (
            b"a APPEND x {7}\r\n",
            b"a APPEND x {7+}\r\nb NOOP\r\r\n",
            b"a APPEND x {7+}\r\nb NOOP\r {7+}\r\nc NOOP\r\r\n",
            b"a APPEND x {7+}\r\nb NOOP\r {7}\r\n",
        ):
            for pieces in every_cut(octets + b"z NOOP\r\n"):
                heard = Grants(state=State.SELECTED, answers=answers)
                heard.hear(pieces)
                self.assertEqual(
                    heard.said, b"a NO [TRYCREATE] No such\r\nz OK Done\r\n"
                )

    def test_append_refused_midway(self) -> None:
        """Where the disk is full midway, the rest is passed over."""
        octets = b"a APPEND x {9+}\r\n123456789 {3+}\r\n123\r\nz NOOP\r\n"
        for stop in (c.BodyChunk, c.EndOfBody):
            for pieces in every_cut(octets):
                heard = _Stops(stop)
                heard.hear(pieces)
                self.assertEqual(
                    heard.said, b"a NO Full\r\nz OK Done\r\n", pieces
                )

    def test_connection_lost_in_append(self) -> None:
        """A message that will never be complete is void."""
        for octets, aborted in (
            (b"a APPEND x {9+}\r\n", True),
            (b"a APPEND x {9+}\r\n1234", True),
            (b"a APPEND x {9+}\r\n123456789", True),
            (b"a APPEND x {9+}\r\n123456789\r\n", False),
            (b"a APPEND x {9}", False),
            (b"a NOOP\r\n", False),
        ):
            heard = selected(octets)
            heard.session.end_of_input()
            heard.turn()
            last = heard.events and heard.events[-1] == c.AppendAborted()
            self.assertEqual(bool(last), aborted, octets)
            self.assertTrue(heard.session.closing)

    def test_answers_after_the_end_are_dropped(self) -> None:
        """A store that answers after a timeout says nothing any more."""
        session = Grants(state=State.SELECTED).session
        session.receive(b"a NOOP\r\n")
        session.next_event()
        session.bye("Autologout")
        session.tagged(b"a", "OK", "late")
        session.untagged(b"1 EXISTS")
        session.write(b"* 1 EXISTS\r\n")
        session.bye("again")
        self.assertEqual(session.octets_to_send(), b"* BYE Autologout\r\n")

    def test_want_input(self) -> None:
        """A client that floods while a command is open is not read on."""
        session = Grants(state=State.SELECTED).session
        session.receive(b"a NOOP\r\n")
        session.next_event()
        self.assertTrue(session.want_input())
        session.receive(b"x" * 200_000)
        self.assertFalse(session.want_input())

    def test_body_in_chunks(self) -> None:
        """A message comes in chunks of 64 KB at most."""
        options = Options(tls=True, append_limit_octets=10**6)
        session = Grants(options, State.SELECTED).session
        session.receive(b"a APPEND x {200000+}\r\n" + b"x" * 200_000)
        session.next_event()
        session.accept_literal()
        sizes = []
        while isinstance(event := session.next_event(), c.BodyChunk):
            sizes.append(len(event.octets))
        self.assertEqual(sum(sizes), 200_000)
        self.assertEqual(max(sizes), 65536)
        self.assertEqual(event, c.EndOfBody())


class _Stops(Grants):
    """Refuses an APPEND in the middle."""

    def __init__(self, stop: type) -> None:
        self.stop = stop
        super().__init__(state=State.SELECTED)

    def answer(self, event: object) -> None:
        if isinstance(event, self.stop):
            self.session.refuse_literal("NO", "Full")
        else:
            super().answer(event)
