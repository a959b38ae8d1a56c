"""A whole server against those who look for open relays."""

from __future__ import annotations

import imaplib
import smtplib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import (
    ALICE,
    HOST,
    Server,
    program,
    run,
    shared_server,
)


class NmapTests(SynchronousTestCase):
    """nmap's script tries sixteen ways to relay."""

    def scan(self, server: Server) -> str:
        program("nmap")
        return run(
            "nmap",
            "-Pn",
            "-n",
            "-p",
            str(server.port(25)),
            "--script",
            # By name it would look at port 25 alone.
            "+smtp-open-relay",
            HOST,
        ).stdout

    def test_none(self) -> None:
        """It finds nothing under the policy `none`."""
        found = self.scan(shared_server())
        self.assertIn("smtp-open-relay:", found)
        self.assertNotIn("is an open relay", found)
        self.assertNotIn("MAIL FROM", found)

    def test_addresses(self) -> None:
        """Nor under `addresses`, from an address that is not listed."""
        program("nmap")
        server = Server().start()
        try:
            file = Path(server.data, "imailpy.toml")
            text = file.read_text("utf-8")
            file.write_text(
                text + '\n[relay]\npolicy = "addresses"\n'
                'addresses = ["192.0.2.0/24"]\n',
                "utf-8",
            )
            done = server.imailctl("reload")
            self.assertEqual(done.returncode, 0, done.stderr)
            found = self.scan(server)
            self.assertIn("smtp-open-relay:", found)
            self.assertNotIn("is an open relay", found)
        finally:
            server.stop()


class CheckTests(SynchronousTestCase):
    """imailctl check against a running server."""

    def test_demo_passes(self) -> None:
        """The demonstration relays for nobody."""
        done = shared_server().imailctl("check", "--attempts", "3000")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("no problem; 3000 attempts", done.stdout)

    def test_file_with_live_directory(self) -> None:
        """A changed file is checked with the accounts of the server."""
        server = shared_server()
        file = Path(server.data, "imailpy.toml")
        changed = Path(server.folder, "changed.toml")
        changed.write_text(
            file.read_text("utf-8")
            + '\n[relay]\npolicy = "addresses"\naddresses = ["10.0.0.0/8"]\n'
            'gateways = ["10.1.1.1"]\n',
            "utf-8",
        )
        done = server.imailctl("check", str(changed), "--attempts", "2000")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("10.0.0.0/8 holds 10.1.1.1, a gateway", done.stdout)
        self.assertNotIn("made up", done.stdout)


class SpoofTests(SynchronousTestCase):
    """A stranger that calls itself one of us."""

    def test_marked(self) -> None:
        """Its mail has our mark, and not its own."""
        server = shared_server()
        with smtplib.SMTP(HOST, server.port(25), timeout=20) as smtp:
            smtp.sendmail(
                ALICE[0],
                ["bob@example.test"],
                "From: x@other.test\r\nX-IMAIL-SPAM-DNSBL: forged\r\n"
                "Subject: spoofed mail\r\n\r\nHello\r\n",
            )
        client = imaplib.IMAP4(HOST, server.port(143), timeout=20)
        client.login("bob@example.test", "bob-demo-password")
        client.select("INBOX")
        _, data = client.search(None, "SUBJECT", '"spoofed mail"')
        _, fetched = client.fetch(data[0].split()[-1].decode(), "(RFC822)")
        client.logout()
        mail = fetched[0][1].decode()
        self.assertIn("X-IMAIL-SPAM-LOCALSENDER: not signed in", mail)
        self.assertNotIn("forged", mail)
