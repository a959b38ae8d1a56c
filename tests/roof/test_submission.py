"""REALM.md 1, "Submission", a dialogue a line, on 587 and on 465."""

from __future__ import annotations

from tests.listeners.smtp.serving import Talker
from tests.protocol.smtp.driving import codes
from tests.roof.rooms import ALICE, BOB, RoomsCase

TO_BOB = f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode()
FROM = f"From: {ALICE}\r\n".encode()
DATE = b"Date: Tue, 24 Nov 2026 21:08:27 +0000\r\n"
ID = b"Message-ID: <1@laptop.test>\r\n"


class SubmissionTests(RoomsCase):
    """What a user's program sends, and what becomes of it."""

    def both(self):
        """A signed in user on each of the two ports."""
        for port in (587, 465):
            yield self.signed_in(port)

    def send(self, talker: Talker, header: bytes, body: bytes = b"x\r\n"):
        """Send to bob; the last reply."""
        said = talker.say(TO_BOB, 0.1)
        self.assertEqual(codes(said), [250, 250, 354])
        return talker.say(header + b"\r\n" + body + b".\r\n", 0.1)

    def last(self) -> bytes:
        return self.mails(BOB)[-1]

    def test_login_is_demanded(self) -> None:
        """Nobody sends without a login, whatever the recipient."""
        for port in (587, 465):
            said = self.call(port).say(TO_BOB)
            self.assertEqual(codes(said)[0], 530)

    def test_starttls_is_demanded(self) -> None:
        """On 587 nothing goes without TLS; AUTH is not even offered."""
        talker = Talker(self.world)
        from twisted.internet.protocol import Factory

        self.world.network.connect(
            "192.0.2.1", 587, Factory.forProtocol(lambda: talker)
        )
        self.world.run()
        self.assertNotIn(b"AUTH", talker.say(b"EHLO laptop.test\r\n"))
        self.assertEqual(
            talker.say(b"MAIL FROM:<a@example.test>\r\n"),
            b"530 5.7.0 Must issue a STARTTLS command first\r\n",
        )

    def test_malformed_or_multiple(self) -> None:
        """A malformed or multiple From, Date or Sender is refused."""
        two = FROM + f"From: {BOB}\r\n".encode()
        sender = f"Sender: {ALICE}\r\n".encode()
        for talker in self.both():
            for header in (
                b"Subject: nobody\r\n",
                two,
                f"From: {ALICE}, info@example.test\r\n".encode(),
                b"From: alice at example.test\r\n",
                b"From: <>\r\n",
                b"From: friends: alice@example.test;\r\n",
                FROM + sender + sender,
                FROM + b"Sender: alice, info\r\n",
                FROM + b"Sender: @\r\n",
                FROM + DATE + DATE,
                FROM + b"Date: yesterday\r\n",
                FROM + b"Date: Tue, 31 Feb 2026 21:08:27 +0000\r\n",
            ):
                said = self.send(talker, header)
                self.assertTrue(said.startswith(b"550 5.6.0 "), (header, said))
        self.assertEqual(self.mails(BOB), [])

    def test_missing_are_added(self) -> None:
        """A missing Date and Message-ID are added, one that is there
        stays."""
        for talker in self.both():
            self.assertEqual(codes(self.send(talker, FROM)), [250])
            self.assertIn(b"\r\nDate: ", self.last())
            self.assertRegex(
                self.last(), rb"\r\nMessage-ID: <\S+@mail.example.test>\r\n"
            )
            self.assertEqual(codes(self.send(talker, FROM + DATE + ID)), [250])
            self.assertEqual(self.last().count(b"Date: "), 1)
            self.assertIn(DATE + ID, self.last())

    def test_domains(self) -> None:
        """Bare and unknown domains are refused at RCPT: for good where
        there is none or it takes no mail, for now where DNS is silent."""
        for talker in self.both():
            talker.say(f"MAIL FROM:<{ALICE}>\r\n".encode())
            for domain, code in (
                (b"localnet", b"553 5.1.2"),
                (b"nowhere.test", b"550 5.1.2"),
                (b"null.test", b"556 5.1.10"),
                (b"broken.test", b"451 4.4.3"),
                (b"elsewhere.test", b"250 2.1.5"),
            ):
                said = talker.say(b"RCPT TO:<dan@" + domain + b">\r\n", 0.1)
                self.assertTrue(said.startswith(code), (domain, said))

    def test_sender_domains(self) -> None:
        """The same of a sender's domain, where foreign senders may be."""
        from attrs import evolve

        from imailpy.policy.settings import SubmissionRules

        settings = self.realm_settings
        settings.change(
            evolve(
                settings.current,
                policy=evolve(
                    settings.current.policy,
                    submission=SubmissionRules(own_reverse_path=False),
                ),
            )
        )
        for talker in self.both():
            for domain, code in (
                (b"localnet", b"553 5.1.8"),
                (b"nowhere.test", b"550 5.1.8"),
                (b"null.test", b"550 5.7.27"),
                (b"broken.test", b"451 4.4.3"),
                (b"elsewhere.test", b"250 2.1.5"),
            ):
                talker.say(b"MAIL FROM:<x@" + domain + b">\r\n", 0.1)
                said = talker.say(f"RCPT TO:<{BOB}>\r\n".encode(), 0.1)
                self.assertTrue(said.startswith(code), (domain, said))
                talker.say(b"RSET\r\n")

    def test_own_results_are_stripped(self) -> None:
        """Authentication-Results in our name goes, another's stays."""
        for talker in self.both():
            self.send(
                talker,
                FROM
                + b"Authentication-Results: mail.example.test; spf=pass\r\n"
                + b"Authentication-Results: other.test; spf=pass\r\n",
            )
            self.assertNotIn(b"Results: mail.example.test", self.last())
            self.assertIn(b"Results: other.test", self.last())

    def test_bcc_is_removed(self) -> None:
        """Nobody sees who got a blind copy."""
        for talker in self.both():
            self.send(talker, FROM + b"Bcc: eve@x.test,\r\n zoe@x.test\r\n")
            self.assertNotIn(b"x.test", self.last())

    def test_lines_are_mended(self) -> None:
        """Bare CR, bare LF and lines that are too long are mended."""
        for talker in self.both():
            body = b"a\nb\rc\r\n" + b"x" * 3000 + b"\r\n"
            subject = b"Subject: " + b"word " * 300 + b"\r\n"
            said = self.send(talker, FROM + subject, body)
            self.assertEqual(codes(said), [250])
            mail = self.last()
            self.assertIn(b"\r\n\r\na\r\nb c\r\nxxx", mail)
            lines = mail.split(b"\r\n")
            self.assertLessEqual(max(map(len, lines)), 998)
            self.assertEqual(mail.count(b"x"), mail.count(b"x"))
            self.assertEqual(mail.count(b"word"), 300)
            self.assertNotIn(b"\n", mail.replace(b"\r\n", b""))

    def test_B4_13_reverse_path(self) -> None:
        """The sender must own its reverse-path: the account's address, an
        alias of it, a box of these, or none."""
        for talker in self.both():
            for path, code in (
                (BOB, b"553 5.7.1"),
                ("eve@elsewhere.test", b"553 5.7.1"),
                ("nobody@example.test", b"553 5.7.1"),
                (ALICE, b"250"),
                ("info@example.test", b"250"),
                ("alice+lists@example.test", b"250"),
                ("", b"250"),
            ):
                said = talker.say(f"MAIL FROM:<{path}>\r\n".encode())
                self.assertTrue(said.startswith(code), (path, said))
                talker.say(b"RSET\r\n")

    def test_B4_13_author(self) -> None:
        """The sender must own From, and Sender where there is one."""
        for talker in self.both():
            for header, code in (
                (f"From: {BOB}\r\n", b"553 5.7.1"),
                (f"From: {ALICE}\r\nSender: {BOB}\r\n", b"553 5.7.1"),
                (f"From: {BOB}\r\nSender: {ALICE}\r\n", b"553 5.7.1"),
                ("From: Info <info@example.test>\r\n", b"250"),
                (f"From: {ALICE}\r\nSender: info@example.test\r\n", b"250"),
            ):
                said = self.send(talker, header.encode())
                self.assertTrue(said.startswith(code), (header, said))

    def test_then_the_queue(self) -> None:
        """What passed all of it is on its way, mended."""
        from imailpy.interfaces.queue import QueueState
        from tests.support.still_world import result_of

        for talker in self.both():
            said = talker.say(
                f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<dan@elsewhere.test>\r\n"
                "DATA\r\n".encode(), 0.1
            )  # fmt: skip
            self.assertEqual(codes(said), [250, 250, 354])
            said = talker.say(FROM + b"Bcc: x@x.test\r\n\r\nx\r\n.\r\n", 0.1)
            self.assertEqual(codes(said), [250])
        rows = result_of(self.store.queue.rows())
        self.assertEqual(len(rows), 2)
        for row in rows:
            self.assertIs(row.state, QueueState.READY)
            body = result_of(self.store.queue.body(row.delivery_id))
            octets = b"".join(body.chunks())
            self.assertIn(b"\r\nDate: ", octets)
            self.assertNotIn(b"Bcc", octets)
