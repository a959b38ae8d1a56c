"""POP3 sessions as anybody can read them, in every cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Secret
from imailpy.protocol.pop3 import (
    TRANSITIONS,
    Login,
    Maildrop,
    Offer,
    OutputWaits,
    Quit,
    State,
)
from imailpy.protocol.pop3.state import VERBS
from tests.protocol.pop3.talk import OPEN, Talk
from tests.support.dialogue import client_octets, every_cut, server_octets

HELLO = """
    S: +OK ready
"""
SIGN_IN = """
    S: +OK ready
    C: USER ann
    S: +OK Send your password
    C: PASS pass word
    S: +OK welcome
"""


class DialogueCase(SynchronousTestCase):
    """Dialogues that give the same in every cut."""

    def play(self, dialogue: str, offer: Offer = OPEN) -> Talk:
        """Play a dialogue in every cut; gives the last session."""
        expected = server_octets(dialogue)
        for pieces in every_cut(client_octets(dialogue)):
            talk = Talk(offer)
            said = talk.hear(pieces)
            self.assertEqual(said, expected, pieces)
        return talk


class AuthorizationTests(DialogueCase):
    """Before somebody has signed in."""

    def test_user_and_pass(self) -> None:
        """USER and PASS open the maildrop; blanks belong to a password."""
        talk = self.play(SIGN_IN)
        self.assertIs(talk.engine.state, State.TRANSACTION)

    def test_wrong_password(self) -> None:
        """After a wrong password USER has to be said again."""
        self.play(
            HELLO
            + """
            C: USER ann
            S: +OK Send your password
            C: PASS wrong
            S: -ERR [AUTH] Authentication failed
            C: PASS pass word
            S: -ERR Not now
            C: user ann
            S: +OK Send your password
            C: pass pass word
            S: +OK welcome
            """
        )

    def test_B8_3_constant_answers(self) -> None:
        """Odd names and passwords get the words that all others get."""
        for name in ("nobody", "a b", "\\xff\\xfe", "\\xc3\\xbc", "%u%u"):
            for password in ("x", "\\xff", "  ", "*"):
                self.play(
                    HELLO
                    + f"""
                    C: USER {name}
                    S: +OK Send your password
                    C: PASS {password}
                    S: -ERR [AUTH] Authentication failed
                    """
                )

    def test_B8_3_not_utf8(self) -> None:
        """Names and passwords that are not UTF-8 reach no back end."""
        for name, password in ((b"\xff", b"x"), (b"ann", b"\xff")):
            talk = Talk()
            talk.hear([b"USER %b\r\nPASS %b\r\n" % (name, password)])
            self.assertEqual(talk.events[-1], Login("", Secret(b"")))

    def test_B8_3_forbidden_octets(self) -> None:
        """NUL, bare CR and bare LF are refused wherever they stand."""
        self.play(
            HELLO
            + """
            C: USER a\\0b
            S: -ERR Invalid character in the line
            C: USER a\\nQUIT
            S: -ERR Invalid character in the line
            C: USER a\\rb
            S: -ERR Invalid character in the line
            C: USER
            S: -ERR USER wants an argument
            """
        )

    def test_B8_3_apop_is_off(self) -> None:
        """APOP is no command of ours."""
        self.play(
            HELLO
            + """
            C: APOP ann c4c9334bac560ecc979e58001b3e22fb
            S: -ERR Unknown command
            """
        )

    def test_B2_7_in_the_clear(self) -> None:
        """Without TLS nobody signs in, and all are told the same."""
        talk = self.play(
            HELLO
            + """
            C: CAPA
            S: +OK Capability list follows
            S: TOP
            S: UIDL
            S: RESP-CODES
            S: AUTH-RESP-CODE
            S: PIPELINING
            S: EXPIRE NEVER
            S: UTF8 USER
            S: LANG
            S: STLS
            S: .
            C: USER ann
            S: -ERR [AUTH] Sign in after STLS
            C: PASS pass word
            S: -ERR Not now
            C: AUTH PLAIN AGFubgBwYXNzIHdvcmQ=
            S: -ERR [AUTH] Sign in after STLS
            """,
            Offer(starttls=True),
        )
        self.assertEqual(len(talk.events), 1)

    def test_auth(self) -> None:
        """AUTH with an initial response, and with an empty challenge."""
        for ask in (
            """
            C: AUTH PLAIN AGFubgBwYXNzIHdvcmQ=
            """,
            """
            C: auth plain
            S: + \\x20
            C: AGFubgBwYXNzIHdvcmQ=
            """.replace(" \\x20", "\\x20"),
        ):
            self.play(
                HELLO
                + ask
                + """
                S: +OK welcome
                C: AUTH PLAIN
                S: -ERR Not now
                """
            )

    def test_auth_goes_wrong(self) -> None:
        """Bad base64, a cancelled exchange, unknown mechanisms."""
        self.play(
            HELLO
            + """
            C: AUTH PLAIN !!!
            S: -ERR Invalid base64
            C: AUTH PLAIN =
            S: -ERR [AUTH] Authentication failed
            C: AUTH PLAIN AGFubgBwYXNzIHdvcmR=
            S: -ERR Invalid base64
            C: AUTH CRAM-MD5
            S: -ERR Unknown mechanism
            C: AUTH PLAIN
            S: +\\x20
            C: *
            S: -ERR Authentication cancelled
            C: AUTH PLAIN
            S: +\\x20
            C: QUIT!
            S: -ERR Invalid base64
            C: AUTH
            S: +OK Mechanisms follow
            S: PLAIN
            S: LOGIN
            S: .
            C: AUTH P@IN
            S: -ERR Invalid mechanism
            """
        )

    def test_long_auth_lines(self) -> None:
        """A SASL response may be long, other lines may not."""
        self.play(
            HELLO
            + """
            C: AUTH PLAIN {A*8000}
            S: -ERR [AUTH] Authentication failed
            C: AUTH PLAIN
            S: +\\x20
            C: {A*8000}
            S: -ERR [AUTH] Authentication failed
            """.replace("8000", "1600")
        )
        for line in (
            b"AUTH PLAIN " + b"A" * 12300 + b"\r\n",
            b"USER " + b"A" * 1020 + b"\r\n",
            b"A" * 1025,
        ):
            for size in (1, 700, 99999):
                talk = Talk()
                said = talk.hear(
                    line[at : at + size] for at in range(0, len(line), size)
                )
                if line.endswith(b"\n") or len(line) >= 1026:
                    self.assertEqual(
                        said, b"+OK ready\r\n-ERR Line too long\r\n"
                    )
                    self.assertTrue(talk.engine.closing)

    def test_lang(self) -> None:
        """English is the one language, and is told so."""
        self.play(
            HELLO
            + """
            C: LANG
            S: +OK Language listing follows:
            S: en English
            S: .
            C: LANG *
            S: +OK en Language is English
            C: LANG EN
            S: +OK en Language is English
            C: LANG uga
            S: -ERR No such language
            """
        )

    def test_utf8(self) -> None:
        """UTF8 is for before the sign-in, and ends the way to STLS."""
        talk = self.play(
            HELLO
            + """
            C: UTF8
            S: +OK UTF-8 it is
            C: STLS
            S: -ERR STLS comes before UTF8
            C: USER ann
            S: +OK Send your password
            C: PASS pass word
            S: +OK welcome
            C: UTF8
            S: -ERR Not now
            """
        )
        self.assertTrue(talk.engine.utf8)

    def test_quit(self) -> None:
        """QUIT before the sign-in just ends it."""
        talk = self.play(
            HELLO
            + """
            C: QUIT
            S: +OK Goodbye
            C: NOOP
            """
        )
        self.assertTrue(talk.engine.closing)

    def test_B2_8_http(self) -> None:
        """A browser gets the greeting and not one word more."""
        for line in (
            "POST / HTTP/1.1",
            "GET / HTTP/1.0",
            "HEAD /",
            "CONNECT x:1",
            "Host: pop.example.test",
            "content-type: text/plain",
        ):
            talk = self.play(
                HELLO
                + f"""
                C: {line}
                C: USER ann
                C: PASS pass word
                """
            )
            self.assertTrue(talk.engine.closing)

    def test_too_many_errors(self) -> None:
        """Who only talks nonsense is hung up on."""
        talk = Talk()
        said = talk.hear([b"X\r\n" * 30])
        self.assertEqual(said.count(b"-ERR Unknown command\r\n"), 19)
        self.assertTrue(said.endswith(b"-ERR Too many errors\r\n"))
        self.assertTrue(talk.engine.closing)


class TlsTests(DialogueCase):
    """STLS."""

    def test_stls(self) -> None:
        """After TLS is on everything begins anew."""
        talk = Talk()
        talk.hear([b"USER ann\r\n", b"STLS\r\n"])
        self.assertTrue(talk.said.endswith(b"+OK Begin TLS negotiation\r\n"))
        talk.engine.secured()
        self.assertIs(talk.engine.state, State.AUTHORIZATION)
        talk.said = b""
        talk.hear([b"PASS pass word\r\n", b"STLS\r\n", b"CAPA\r\n"])
        self.assertTrue(
            talk.said.startswith(b"-ERR Not now\r\n-ERR TLS is on already\r\n")
        )
        self.assertNotIn(b"STLS", talk.said.split(b"+OK Cap")[1])

    def test_B2_1_injected_commands(self) -> None:
        """Who does not wait for the answer to STLS is hung up on."""
        for octets in (b"STLS\r\nCAPA\r\n", b"STLS\r\nUSE"):
            talk = Talk()
            said = talk.hear([octets])
            self.assertEqual(
                said,
                b"+OK ready\r\n-ERR Do not send anything behind STLS\r\n",
            )
            self.assertTrue(talk.engine.closing)

    def test_B2_2_partial_line(self) -> None:
        """What comes in clear after the answer is nobody's."""
        talk = Talk()
        talk.hear([b"STLS\r\n", b"USER a"])
        talk.engine.secured()
        talk.said = b""
        self.assertEqual(talk.hear([b"nn\r\n"]), b"-ERR Unknown command\r\n")

    def test_B2_6_stls_at_a_wrong_time(self) -> None:
        """STLS with arguments, without TLS, or after the sign-in."""
        self.play(
            HELLO
            + """
            C: STLS now
            S: -ERR STLS takes no argument
            """
        )
        self.play(
            HELLO
            + """
            C: STLS
            S: -ERR TLS is not available
            """,
            Offer(user=True),
        )
        self.play(
            SIGN_IN
            + """
            C: STLS
            S: -ERR Not now
            """
        )


class TransactionTests(DialogueCase):
    """With the maildrop open."""

    def test_listing(self) -> None:
        """STAT, LIST and UIDL tell what there is."""
        self.play(
            SIGN_IN
            + """
            C: STAT
            S: +OK 3 83
            C: LIST
            S: +OK Listing follows
            S: 1 38
            S: 2 32
            S: 3 13
            S: .
            C: LIST 2
            S: +OK 2 32
            C: UIDL
            S: +OK Listing follows
            S: 1 0000abcd00000007
            S: 2 0000abcd00000009
            S: 3 0000abcd0000000c
            S: .
            C: UIDL 3
            S: +OK 3 0000abcd0000000c
            C: NOOP
            S: +OK
            """
        )

    def test_retrieve(self) -> None:
        """RETR gives messages whole, with their dots doubled."""
        dialogue = (
            SIGN_IN
            + """
            C: RETR 1
            S: +OK 38 octets
            S: Subject: one
            S:
            S: first
            S: second
            S: third
            S: .
            C: RETR 2
            S: +OK 32 octets
            S: Subject: dots
            S:
            S: ..
            S: ...two
            S: x.
            S: ..
            S: .
            """
        )
        self.play(dialogue)
        for piece in range(1, 40):
            talk = Talk(piece=piece)
            self.assertEqual(
                talk.hear([client_octets(dialogue)]), server_octets(dialogue)
            )

    def test_top(self) -> None:
        """TOP gives the header section and as many lines as asked."""
        self.play(
            SIGN_IN
            + """
            C: TOP 1 0
            S: +OK 38 octets
            S: Subject: one
            S:
            S: .
            C: TOP 1 2
            S: +OK 38 octets
            S: Subject: one
            S:
            S: first
            S: second
            S: .
            C: TOP 3 4294967295
            S: +OK 13 octets
            S:
            S: no header
            S: .
            """
        )

    def test_B8_1_wrong_numbers(self) -> None:
        """Numbers that are none, or of nothing, get -ERR and no more."""
        self.play(
            SIGN_IN
            + """
            C: TOP 1 99999999999
            S: -ERR Invalid number
            C: TOP 1
            S: -ERR TOP wants a message number and lines
            C: TOP 1 -1
            S: -ERR Invalid number
            C: RETR 0
            S: -ERR No such message
            C: RETR 4
            S: -ERR No such message
            C: RETR -1
            S: -ERR Invalid number
            C: RETR
            S: -ERR RETR wants a message number
            C: RETR \\xb2
            S: -ERR Invalid number
            C: DELE 1
            S: +OK Marked as deleted
            C: DELE 1
            S: -ERR No such message
            C: LIST 1 2
            S: -ERR LIST takes one message number
            C: LIST 1
            S: -ERR No such message
            C: UIDL 1
            S: -ERR No such message
            C: NOOP x
            S: -ERR NOOP takes no argument
            """
        )

    def test_B8_1_expunged_by_others(self) -> None:
        """A message that another session removed keeps its number."""
        talk = Talk()
        talk.hear([client_octets(SIGN_IN)])
        talk.gone = {7}
        talk.said = b""
        self.assertEqual(
            talk.hear([b"RETR 1\r\nSTAT\r\nLIST 1\r\nUIDL 3\r\n"]),
            b"-ERR Message is gone\r\n+OK 3 83\r\n+OK 1 38\r\n"
            b"+OK 3 0000abcd0000000c\r\n",
        )

    def test_delete_and_quit(self) -> None:
        """What is deleted goes at QUIT, what was unmarked stays."""
        talk = self.play(
            SIGN_IN
            + """
            C: DELE 2
            S: +OK Marked as deleted
            C: RSET
            S: +OK Nothing is marked
            C: DELE 3
            S: +OK Marked as deleted
            C: DELE 1
            S: +OK Marked as deleted
            C: STAT
            S: +OK 1 32
            C: LIST
            S: +OK Listing follows
            S: 2 32
            S: .
            C: QUIT
            S: +OK Goodbye
            C: NOOP
            """
        )
        self.assertEqual(talk.expunged, (7, 12))
        self.assertTrue(talk.engine.closing)

    def test_B8_2_cut_off(self) -> None:
        """A client that is cut off has deleted nothing."""
        talk = Talk()
        talk.hear([client_octets(SIGN_IN), b"DELE 1\r\n"])
        talk.engine.end_of_input()
        talk.work()
        self.assertIsNone(talk.expunged)

    def test_B8_2_cut_off_behind_a_message(self) -> None:
        """A QUIT behind a message that may not have arrived is void."""
        talk = Talk()
        talk.hear([client_octets(SIGN_IN)])
        talk.engine.receive(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
        event = talk.engine.next_event()
        talk.engine.end_of_input()
        talk.answer(event)
        talk.work()
        self.assertIsNone(talk.expunged)
        self.assertIsNone(talk.engine.next_event())

    def test_B8_2_update_fails(self) -> None:
        """When nothing could be deleted, the client is told so."""
        talk = Talk()
        talk.hear([client_octets(SIGN_IN)])
        talk.engine.receive(b"DELE 1\r\nQUIT\r\n")
        self.assertEqual(talk.engine.next_event(), Quit((7,)))
        talk.engine.error("Nothing was removed", "SYS/TEMP")
        self.assertTrue(
            talk.engine.octets_to_send().endswith(
                b"-ERR [SYS/TEMP] Nothing was removed\r\n"
            )
        )
        self.assertTrue(talk.engine.closing)


class OrderTests(SynchronousTestCase):
    """Every cell of the table of states and verbs."""

    LINES = {
        "AUTH": b"AUTH PLAIN AGFubgBwYXNzIHdvcmQ=",
        "DELE": b"DELE 2",
        "LIST": b"LIST 2",
        "PASS": b"PASS pass word",
        "RETR": b"RETR 1",
        "TOP": b"TOP 1 1",
        "USER": b"USER ann",
        "UIDL": b"UIDL 1",
    }
    BEFORE = {
        State.AUTHORIZATION: [],
        State.USER_GIVEN: [b"USER ann\r\n"],
        State.TRANSACTION: [b"USER ann\r\n", b"PASS pass word\r\n"],
    }

    def test_cells(self) -> None:
        """A pair in the table works and leads where it says; no other."""
        for state, before in self.BEFORE.items():
            for verb in sorted(VERBS):
                talk = Talk()
                talk.hear(before)
                self.assertIs(talk.engine.state, state)
                talk.said = b""
                talk.hear([self.LINES.get(verb, verb.encode()) + b"\r\n"])
                after = TRANSITIONS.get((state, verb))
                if verb == "STLS" and after is not None:
                    talk.engine.secured()
                if after is None:
                    self.assertEqual(talk.said, b"-ERR Not now\r\n")
                    after = state
                else:
                    self.assertTrue(talk.said.startswith(b"+OK"), verb)
                self.assertIs(talk.engine.state, after, (state, verb))


class BoundTests(SynchronousTestCase):
    """What a client can make us keep."""

    def test_B3_7_output_waits(self) -> None:
        """A flood of small questions fills no more than a bounded output."""
        talk = Talk()
        talk.hear([client_octets(SIGN_IN)])
        engine = talk.engine
        engine.receive(b"CAPA\r\n" * 5000)
        most = waits = 0
        while (event := engine.next_event()) is not None:
            self.assertEqual(event, OutputWaits())
            waits += 1
            most = max(most, len(engine.octets_to_send()))
        self.assertGreater(waits, 5)
        self.assertLess(most, 66 * 1024)

    def test_input_waits(self) -> None:
        """While an event is open, no more than a bound is read ahead."""
        talk = Talk()
        talk.hear([client_octets(SIGN_IN)])
        engine = talk.engine
        engine.receive(b"RETR 1\r\n" * 1000)
        engine.next_event()
        self.assertTrue(engine.want_input())
        engine.receive(b"RETR 1\r\n" * 4000)
        self.assertFalse(engine.want_input())

    def test_large_maildrops_are_listed_in_pieces(self) -> None:
        """LIST of many messages comes in pieces of a thousand."""
        maildrop = Maildrop(1, range(1, 2502), [1] * 2501)
        pieces = [len(lines) for lines in maildrop.lines(False)]
        self.assertEqual(pieces, [1000, 1000, 501])

    def test_unique_ids(self) -> None:
        """A unique id is printable, short, and no two are the same."""
        maildrop = Maildrop(2**32 - 1, [1, 2**32 - 1], [1, 1])
        self.assertEqual(maildrop.unique_id(1), b"ffffffff00000001")
        self.assertEqual(maildrop.unique_id(2), b"ffffffffffffffff")

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"USER ann\r\n",
                    b"PASS pass word\r\n",
                    b"AUTH PLAIN\r\n",
                    b"*\r\n",
                    b"RETR 1\r\n",
                    b"TOP 1 1\r\n",
                    b"DELE 1\r\n",
                    b"LIST\r\n",
                    b"\xff\xfe",
                    b"\r",
                    b"\n",
                    b"\r\n",
                    b" ",
                    b"\0",
                ]
            )
            | st.binary(max_size=20),
            max_size=12,
        ),
        st.integers(1, 9),
    )
    def test_any_octets(self, parts: list[bytes], size: int) -> None:
        """Whatever a client sends, any cut gives the same conversation."""
        octets = b"".join(parts)
        whole = Talk().hear([octets])
        cut = Talk().hear(
            octets[at : at + size] for at in range(0, len(octets), size)
        )
        self.assertEqual(whole, cut)
