"""The client's side, against servers good and bad."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import PeerError
from imailpy.mail import (
    NULL_PATH,
    Envelope,
    MailParameters,
    Path,
    Recipient,
    Reply,
)
from imailpy.protocol.smtp.client import ClientSession
from imailpy.protocol.smtp.client_commands import check_envelope, sendable
from imailpy.protocol.smtp.client_events import (
    Broken,
    Closed,
    Finished,
    NeedBody,
    Ready,
    RecipientReply,
    StartTls,
)
from imailpy.protocol.smtp.client_options import ClientOptions, TlsUse
from imailpy.protocol.smtp.events import EndOfBody, Rcpt
from imailpy.protocol.smtp.grammar import parse_command, split_verb
from tests.protocol.smtp.driving import Flavour, Granting, codes, options

ANN = Path.parse("ann@client.test")
BOB = Recipient(Path.parse("bob@local.test"))
EVE = Recipient(Path.parse("eve@local.test"))
TWO = Envelope(ANN, (BOB, EVE))
EHLO = (
    b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
    b"250-SMTPUTF8\r\n250-DSN\r\n250 CHUNKING\r\n"
)
BARE = b"250 mx.test\r\n"


class Calling:
    """Drives a client, and keeps what it did."""

    def __init__(self, **changes) -> None:
        self.session = ClientSession(ClientOptions("client.test", **changes))
        self.events: list = []

    def hear(self, *parts: bytes) -> bytes:
        """Hear parts one after another; what the client says to them."""
        said = b""
        for part in parts or (b"",):
            self.session.receive(part)
            while (event := self.session.next_event()) is not None:
                self.events.append(event)
            said += self.session.octets_to_send()
        return said

    def greeted(self, ehlo: bytes = EHLO) -> Calling:
        """Past the greeting."""
        self.hear(b"220 hi\r\n", ehlo)
        return self

    def begin(self, envelope: Envelope, body: bytes) -> bytes:
        self.body = body
        self.session.begin(envelope, len(body))
        return self.hear()

    def give(self, *pieces: bytes) -> bytes:
        said = b""
        for piece in pieces or (self.body,):
            self.session.send_body(piece)
            said += self.hear()
        return said

    @property
    def last(self):
        return self.events[-1]

    def outcome(self) -> dict[str, int]:
        """Code for each local part, as `Finished` or `Broken` tells."""
        return {
            recipient.forward_path.local_part: reply.code
            for recipient, reply in self.last.results
        }


class OpeningTests(SynchronousTestCase):
    """From the greeting to the first transaction."""

    def test_ehlo(self) -> None:
        """Extensions are read, whatever the case and the spaces."""
        calling = Calling()
        self.assertEqual(calling.hear(b"22", b"0 hi\r\n")[:4], b"EHLO")
        calling.hear(
            b"250-mx.test\r\n250-size 10\r\n250-AUTH PLAIN\r\n"
            b"250-AUTH=LOGIN\r\n250 Chunking \r\n"
        )
        self.assertEqual(
            calling.session.extensions,
            {"SIZE": "10", "AUTH": "PLAIN LOGIN", "CHUNKING": ""},
        )
        self.assertIsInstance(calling.last, Ready)

    def test_helo(self) -> None:
        """A server without EHLO is greeted with HELO."""
        calling = Calling()
        said = calling.hear(b"220 hi\r\n", b"502 no\r\n", b"250 ok\r\n")
        self.assertEqual(said, b"EHLO client.test\r\nHELO client.test\r\n")
        self.assertEqual(calling.last, Ready(frozenset()))
        said = calling.begin(Envelope(ANN, (BOB,)), b"x\r\n")
        self.assertEqual(said, b"MAIL FROM:<ann@client.test>\r\n")

    def test_not_welcome(self) -> None:
        """A refusal is told with its reply, lasting or not."""
        for said, temporary in (
            (b"554 no\r\n", False),
            (b"450 no\r\n", True),
            (b"421 no\r\n", True),
        ):
            calling = Calling()
            calling.hear(said)
            self.assertIsInstance(calling.last, Broken)
            self.assertEqual(calling.last.temporary, temporary)
            self.assertEqual(calling.last.reply.text, "no")
            self.assertTrue(calling.session.closing)

    def test_lmtp(self) -> None:
        """LMTP says LHLO and never HELO."""
        calling = Calling(lmtp=True)
        self.assertEqual(calling.hear(b"220 hi\r\n"), b"LHLO client.test\r\n")
        calling.hear(b"500 what\r\n")
        self.assertIsInstance(calling.last, Broken)

    def test_starttls(self) -> None:
        """TLS is used where offered, and what was said before forgotten."""
        calling = Calling()
        said = calling.hear(b"220 hi\r\n", b"250-x\r\n250 STARTTLS\r\n")
        self.assertTrue(said.endswith(b"STARTTLS\r\n"))
        calling.hear(b"220 go\r\n")
        self.assertEqual(calling.last, StartTls())
        calling.session.secured()
        self.assertEqual(calling.hear(), b"EHLO client.test\r\n")
        self.assertEqual(calling.session.extensions, {})
        calling.hear(b"250-x\r\n250 STARTTLS\r\n")
        self.assertIsInstance(calling.last, Ready)

    def test_starttls_not_to_be_had(self) -> None:
        """Without TLS there is mail only where it may be without."""
        for offer in (b"250 x\r\n", b"250-x\r\n250 STARTTLS\r\n"):
            for use, kind in (
                (TlsUse.OFFERED, Ready),
                (TlsUse.REQUIRED, Broken),
            ):
                calling = Calling(starttls=use).greeted(offer)
                if b"STARTTLS" in offer:
                    calling.hear(b"454 not now\r\n")
                self.assertIsInstance(calling.last, kind)
        calling = Calling(starttls=TlsUse.NEVER).greeted(offer)
        self.assertIsInstance(calling.last, Ready)

    def test_B2_3_injected_replies(self) -> None:
        """Replies that come along with the 220 to STARTTLS break it."""
        injected = b"250-x\r\n250 AUTH PLAIN\r\n"
        for parts in (
            (b"220 go\r\n" + injected,),
            (b"220 go\r\n", injected),
            (b"220 go\r\n2",),
        ):
            calling = Calling().greeted(b"250-x\r\n250 STARTTLS\r\n")
            calling.hear(*parts)
            self.assertIsInstance(calling.last, Broken)
            self.assertTrue(calling.last.temporary)
            calling.session.secured()
            self.assertEqual(calling.hear(), b"")
            self.assertNotIn("AUTH", calling.session.extensions)

    def test_endless_reply(self) -> None:
        """A reply without end is not kept."""
        for line in (b"220-x\r\n", b"220-" + b"x" * 1000, b"x" * 40_000):
            calling = Calling()
            calling.hear(*[line] * 200)
            self.assertIsInstance(calling.events[0], Broken)
            self.assertTrue(calling.session.closing)

    def test_what_is_no_reply(self) -> None:
        """What is no reply breaks the session."""
        for said in (
            b"hello\r\n", b"\r\n", b"99 x\r\n", b"2200 x\r\n", b"620 x\r\n",
            b"250-x\r\n220 y\r\n", b"\xff\xff\xff x\r\n",
        ):  # fmt: skip
            calling = Calling()
            calling.hear(said)
            self.assertIsInstance(calling.last, Broken, said)

    def test_lenient_replies(self) -> None:
        """Bare line feeds and missing texts are read."""
        calling = Calling()
        calling.hear(b"220\n", b"250-\n250 SIZE\n")
        self.assertIsInstance(calling.last, Ready)

    def test_server_leaves(self) -> None:
        """A connection lost is told, quietly when nothing was open."""
        calling = Calling()
        calling.session.end_of_input()
        calling.hear()
        self.assertIsInstance(calling.last, Broken)
        calling = Calling().greeted()
        calling.session.end_of_input()
        calling.hear()
        self.assertEqual(calling.last, Closed())

    def test_quit(self) -> None:
        """QUIT is said, and its answer awaited."""
        calling = Calling().greeted()
        calling.session.quit()
        self.assertEqual(calling.hear(), b"QUIT\r\n")
        self.assertFalse(calling.session.closing)
        calling.hear(b"221 bye\r\n")
        self.assertEqual(calling.last, Closed())
        self.assertTrue(calling.session.closing)

    def test_own_name(self) -> None:
        """B5.6: a name of ours that could be a command is refused."""
        for name in ("a b", "a\r\nb", "a\0", "ü"):
            with self.assertRaises(ValueError):
                ClientOptions(name)


class Password:
    """A mechanism for tests."""

    def __init__(
        self, name="PLAIN", initial=b"secret", clear=True, steps=0
    ) -> None:
        self.name = name
        self.secret_in_clear = clear
        self.initial = initial
        self.steps = steps
        self.challenges: list[bytes] = []

    @property
    def done(self) -> bool:
        return len(self.challenges) >= self.steps

    def start(self) -> bytes | None:
        return self.initial

    def step(self, challenge: bytes) -> bytes:
        if challenge == b"liar":
            raise ValueError("not our server")
        self.challenges.append(challenge)
        return b"answer"


class SignInTests(SynchronousTestCase):
    """AUTH."""

    OFFER = b"250-x\r\n250 AUTH PLAIN TEST\r\n"

    def _calling(self, *mechanisms, tls=True) -> tuple[Calling, bytes]:
        calling = Calling(mechanisms=mechanisms, tls=tls)
        return calling, calling.hear(b"220 hi\r\n", self.OFFER)

    def test_initial_response(self) -> None:
        """The initial response goes along; success makes it ready."""
        calling, said = self._calling(Password())
        self.assertTrue(said.endswith(b"AUTH PLAIN c2VjcmV0\r\n"))
        calling.hear(b"235 ok\r\n")
        self.assertIsInstance(calling.last, Ready)
        _, said = self._calling(Password(initial=b""))
        self.assertTrue(said.endswith(b"AUTH PLAIN =\r\n"))

    def test_challenges(self) -> None:
        """Challenges are decoded, answers encoded."""
        password = Password("TEST", None, steps=1)
        calling, said = self._calling(password)
        self.assertTrue(said.endswith(b"AUTH TEST\r\n"))
        self.assertEqual(calling.hear(b"334 YWJj\r\n"), b"YW5zd2Vy\r\n")
        self.assertEqual(password.challenges, [b"abc"])
        calling.hear(b"235 ok\r\n")
        self.assertIsInstance(calling.last, Ready)

    def test_long_initial_response(self) -> None:
        """What does not fit into the command follows it [RFC4954 4]."""
        calling, said = self._calling(Password(initial=b"x" * 600))
        self.assertTrue(said.endswith(b"AUTH PLAIN\r\n"))
        self.assertEqual(len(calling.hear(b"334 \r\n")), 802)

    def test_refused(self) -> None:
        """A wrong password is told with the server's reply."""
        calling, _ = self._calling(Password())
        calling.hear(b"535 5.7.8 no\r\n")
        self.assertIsInstance(calling.last, Broken)
        self.assertEqual(calling.last.reply, Reply(535, "no", "5.7.8"))

    def test_server_that_proves_nothing(self) -> None:
        """A success too early, or a wrong proof, is none."""
        calling, _ = self._calling(Password("TEST", b"x", steps=1))
        calling.hear(b"235 ok\r\n")
        self.assertIsInstance(calling.last, Broken)
        for challenge in (b"334 bGlhcg==\r\n", b"334 !\r\n"):
            calling, _ = self._calling(Password("TEST", b"x", steps=1))
            self.assertEqual(calling.hear(challenge), b"*\r\n")
            self.assertIsInstance(calling.last, Broken)

    def test_not_in_clear(self) -> None:
        """A password is not shown without TLS, another way is found."""
        calling, said = self._calling(Password(), tls=False)
        self.assertIsInstance(calling.last, Broken)
        self.assertNotIn(b"AUTH", said)
        _, said = self._calling(
            Password(), Password("TEST", clear=False), tls=False
        )
        self.assertIn(b"AUTH TEST", said)

    def test_no_common_mechanism(self) -> None:
        """Without a way to sign in there is no mail."""
        calling, _ = self._calling(Password("OTHER"))
        self.assertIsInstance(calling.last, Broken)


class TransactionTests(SynchronousTestCase):
    """One message after another."""

    def test_pipelined(self) -> None:
        """Envelope in one write, message by BDAT, results for each."""
        calling = Calling().greeted()
        said = calling.begin(TWO, b"hi\r\n")
        self.assertEqual(
            said,
            b"MAIL FROM:<ann@client.test> SIZE=4\r\n"
            b"RCPT TO:<bob@local.test>\r\nRCPT TO:<eve@local.test>\r\n",
        )
        calling.hear(b"250 ok\r\n550 5.1.1 who\r\n250 ok\r\n")
        self.assertEqual(
            calling.events[-2:],
            [RecipientReply(BOB, Reply(550, "who", "5.1.1")), NeedBody()],
        )
        self.assertEqual(calling.session.waiting_for, "body")
        self.assertEqual(calling.give(), b"BDAT 4 LAST\r\nhi\r\n")
        self.assertEqual(calling.session.waiting_for, "end")
        calling.hear(b"250 taken\r\n")
        self.assertEqual(calling.outcome(), {"bob": 550, "eve": 250})
        self.assertTrue(calling.last.body_sent)
        self.assertTrue(calling.session.may_begin)
        self.assertTrue(calling.begin(TWO, b"x").startswith(b"MAIL"))

    def test_one_by_one(self) -> None:
        """Without PIPELINING each command waits; DATA without CHUNKING."""
        calling = Calling().greeted(BARE)
        said = [calling.begin(TWO, b"hi\r\n")]
        for reply in (b"250 a\r\n", b"250 b\r\n", b"250 c\r\n", b"354 d\r\n"):
            said.append(calling.hear(reply))
        said.append(calling.give())
        self.assertEqual(
            said,
            [
                b"MAIL FROM:<ann@client.test>\r\n",
                b"RCPT TO:<bob@local.test>\r\n",
                b"RCPT TO:<eve@local.test>\r\n",
                b"DATA\r\n",
                b"",
                b"hi\r\n.\r\n",
            ],
        )
        calling.hear(b"250 taken\r\n")
        self.assertEqual(calling.outcome(), {"bob": 250, "eve": 250})

    def test_chunks_wait_without_pipelining(self) -> None:
        """Without PIPELINING each chunk waits for its reply."""
        calling = Calling().greeted(b"250-x\r\n250 CHUNKING\r\n")
        calling.begin(Envelope(ANN, (BOB,)), b"abcdef")
        calling.hear(b"250 a\r\n", b"250 b\r\n")
        count = calling.events.count(NeedBody())
        self.assertEqual(calling.give(b"abc"), b"BDAT 3\r\nabc")
        self.assertEqual(calling.events.count(NeedBody()), count)
        calling.hear(b"250 c\r\n")
        self.assertEqual(calling.events.count(NeedBody()), count + 1)
        self.assertEqual(calling.give(b"def"), b"BDAT 3 LAST\r\ndef")
        calling.hear(b"250 taken\r\n")
        self.assertEqual(calling.outcome(), {"bob": 250})

    def test_sender_refused(self) -> None:
        """When MAIL is refused its reply is everybody's."""
        calling = Calling().greeted()
        calling.begin(TWO, b"x")
        calling.hear(b"550 no\r\n503 a\r\n503 b\r\n")
        self.assertEqual(calling.outcome(), {"bob": 550, "eve": 550})
        self.assertFalse(calling.last.body_sent)
        calling = Calling().greeted(BARE)
        calling.begin(TWO, b"x")
        calling.hear(b"451 no\r\n")
        self.assertEqual(calling.outcome(), {"bob": 451, "eve": 451})
        self.assertEqual(
            calling.begin(TWO, b"x"), b"MAIL FROM:<ann@client.test>\r\n"
        )

    def test_all_recipients_refused(self) -> None:
        """Nobody accepted: no message is sent, and RSET comes first."""
        calling = Calling().greeted()
        calling.begin(TWO, b"x")
        calling.hear(b"250 ok\r\n450 a\r\n550 b\r\n")
        self.assertEqual(calling.outcome(), {"bob": 450, "eve": 550})
        said = calling.begin(TWO, b"x")
        self.assertTrue(said.startswith(b"RSET\r\nMAIL"))
        calling.hear(b"250 r\r\n250 m\r\n250 a\r\n250 b\r\n")
        calling.give()
        calling.hear(b"250 taken\r\n")
        self.assertEqual(calling.outcome(), {"bob": 250, "eve": 250})

    def test_data_refused(self) -> None:
        """DATA refused: nothing is sent."""
        calling = Calling(chunking=False).greeted()
        calling.begin(TWO, b"x")
        said = calling.hear(b"250 m\r\n250 a\r\n250 b\r\n", b"451 no\r\n")
        self.assertEqual(said, b"DATA\r\n")
        self.assertEqual(calling.outcome(), {"bob": 451, "eve": 451})

    def test_message_refused(self) -> None:
        """The reply after the message is everybody's who was left."""
        calling = Calling().greeted()
        calling.begin(TWO, b"x")
        calling.hear(b"250 m\r\n550 a\r\n250 b\r\n")
        calling.give()
        calling.hear(b"554 5.7.1 spam\r\n")
        self.assertEqual(calling.outcome(), {"bob": 550, "eve": 554})
        self.assertTrue(calling.begin(TWO, b"x").startswith(b"RSET"))

    def test_chunk_refused(self) -> None:
        """A refused chunk ends the message; the rest is not sent."""
        calling = Calling().greeted()
        calling.begin(TWO, b"x" * 9)
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n")
        calling.give(b"xxx", b"xxx")
        calling.hear(b"452 full\r\n")
        self.assertNotIsInstance(calling.last, Finished)
        self.assertEqual(calling.give(b"xxx"), b"")
        calling.hear(b"503 what\r\n")
        self.assertEqual(calling.outcome(), {"bob": 452, "eve": 452})
        self.assertFalse(calling.last.body_sent)
        self.assertTrue(calling.begin(TWO, b"x").startswith(b"RSET"))

    def test_chunk_refused_after_the_last(self) -> None:
        """The refusal of an early chunk counts, not LAST's 503."""
        calling = Calling().greeted()
        calling.begin(TWO, b"x" * 6)
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n")
        calling.give(b"xxx", b"xxx")
        calling.hear(b"452 full\r\n503 what\r\n")
        self.assertEqual(calling.outcome(), {"bob": 452, "eve": 452})

    def test_lmtp_replies(self) -> None:
        """LMTP has a reply for each accepted recipient."""
        for chunking in (True, False):
            calling = Calling(lmtp=True, chunking=chunking).greeted()
            calling.begin(Envelope(ANN, (BOB, EVE, BOB)), b"x\r\n")
            calling.hear(b"250 m\r\n250 a\r\n550 b\r\n250 c\r\n")
            if not chunking:
                calling.hear(b"354 go\r\n")
            calling.give()
            calling.hear(b"250 one\r\n")
            self.assertNotIsInstance(calling.last, Finished)
            calling.hear(b"452 two\r\n")
            self.assertEqual(
                [reply.code for _, reply in calling.last.results],
                [250, 550, 452],
            )
            self.assertTrue(calling.session.may_begin)

    def test_lmtp_broken_between_replies(self) -> None:
        """Who had its 250 before the connection broke has its message."""
        calling = Calling(lmtp=True).greeted()
        calling.begin(TWO, b"x\r\n")
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n")
        calling.give()
        calling.hear(b"250 one\r\n")
        calling.session.end_of_input()
        calling.hear()
        self.assertIsInstance(calling.last, Broken)
        self.assertTrue(calling.last.unknown)
        self.assertEqual(calling.outcome(), {"bob": 250})

    def test_broken_in_the_message(self) -> None:
        """Lost before its end, the message was not sent; behind, who knows."""
        for pieces, unknown in (((b"x",), False), ((b"x", b"y"), True)):
            calling = Calling().greeted()
            calling.begin(TWO, b"xy")
            calling.hear(b"250 m\r\n550 a\r\n250 b\r\n")
            calling.give(*pieces)
            calling.session.end_of_input()
            calling.hear()
            self.assertIsInstance(calling.last, Broken)
            self.assertEqual(calling.last.unknown, unknown)
            self.assertEqual(calling.outcome(), {"bob": 550})

    def test_421_anywhere(self) -> None:
        """A 421 is the end, and no mystery."""
        calling = Calling().greeted()
        calling.begin(TWO, b"x")
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n")
        calling.give()
        calling.hear(b"421 4.3.2 going down\r\n")
        self.assertIsInstance(calling.last, Broken)
        self.assertFalse(calling.last.unknown)
        self.assertEqual(calling.last.reply.code, 421)

    def test_answer_too_early(self) -> None:
        """A server that refuses in the middle of DATA is believed."""
        calling = Calling(chunking=False).greeted()
        calling.begin(TWO, b"xy")
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n", b"354 go\r\n")
        calling.give(b"x")
        calling.hear(b"552 too big\r\n")
        self.assertIsInstance(calling.last, Broken)
        self.assertEqual(calling.outcome(), {"bob": 552, "eve": 552})

    def test_yes_too_early(self) -> None:
        """A server that says yes before the end is not."""
        calling = Calling(chunking=False).greeted()
        calling.begin(TWO, b"xy")
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n", b"354 go\r\n")
        calling.give(b"x")
        calling.hear(b"250 fine\r\n")
        self.assertIsInstance(calling.last, Broken)
        self.assertEqual(calling.outcome(), {})

    def test_reply_to_nothing(self) -> None:
        """A reply nobody asked for breaks the session."""
        calling = Calling().greeted()
        calling.hear(b"250 hello\r\n")
        self.assertIsInstance(calling.last, Broken)

    def test_empty_message(self) -> None:
        """A message of nothing is sent."""
        calling = Calling().greeted()
        calling.begin(TWO, b"")
        said = calling.hear(b"250 m\r\n250 a\r\n250 b\r\n")
        self.assertEqual(said, b"BDAT 0 LAST\r\n")
        calling = Calling(chunking=False).greeted()
        calling.begin(TWO, b"")
        said = calling.hear(b"250 m\r\n250 a\r\n250 b\r\n", b"354 go\r\n")
        self.assertEqual(said, b"DATA\r\n.\r\n")

    def test_misuse(self) -> None:
        """Mistakes of our own are told."""
        calling = Calling()
        with self.assertRaises(ValueError):
            calling.session.begin(TWO, 1)
        calling.greeted()
        calling.begin(TWO, b"xy")
        with self.assertRaises(ValueError):
            calling.session.send_body(b"x")
        calling.hear(b"250 m\r\n250 a\r\n250 b\r\n")
        for piece in (b"", b"xyz"):
            with self.assertRaises(ValueError):
                calling.session.send_body(piece)
        calling.session.abort("cannot read it")
        calling.hear()
        self.assertIsInstance(calling.last, Broken)


class ParameterTests(SynchronousTestCase):
    """What goes along with MAIL and RCPT."""

    FULL = Envelope(
        ANN,
        (Recipient(BOB.forward_path, frozenset({"FAILURE", "DELAY"}),
                   "rfc822;b+c@x.test"),),
        MailParameters(body="8BITMIME", ret="HDRS", envid="a b"),
    )  # fmt: skip

    def test_offered(self) -> None:
        """Parameters are used where their extension is offered."""
        said = Calling().greeted().begin(self.FULL, b"x")
        self.assertEqual(
            said,
            b"MAIL FROM:<ann@client.test> SIZE=1 BODY=8BITMIME RET=HDRS"
            b" ENVID=a+20b\r\n"
            b"RCPT TO:<bob@local.test> NOTIFY=FAILURE,DELAY"
            b" ORCPT=rfc822;b+2Bc@x.test\r\n",
        )

    def test_not_offered(self) -> None:
        """And left out where it is not."""
        ehlo = b"250-x\r\n250 PIPELINING\r\n"
        said = Calling().greeted(ehlo).begin(self.FULL, b"x")
        self.assertEqual(
            said,
            b"MAIL FROM:<ann@client.test>\r\nRCPT TO:<bob@local.test>\r\n",
        )

    def test_too_big(self) -> None:
        """A message over the server's limit is not even announced."""
        calling = Calling().greeted()
        self.assertEqual(calling.begin(TWO, b"x" * 1001), b"")
        self.assertEqual(calling.outcome(), {"bob": 552, "eve": 552})
        calling = Calling().greeted(b"250-x\r\n250 SIZE 0\r\n")
        self.assertNotEqual(calling.begin(TWO, b"x" * 1001), b"")

    def test_B5_12_smtputf8(self) -> None:
        """Internationalized mail goes by SMTPUTF8 or not at all."""
        for envelope in (
            Envelope(Path.parse("ä@x.test"), (BOB,)),
            Envelope(ANN, (Recipient(Path.parse("ö@x.test")),)),
            Envelope(ANN, (BOB,), MailParameters(smtputf8=True)),
        ):
            said = Calling().greeted().begin(envelope, b"x")
            self.assertIn(b" SMTPUTF8\r\n", said)
            calling = Calling().greeted(BARE)
            self.assertEqual(calling.begin(envelope, b"x"), b"")
            ((_, reply),) = calling.last.results
            self.assertEqual(reply.enhanced_status, "5.6.7")
        said = (
            Calling()
            .greeted()
            .begin(
                Envelope(ANN, (Recipient(Path.parse("a@bücher.test")),)), b"x"
            )
        )
        self.assertIn(b"<a@xn--bcher-kva.test>", said)
        self.assertNotIn(b"SMTPUTF8", said)

    def test_binary(self) -> None:
        """BINARYMIME goes by BDAT to who offers it, or not at all."""
        envelope = Envelope(ANN, (BOB,), MailParameters(body="BINARYMIME"))
        offer = EHLO.replace(b"250-DSN", b"250-BINARYMIME")
        said = Calling().greeted(offer).begin(envelope, b"x")
        self.assertIn(b"BODY=BINARYMIME", said)
        calling = Calling(chunking=False).greeted(offer)
        self.assertEqual(calling.begin(envelope, b"x"), b"")
        self.assertEqual(calling.outcome(), {"bob": 554})

    def test_limits(self) -> None:
        """A server's limits are kept [RFC9422]."""
        offer = EHLO.replace(b"250-DSN", b"250-LIMITS RCPTMAX=1 MAILMAX=1 X=y")
        calling = Calling().greeted(offer)
        said = calling.begin(TWO, b"x")
        self.assertNotIn(b"eve", said)
        calling.hear(b"250 m\r\n250 a\r\n")
        calling.give()
        calling.hear(b"250 taken\r\n")
        self.assertEqual(calling.outcome(), {"bob": 250, "eve": 452})
        self.assertFalse(calling.session.may_begin)

    def test_null_and_postmaster(self) -> None:
        """The null sender and the bare postmaster are written."""
        said = (
            Calling()
            .greeted()
            .begin(
                Envelope(NULL_PATH, (Recipient(Path("postmaster", "")),)),
                b"x",
            )
        )
        self.assertIn(b"MAIL FROM:<> ", said)
        self.assertIn(b"RCPT TO:<postmaster>\r\n", said)

    def test_B5_5_addresses(self) -> None:
        """An address that would be more than one is never sent."""
        for path in (
            Path("a", "b>\r\nRCPT TO:<v@x"),
            Path("a", "b> AUTH=<x>"),
            Path("a\r\nb", "x.test"),
            Path("a\0", "x.test"),
            Path("a", "x test"),
            Path("a", ""),
            Path("", "x.test"),
            Path("@r.test:a", "x@y"),
        ):
            self.assertFalse(sendable(path), path)
            for envelope in (
                Envelope(path, (BOB,)),
                Envelope(ANN, (Recipient(path),)),
            ):
                calling = Calling().greeted()
                with self.assertRaises(ValueError):
                    calling.session.begin(envelope, 1)
                self.assertEqual(calling.hear(), b"")
        for recipient in (
            Recipient(BOB.forward_path, frozenset({"NEVER\r\n"})),
            Recipient(BOB.forward_path, orcpt="rfc822;a\r\nb"),
            Recipient(NULL_PATH),
        ):
            with self.assertRaises(ValueError):
                check_envelope(Envelope(ANN, (recipient,)))
        for parameters in (
            MailParameters(envid="a\r\nb"),
            MailParameters(ret="X"),
        ):
            with self.assertRaises(ValueError):
                check_envelope(Envelope(ANN, (BOB,), parameters))
        with self.assertRaises(ValueError):
            check_envelope(Envelope(ANN, ()))

    @settings(max_examples=200, deadline=None)
    @given(
        st.text('ab."\\ <>@ü;,:%!', min_size=1, max_size=12),
        st.sampled_from(["x.test", "[192.0.2.1]", "xn--bcher-kva.test"]),
    )
    def test_round_trip(self, local_part, domain) -> None:
        """What the client may send, the server reads as the same."""
        path = Path(local_part, domain)
        if not sendable(path):
            return
        line = f"MAIL FROM:<{path}> SMTPUTF8".encode()
        try:
            mail = parse_command(*split_verb(line))
        except PeerError as error:
            self.fail(f"{line!r}: {error}")
        self.assertEqual(mail.reverse_path, path)


class BothSidesTests(SynchronousTestCase):
    """Client and server of our own, face to face."""

    def _carry(self, flavour, body, sizes, refuse, **changes):
        """Send a body in pieces of `sizes`; give both sides."""

        def rcpt(event):
            path = event.recipient.forward_path
            code = 550 if path.local_part in refuse else 250
            return Reply(code, "So")

        lmtp = flavour is Flavour.LMTP
        driver = Granting(options(flavour=flavour), {Rcpt: rcpt})
        session = ClientSession(
            ClientOptions("client.test", lmtp=lmtp, **changes)
        )
        heard = 0
        seen: list = []
        at = turn = 0
        for _ in range(1000):
            driver.feed(session.octets_to_send())
            session.receive(driver.said[heard:])
            heard = len(driver.said)
            event = session.next_event()
            while event is not None:
                seen.append(event)
                if isinstance(event, Ready):
                    session.begin(TWO, len(body))
                elif isinstance(event, NeedBody):
                    size = sizes[turn % len(sizes)]
                    session.send_body(body[at : at + size])
                    at, turn = at + size, turn + 1
                elif isinstance(event, Finished):
                    return driver, event
                driver.feed(session.octets_to_send())
                event = session.next_event()
        raise AssertionError(seen)

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.sampled_from([b"\r\n", b".", b"a", b"..", b".\r\n", b"bc"]),
            max_size=30,
        ).map(b"".join),
        st.lists(st.integers(1, 9), min_size=1, max_size=5),
        st.sampled_from([Flavour.SMTP, Flavour.LMTP]),
        st.sampled_from([set(), {"bob"}, {"bob", "eve"}]),
        st.booleans(),
        st.booleans(),
    )
    def test_both_sides(
        self, body, sizes, flavour, refuse, chunking, pipelining
    ) -> None:
        """What one side sends, the other receives, octet for octet."""
        driver, finished = self._carry(
            flavour, body, sizes, refuse,
            chunking=chunking, pipelining=pipelining,
        )  # fmt: skip
        expected = {
            name: 550 if name in refuse else 250 for name in ("bob", "eve")
        }
        self.assertEqual(
            {
                recipient.forward_path.local_part: reply.code
                for recipient, reply in finished.results
            },
            expected,
        )
        if len(refuse) == 2:
            self.assertEqual(driver.messages, [])
            return
        if not chunking and not body.endswith(b"\r\n") and body:
            body += b"\r\n"
        self.assertEqual(driver.messages[0][1], body)
        self.assertEqual(driver.events.count(EndOfBody()), 1)
        self.assertNotIn(500, codes(driver.said))
