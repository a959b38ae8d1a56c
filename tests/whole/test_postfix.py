"""Mail that goes out to a real Postfix, and comes back when refused."""

from __future__ import annotations

import imaplib
import smtplib

from twisted.trial.unittest import SynchronousTestCase

from tests.support.postfix import Postfix
from tests.support.server import ALICE, HOST, Server, wait_for
from tests.whole.test_python_clients import message, trusting


class PostfixTests(SynchronousTestCase):
    """The demo with Postfix as its smart host."""

    postfix: Postfix
    server: Server

    def setUp(self) -> None:
        self.postfix = Postfix().start()
        self.addCleanup(self.postfix.stop)
        smart_host = f"{HOST}:{self.postfix.port}"
        self.server = Server("--smarthost", smart_host).start()
        self.addCleanup(self.server.stop)

    def submit(self, to: str, subject: str) -> None:
        with smtplib.SMTP_SSL(
            HOST, self.server.port(465), context=trusting(), timeout=20
        ) as smtp:
            smtp.login(*ALICE)
            sent = message(subject, to=to)
            sent.replace_header("From", ALICE[0])
            smtp.send_message(sent)

    def inbox(self, subject: str) -> list[bytes]:
        client = imaplib.IMAP4(HOST, self.server.port(143), timeout=20)
        client.login(*ALICE)
        client.select("INBOX")
        _, data = client.search(None, "SUBJECT", f'"{subject}"')
        found = []
        for number in data[0].split():
            _, parts = client.fetch(number, "(BODY.PEEK[])")
            found.append(parts[0][1])
        client.logout()
        return found

    def test_accepted(self) -> None:
        """Submitted mail for another domain reaches Postfix's mailbox."""
        self.submit("friend@elsewhere.test", "for a friend")
        wait_for("the mail at Postfix", self.postfix.mails)
        (octets,) = self.postfix.mails()
        self.assertIn(b"Subject: for a friend", octets)
        self.assertIn(b"by ", octets)
        # Where alice was is nobody's business.
        self.assertNotIn(
            b"[127.0.0.1]", octets.split(b"with ESMTPSA")[0][-200:]
        )

    def test_refused_comes_back(self) -> None:
        """A refusal of Postfix comes back as one DSN with its words."""
        self.submit("refused@elsewhere.test", "not wanted")
        wait_for(
            "the DSN",
            lambda: self.inbox("could not be delivered"),
            pause=0.2,
        )
        reports = self.inbox("could not be delivered")
        self.assertEqual(len(reports), 1)
        (report,) = reports
        self.assertIn(b"message/delivery-status", report)
        self.assertIn(b"Status: 5.7.1", report)
        self.assertIn(b"nobody wants this", report)
        self.assertIn(b"rfc822;", report.replace(b"; ", b";"))
