"""What Python's own clients see of a whole server."""

from __future__ import annotations

import hashlib
import imaplib
import poplib
import smtplib
import socket
import ssl
import time
from email.message import EmailMessage

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import ALICE, BOB, HOST, shared_server, wait_for


def message(subject: str, to: str = ALICE[0], body: str = "hello\n"):
    """A small message."""
    made = EmailMessage()
    made["From"] = "somebody@outside.test"
    made["To"] = to
    made["Subject"] = subject
    made.set_content(body)
    return made


def trusting() -> ssl.SSLContext:
    """The demo's certificate is its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class WholeServerTests(SynchronousTestCase):
    """One server for all of them."""

    def setUp(self) -> None:
        self.server = shared_server()

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP(HOST, self.server.port(25), timeout=20)

    def imap(self, who=ALICE) -> imaplib.IMAP4:
        client = imaplib.IMAP4(HOST, self.server.port(143), timeout=20)
        self.addCleanup(client.logout)
        client.login(*who)
        return client

    def found(self, client: imaplib.IMAP4, subject: str) -> list[bytes]:
        client.select("INBOX")
        _, data = client.search(None, "SUBJECT", f'"{subject}"')
        return data[0].split()

    def test_mail_from_outside(self) -> None:
        """Mail from outside is in the inbox when the sender has its 250."""
        with self.smtp() as smtp:
            smtp.send_message(message("from outside"))
        client = self.imap()
        (number,) = self.found(client, "from outside")
        _, data = client.fetch(number, "(BODY[])")
        self.assertIn(b"\r\n\r\nhello\r\n", data[0][1])
        self.assertTrue(data[0][1].startswith(b"Return-Path: <somebody@"))

    def test_relay_without_login_is_refused(self) -> None:
        """Nobody sends to the world through us without signing in."""
        with (
            self.smtp() as smtp,
            self.assertRaises(smtplib.SMTPRecipientsRefused) as caught,
        ):
            smtp.send_message(message("relay", to="x@elsewhere.test"))
        code, text = caught.exception.recipients["x@elsewhere.test"]
        self.assertEqual(code, 550)
        self.assertIn(b"5.7.1", text)

    def test_submission_starttls_and_implicit(self) -> None:
        """alice submits to bob by STARTTLS and by implicit TLS."""
        for subject, port in (("by starttls", 587), ("by tls", 465)):
            if port == 587:
                smtp = smtplib.SMTP(HOST, self.server.port(port), timeout=20)
                smtp.starttls(context=trusting())
            else:
                smtp = smtplib.SMTP_SSL(
                    HOST,
                    self.server.port(port),
                    context=trusting(),
                    timeout=20,
                )
            with smtp:
                smtp.login(*ALICE)
                sent = message(subject, to=BOB[0])
                sent.replace_header("From", ALICE[0])
                smtp.send_message(sent)
            self.assertEqual(len(self.found(self.imap(BOB), subject)), 1)

    def test_sender_must_be_own(self) -> None:
        """alice does not send as bob."""
        with smtplib.SMTP_SSL(
            HOST, self.server.port(465), context=trusting(), timeout=20
        ) as smtp:
            smtp.login(*ALICE)
            stolen = message("stolen", to=BOB[0])
            stolen.replace_header("From", BOB[0])
            with self.assertRaises(smtplib.SMTPException):
                smtp.send_message(stolen, from_addr=ALICE[0])
            with self.assertRaises(smtplib.SMTPException):
                smtp.send_message(stolen, from_addr=BOB[0])

    def test_pop3(self) -> None:
        """The same mail by POP3, and gone after DELE and QUIT."""
        with self.smtp() as smtp:
            smtp.send_message(message("by pop", to=BOB[0]))
        for secure in (False, True):
            if secure:
                client: poplib.POP3 = poplib.POP3_SSL(
                    HOST, self.server.port(995), context=trusting(), timeout=20
                )
            else:
                client = poplib.POP3(HOST, self.server.port(110), timeout=20)
            client.user(BOB[0])
            client.pass_(BOB[1])
            count, _ = client.stat()
            texts = {
                number: b"\n".join(client.retr(number)[1])
                for number in range(1, count + 1)
            }
            hits = [n for n, t in texts.items() if b"by pop" in t]
            self.assertEqual(len(hits), 0 if secure else 1)
            for number in hits:
                client.dele(number)
            client.quit()

    def test_idle_reports_within_200_ms(self) -> None:
        """An idling client learns of new mail within 200 ms."""
        client = self.imap()
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        self.assertTrue(client.readline().startswith(b"+"))
        client.sock.settimeout(10)
        with self.smtp() as smtp:
            smtp.send_message(message("wake up"))
            acknowledged = time.monotonic()
            line = client.readline()
        delay_s = time.monotonic() - acknowledged
        while b"EXISTS" not in line:
            line = client.readline()
        self.assertLess(delay_s, 0.2)
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"i1 OK"):
            pass

    def test_forty_megabytes_byte_for_byte(self) -> None:
        """A mail of 40 MB comes out as it went in."""
        line = bytes(range(33, 111)) + b"\r\n"
        body = line * (40 * 1024 * 1024 // len(line))
        head = b"From: <a@outside.test>\r\nSubject: large\r\n\r\n"
        octets = head + body
        with self.smtp() as smtp:
            smtp.sendmail("a@outside.test", [ALICE[0]], octets)
        client = self.imap()
        (number,) = self.found(client, "large")
        _, data = client.fetch(number, "(BODY.PEEK[])")
        came = data[0][1]
        self.assertEqual(
            hashlib.sha256(came[-len(octets) :]).digest(),
            hashlib.sha256(octets).digest(),
        )
        client.store(number, "+FLAGS", "\\Deleted")
        client.expunge()

    def test_append_and_flags(self) -> None:
        """A draft goes up, gets a flag, moves and comes back the same."""
        client = self.imap()
        text = message("a draft").as_bytes(policy=message("x").policy)
        text = text.replace(b"\n", b"\r\n")
        client.append("Drafts", "(\\Draft)", None, text)
        client.select("Drafts")
        _, data = client.search(None, "DRAFT")
        number = data[0].split()[-1]
        client.store(number, "+FLAGS", "(\\Flagged keep)")
        _, data = client.fetch(number, "(FLAGS BODY.PEEK[])")
        self.assertIn(b"keep", data[0][0] + data[-1])
        self.assertEqual(data[0][1], text)

    def test_imailctl_on_a_running_server(self) -> None:
        """An account made while the server runs can sign in at once."""
        made = self.server.imailctl(
            "account",
            "add",
            "carol@example.test",
            "--password-stdin",
            text="carol-has-a-long-one\n",
        )
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("running server", made.stderr)
        self.imap(("carol@example.test", "carol-has-a-long-one"))
        audit = self.server.imailctl("audit", "--json")
        self.assertEqual(audit.returncode, 0, audit.stdout + audit.stderr)

    def test_outside_is_caught(self) -> None:
        """The demo keeps mail for the outside in a mailbox of postmaster."""
        with smtplib.SMTP_SSL(
            HOST, self.server.port(465), context=trusting(), timeout=20
        ) as smtp:
            smtp.login(*ALICE)
            sent = message("to the world", to="x@elsewhere.test")
            sent.replace_header("From", ALICE[0])
            smtp.send_message(sent)
        waiting = ("queue", "list", "--json")
        wait_for(
            "the queue to empty",
            lambda: self.server.imailctl(*waiting).stdout.strip() == "[]",
            pause=0.3,
        )
        self.assertIn("delivery.", self.server.log_text())

    def test_bad_input_leaves_the_session(self) -> None:
        """Nonsense gets an error, and the next command works."""
        with socket.create_connection(
            (HOST, self.server.port(25)), 20
        ) as stream:
            lines = stream.makefile("rwb")
            lines.readline()
            for said, want in (
                (b"NONSENSE\r\n", b"500"),
                (b"\xff\xfe\r\n", b"501"),
                (b"MAIL FROM:<a@b.test>\r\n", b"503"),
                (b"HELO client.test\r\n", b"250"),
            ):
                lines.write(said)
                lines.flush()
                self.assertTrue(lines.readline().startswith(want), said)
