"""POP3 over a store in memory."""

from base64 import b64encode

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import LoginUnavailable, StoreUnavailable
from imailpy.interfaces.store import FlagChange
from imailpy.listeners.pop3 import Pop3Factory, Pop3Settings
from imailpy.mail import Decision, Reply, SystemFlag, UidSet, Verdict
from tests.support.pop3 import ALICE, House, PopTransport
from tests.support.world import result_of

SHORT = b"Subject: %d\r\n\r\nhello\r\n.dot\r\n"
PREFIX = b"Return-Path: <>\r\n"


class Pop3Case(SynchronousTestCase):
    """Alice has some mail."""

    def setUp(self) -> None:
        self.house = House()
        self.uids = [self.house.deliver(SHORT % n) for n in range(3)]

    def signed_in(self, *before: bytes) -> object:
        client = self.house.client()
        client.sign_in(*before)
        return client


class SignInTests(Pop3Case):
    """Who may open a maildrop."""

    def test_greeting(self) -> None:
        """The greeting names neither product version nor system."""
        self.assertEqual(
            self.house.client().hear(), b"+OK mx.example.test ready\r\n"
        )

    def test_user_and_pass(self) -> None:
        """The right password opens the maildrop, a wrong one does not."""
        client = self.house.client()
        client.hear()
        client.say(b"USER alice@example.test\r\n")
        self.assertEqual(
            client.say(b"PASS wrong\r\n"),
            b"-ERR [AUTH] Authentication failed\r\n",
        )
        client.say(b"USER alice@example.test\r\n")
        self.assertEqual(client.say(b"PASS secret\r\n"), b"+OK 3 messages\r\n")
        self.assertIn("pop3.opened", self.house.journal.names())

    def test_sasl(self) -> None:
        """AUTH PLAIN and AUTH LOGIN open the maildrop as well."""
        shown = b64encode(b"\0" + ALICE.encode() + b"\0secret")
        client = self.house.client()
        client.hear()
        self.assertEqual(
            client.say(b"AUTH PLAIN " + shown + b"\r\n"),
            b"+OK 3 messages\r\n",
        )
        client = self.house.client()
        client.hear()
        self.assertEqual(client.say(b"AUTH LOGIN\r\n"), b"+ VXNlcm5hbWU6\r\n")
        self.assertEqual(
            client.say(b64encode(ALICE.encode()) + b"\r\n"),
            b"+ UGFzc3dvcmQ6\r\n",
        )
        self.assertEqual(
            client.say(b64encode(b"secret") + b"\r\n"), b"+OK 3 messages\r\n"
        )

    def test_sasl_given_up(self) -> None:
        """A client that gives up may try again."""
        client = self.house.client()
        client.hear()
        client.say(b"AUTH LOGIN\r\n")
        self.assertEqual(
            client.say(b"*\r\n"), b"-ERR Authentication cancelled\r\n"
        )
        self.assertEqual(
            client.say(b"AUTH PLAIN AAAA\r\n"),
            b"-ERR Malformed authentication exchange\r\n",
        )

    def test_failures_end_it(self) -> None:
        """After three refusals the connection is closed."""
        client = self.house.client()
        client.hear()
        for last in (False, False, True):
            client.say(b"USER alice@example.test\r\nPASS wrong\r\n")
            self.assertEqual(client.closed, last)

    def test_B9_3_empty_password(self) -> None:
        """An empty password is refused by everything before the realm."""
        client = self.house.client()
        client.hear()
        client.say(b"USER alice@example.test\r\n")
        client.say(b"PASS \r\n")
        gate = self.house.realm.gates[0]
        self.assertNotIn("login", gate.stages())

    def test_unavailable(self) -> None:
        """When nobody can tell, the client is to try again."""
        client = self.house.client()
        client.hear()
        self.house.realm.gates[0].unavailable = LoginUnavailable("slow disk")
        client.say(b"USER alice@example.test\r\n")
        self.assertEqual(
            client.say(b"PASS secret\r\n"),
            b"-ERR [SYS/TEMP] Temporary authentication failure\r\n",
        )

    def test_B2_7_in_the_clear(self) -> None:
        """Without TLS, and without leave, there is no way to sign in."""
        self.house.settings.change(Pop3Settings())
        client = self.house.client()
        client.hear()
        self.assertEqual(
            client.say(b"USER alice@example.test\r\n"),
            b"-ERR [AUTH] Sign in after STLS\r\n",
        )
        said = client.say(b"CAPA\r\n")
        self.assertNotIn(b"USER\r\n", said.replace(b"UTF8 USER", b""))
        self.assertNotIn(b"SASL", said)

    def test_refused_at_the_door(self) -> None:
        """A client that may not talk to us is told so and sent away."""
        protocol = self.house.factory.buildProtocol(None)
        gate = self.house.realm.gates[-1]
        gate.decision = Decision(
            Verdict.REJECT, "test", "because", Reply(421, "Not you")
        )
        transport = PopTransport()
        protocol.makeConnection(transport)
        self.assertEqual(transport.read(), b"-ERR [SYS/TEMP] Not you\r\n")
        self.assertTrue(transport.disconnecting)

    def test_store_is_away(self) -> None:
        """A maildrop that cannot be opened is a trouble of the moment."""
        house = self.house

        async def fail(name: str) -> object:
            raise StoreUnavailable("no disk")

        account = house.store.account("x")
        self.patch(type(account), "open", lambda self, name: fail(name))
        client = house.client()
        client.hear()
        client.say(b"USER alice@example.test\r\n")
        self.assertTrue(
            client.say(b"PASS secret\r\n").startswith(b"-ERR [SYS/TEMP] ")
        )
        self.assertFalse(client.closed)


class MaildropTests(Pop3Case):
    """Reading and removing."""

    def test_retrieve(self) -> None:
        """A message arrives byte for byte, its dots doubled."""
        client = self.signed_in()
        octets = PREFIX + SHORT % 1
        self.assertEqual(
            client.say(b"RETR 2\r\n"),
            b"+OK %d octets\r\n" % len(octets)
            + octets.replace(b"\n.", b"\n..")
            + b".\r\n",
        )
        self.assertEqual(
            client.say(b"LIST 2\r\n"), b"+OK 2 %d\r\n" % len(octets)
        )
        self.assertEqual(
            client.say(b"TOP 2 1\r\n").partition(b"\r\n")[2],
            PREFIX + b"Subject: 1\r\n\r\nhello\r\n.\r\n",
        )

    def test_B8_2_update(self) -> None:
        """QUIT removes what was marked, and is answered after that."""
        client = self.signed_in()
        client.say(b"DELE 1\r\n")
        self.assertEqual(len(self.house.inbox().uids), 3)
        self.assertEqual(
            client.say(b"DELE 3\r\nQUIT\r\n"),
            b"+OK Marked as deleted\r\n+OK Goodbye\r\n",
        )
        self.assertEqual(list(self.house.inbox().uids), [self.uids[1]])
        self.assertTrue(client.closed)

    def test_B8_2_cut_off(self) -> None:
        """A connection that breaks has removed nothing."""
        client = self.signed_in()
        client.say(b"DELE 1\r\n")
        client.cut()
        inbox = self.house.inbox()
        self.assertEqual(list(inbox.uids), self.uids)
        self.assertEqual(inbox.flags(self.uids[0])[0], 0)
        gate = self.house.realm.gates[0]
        self.assertEqual(gate.stages()[-1], "closed")
        self.assertEqual(gate.avatar.logged_out, 1)
        self.assertEqual(len(self.house.factory.connections), 0)

    def test_half_closed_then_gone(self) -> None:
        """Who closes its half and is gone counts as open no longer."""
        client = self.signed_in()
        client.protocol.readConnectionLost()
        client.cut()
        gate = self.house.realm.gates[0]
        self.assertEqual(gate.stages()[-1], "closed")
        self.assertEqual(len(self.house.factory.connections), 0)

    def test_B8_2_update_fails(self) -> None:
        """When the store fails nothing is removed, and no flag is left."""
        client = self.signed_in()
        client.say(b"DELE 1\r\n")
        inbox = self.house.inbox()

        async def fail(*whatever: object, **more: object) -> object:
            raise StoreUnavailable("no disk")

        self.patch(type(inbox), "remove", fail)
        self.assertEqual(
            client.say(b"QUIT\r\n"),
            b"-ERR [SYS/TEMP] No message was removed\r\n",
        )
        self.assertTrue(client.closed)
        self.assertEqual(list(inbox.uids), self.uids)
        self.assertEqual(inbox.flags(self.uids[0])[0], 0)

    def test_update_spares_what_others_marked(self) -> None:
        """Messages that an IMAP client marked are not removed by QUIT."""
        inbox = self.house.inbox()
        result_of(
            inbox.store(
                UidSet.of(self.uids[0]),
                FlagChange("add", SystemFlag.DELETED),
            )
        )
        client = self.signed_in()
        client.say(b"DELE 2\r\nQUIT\r\n")
        self.assertEqual(list(inbox.uids), [self.uids[0], self.uids[2]])

    def test_B8_1_snapshot(self) -> None:
        """What comes and goes meanwhile does not move the numbers."""
        client = self.signed_in()
        before = client.say(b"LIST\r\nUIDL\r\n")
        inbox = self.house.inbox()
        self.house.deliver(SHORT % 9)
        result_of(
            inbox.store(
                UidSet.of(self.uids[0]),
                FlagChange("add", SystemFlag.DELETED),
            )
        )
        result_of(inbox.expunge())
        self.assertEqual(client.say(b"LIST\r\nUIDL\r\n"), before)
        self.assertEqual(
            client.say(b"RETR 1\r\n"), b"-ERR Message is no longer there\r\n"
        )
        self.assertIn(b"Subject: 1\r\n", client.say(b"RETR 2\r\n"))
        self.assertEqual(
            client.say(b"DELE 1\r\nDELE 2\r\nQUIT\r\n").split(b"\r\n")[2],
            b"+OK Goodbye",
        )
        self.assertEqual(len(inbox.uids), 2)

    def test_B8_2_unique_ids_stay(self) -> None:
        """A message's unique id is the same in every session."""
        first = self.signed_in().say(b"UIDL\r\n").split(b"\r\n")
        self.house.deliver(SHORT % 9)
        client = self.signed_in()
        client.say(b"DELE 1\r\nQUIT\r\n")
        later = self.signed_in().say(b"UIDL\r\n").split(b"\r\n")
        self.assertEqual(
            [line.split()[1] for line in first[2:4]],
            [line.split()[1] for line in later[1:3]],
        )

    def test_large_maildrop(self) -> None:
        """More messages than the store gives at once are all there."""
        for number in range(600):
            self.house.deliver(SHORT % number)
        client = self.signed_in()
        self.assertTrue(client.say(b"STAT\r\n").startswith(b"+OK 603 "))
        lines = client.say(b"LIST\r\n").split(b"\r\n")
        self.assertEqual(len(lines), 603 + 3)

    def test_many_batches_let_others_have_their_turn(self) -> None:
        """Opening a large maildrop does not hold the reactor."""
        for number in range(2100):
            self.house.deliver(SHORT % number)
        client = self.house.client()
        client.hear()
        client.protocol.dataReceived(
            b"USER alice@example.test\r\nPASS secret\r\n"
        )
        self.assertNotIn(b"messages", client.transport.value())
        self.assertIn(b"+OK 2103 messages", client.hear())


class Utf8Tests(Pop3Case):
    """Header sections beyond ASCII."""

    OCTETS = (
        "From: Ärger <ä@example.test>\r\n"
        "Subject: Grüße\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n'
        "\r\n"
        "--b\r\n"
        'Content-Type: text/plain; charset=utf-8; name="ö.txt"\r\n'
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
        "Schöne Grüße\r\n"
        "--b--\r\n"
    ).encode()

    def setUp(self) -> None:
        super().setUp()
        self.house.deliver(self.OCTETS)

    def test_with_utf8(self) -> None:
        """A client that said UTF8 gets the message as it is."""
        client = self.signed_in(b"UTF8")
        said = client.say(b"RETR 4\r\n")
        self.assertIn(PREFIX + self.OCTETS + b".\r\n", said)

    def test_without_utf8(self) -> None:
        """Other clients get ASCII header sections; bodies stay."""
        client = self.signed_in()
        said = client.say(b"RETR 4\r\n")
        self.assertTrue(said.startswith(b"+OK Message follows"))
        body = "Schöne Grüße\r\n".encode()
        self.assertIn(b"\r\n\r\n" + body + b"--b--\r\n", said)
        self.assertTrue(said.replace(body, b"").isascii(), said)
        self.assertIn(b"=?utf-8?", said.lower())
        self.assertIn(PREFIX, said)

    def test_top(self) -> None:
        """TOP shows the same header section."""
        client = self.signed_in()
        said = client.say(b"TOP 4 0\r\n")
        self.assertTrue(said.isascii())
        self.assertTrue(said.endswith(b"\r\n\r\n.\r\n"))

    def test_eight_bit_body_alone(self) -> None:
        """A message with an ASCII header section is never touched."""
        octets = b"Subject: x\r\n\r\n\xff\xfe\r\n"
        self.house.deliver(octets)
        said = self.signed_in().say(b"RETR 5\r\n")
        self.assertIn(PREFIX + octets, said)


class FlowTests(Pop3Case):
    """Slow clients, lost clients, clients that are not there."""

    def test_B3_7_client_that_does_not_read(self) -> None:
        """No more than a bound waits for a client that does not read."""
        octets = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 400_000
        self.house.deliver(octets)
        client = self.signed_in()
        client.transport.room = 1
        client.protocol.dataReceived(b"RETR 4\r\n" * 3)
        self.assertLess(len(client.transport.value()), 600_000)
        said = client.hear()
        self.assertEqual(said.count(b"\r\n.\r\n"), 3)
        self.assertEqual(said.count(octets), 3)

    def test_pipelined(self) -> None:
        """A thousand pipelined RETR are answered in order."""
        for number in range(3, 1000):
            self.house.deliver(SHORT % number)
        client = self.signed_in()
        said = client.say(b"".join(b"RETR %d\r\n" % n for n in range(1, 1001)))
        subjects = [
            int(line[9:])
            for line in said.split(b"\r\n")
            if line.startswith(b"Subject: ")
        ]
        self.assertEqual(subjects, list(range(1000)))

    def test_lost_in_the_middle(self) -> None:
        """A client that breaks off in a message frees everything."""
        self.house.deliver(b"A: b\r\n\r\n" + b"x\r\n" * 300_000)
        client = self.signed_in()
        client.transport.room = 1
        client.protocol.dataReceived(b"RETR 4\r\nDELE 1\r\nQUIT\r\n")
        client.cut()
        self.house.world.advance(1)
        self.assertEqual(len(self.house.factory.connections), 0)
        self.assertEqual(len(self.house.inbox().uids), 4)

    def test_autologout(self) -> None:
        """Who says nothing is sent away; before the sign-in sooner."""
        client = self.house.client()
        client.hear()
        self.house.world.advance(59)
        self.assertFalse(client.closed)
        self.house.world.advance(2)
        self.assertEqual(client.hear(), b"-ERR [SYS/TEMP] Autologout\r\n")
        self.assertTrue(client.closed)
        client = self.signed_in()
        client.say(b"DELE 1\r\n")
        self.house.world.advance(599)
        self.assertFalse(client.closed)
        self.house.world.advance(2)
        self.assertTrue(client.closed)
        self.assertEqual(len(self.house.inbox().uids), 3)

    def test_bug(self) -> None:
        """A bug of ours is a temporary trouble and leaves the session."""

        async def broken(self: object, uid: int) -> object:
            raise RuntimeError("secret of the house")

        client = self.signed_in()
        self.patch(type(self.house.inbox()), "body", broken)
        said = client.say(b"RETR 1\r\n")
        self.assertEqual(said, b"-ERR [SYS/TEMP] Internal error\r\n")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(client.say(b"NOOP\r\n"), b"+OK\r\n")

    def test_bug_in_a_message(self) -> None:
        """In the middle of a message the connection is cut instead."""

        class Broken:
            size_octets = 100_000

            def chunks(self, start: int = 0, end: object = None) -> object:
                yield b"A: b\r\n\r\n"
                raise RuntimeError("lost")

            def release(self) -> None:
                """Nothing."""

        async def broken(self: object, uid: int) -> object:
            return Broken()

        client = self.signed_in()
        self.patch(type(self.house.inbox()), "body", broken)
        client.say(b"RETR 1\r\n")
        self.assertTrue(client.transport.aborting)
        self.flushLoggedErrors(RuntimeError)

    def test_stop(self) -> None:
        """When the server stops everybody is told, and nothing removed."""
        client = self.signed_in()
        client.say(b"DELE 1\r\n")
        stopped: Deferred[None] = self.house.factory.stop()
        self.assertEqual(
            client.hear(), b"-ERR [SYS/TEMP] Server is shutting down\r\n"
        )
        client.cut()
        self.successResultOf(stopped)
        self.assertEqual(len(self.house.inbox().uids), 3)

    def test_stop_does_not_wait_for_ever(self) -> None:
        """A client that does not go is cut off."""
        client = self.signed_in()
        stopped = self.house.factory.stop()
        self.house.world.advance(21)
        self.successResultOf(stopped)
        self.assertTrue(client.transport.aborting)

    def test_implicit_tls_needs_certificates(self) -> None:
        """A listener for TLS without TLS is a bug of the roof."""
        house = self.house
        self.assertRaises(
            ValueError,
            Pop3Factory,
            house.world,
            house.store,
            house.realm,
            house.journal,
            house.settings,
            implicit_tls=True,
        )
