"""B15.5: nothing that is secret, and no content, is told anywhere."""

from __future__ import annotations

import base64

# trial takes a `suppress` of the module for its own.
import contextlib
import imaplib
import os
import poplib
import smtplib
import socket
import ssl
import urllib.request
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import HOST
from tests.support.twistd import Installed, Talk

ALICE = "alice@example.test"
PASSWORD = "Planted-Secret-One-4711"
SLIP = "Planted-Secret-Two-4712"
RELAY = "Planted-Secret-Three-4713"
SUBJECT = "Planted-Subject-4714"
BODY = "Planted-Body-4715"


def coded(text: str) -> str:
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def blob(password: str) -> str:
    """What AUTH PLAIN sends."""
    return coded(f"\0{ALICE}\0{password}")


class SecretTests(SynchronousTestCase):
    """A session of everything at the loudest log level."""

    def setUp(self) -> None:
        self.there = Installed(more='[log]\nlevel = "debug"\n')
        self.addCleanup(self.there.close)
        password = Path(self.there.folder, "relay.password")
        password.touch(0o600)
        password.write_text(RELAY + "\n", encoding="utf-8")
        self.there.write(
            self.there.text.replace(
                'catch_outside_in = "alice@example.test"\n',
                "",
            )
            + "[delivery.smart_host]\n"
            f'host = "127.0.0.1"\nport = {self.there.ports["smtp"]}\n'
            'security = "required"\nverify = false\n'
            f'user = "relay"\npassword_file = "{password}"\n'
        )
        self.process = self.there.start()
        self.there.account(ALICE, PASSWORD)

    def mail(self) -> bytes:
        """A mail with something that nobody else may read."""
        return (
            f"From: {ALICE}\r\nTo: {ALICE}\r\nSubject: {SUBJECT}\r\n\r\n"
            f"{BODY}\r\n"
        ).encode()

    def by_smtp(self) -> None:
        """Every mechanism, right and wrong, and slips."""
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        port = self.there.ports["submission"]
        with smtplib.SMTP(HOST, port, timeout=20) as client:
            client.starttls(context=trusting)
            client.login(ALICE, PASSWORD)
            client.sendmail(ALICE, [ALICE, "x@elsewhere.test"], self.mail())
        for lines in (
            [f"AUTH PLAIN {blob(SLIP)}"],
            [f"AUTH PLAIN {blob(PASSWORD)}", f"AUTH PLAIN {blob(PASSWORD)}"],
            ["AUTH PLAIN", blob(SLIP)],
            ["AUTH LOGIN", coded(ALICE), coded(SLIP)],
            ["AUTH LOGIN", coded(ALICE), SLIP],
            [f"AUTH NOSUCH {blob(SLIP)}", blob(SLIP), SLIP],
            [f"AUTH PLAIN {blob(PASSWORD)} {SLIP}", f"PASS {SLIP}"],
            ["AUTH SCRAM-SHA-256 " + coded(f"n,,n={ALICE},r={SLIP}"), SLIP],
        ):
            talk = Talk(port)
            talk.reply()
            talk.ask("EHLO client.test")
            for line in lines:
                talk.ask(line)
            talk.close()

    def by_imap(self) -> None:
        """Logins, literals, and slips."""
        client = imaplib.IMAP4(HOST, self.there.ports["imap"], timeout=20)
        with contextlib.suppress(imaplib.IMAP4.error):
            client.login(ALICE, SLIP)
        client.authenticate(
            "PLAIN", lambda _: f"\0{ALICE}\0{PASSWORD}".encode()
        )
        client.append("INBOX", "", None, self.mail())
        client.select("INBOX")
        client.search(None, "SUBJECT", SUBJECT)
        with contextlib.suppress(imaplib.IMAP4.error):
            client.fetch("1", f"({SLIP})")
        with contextlib.suppress(imaplib.IMAP4.error):
            client.login(ALICE, PASSWORD)
        client.logout()
        lines = (
            f"a LOGIN {ALICE} {{{len(SLIP)}+}}\r\n{SLIP}\r\n"
            f"b LOGIN {ALICE} {PASSWORD} {SLIP}\r\n"
            f"c {SLIP} {blob(SLIP)}\r\n{blob(SLIP)}\r\n"
            f"d AUTHENTICATE PLAIN {blob(SLIP)}\r\n"
            "e LOGOUT\r\n"
        )
        self.throw("imap", lines)

    def by_pop3(self) -> None:
        """Logins and slips."""
        client = poplib.POP3(HOST, self.there.ports["pop3"], timeout=20)
        client.user(ALICE)
        with contextlib.suppress(poplib.error_proto):
            client.pass_(SLIP)
        client.user(ALICE)
        client.pass_(PASSWORD)
        client.retr(1)
        client.quit()
        lines = (
            f"PASS {SLIP}\r\nPASSWORD {SLIP}\r\n{SLIP}\r\n"
            f"AUTH PLAIN {blob(SLIP)}\r\nAUTH NOSUCH {blob(SLIP)}\r\nQUIT\r\n"
        )
        self.throw("pop3", lines)

    def throw(self, name: str, lines: str) -> None:
        """Say lines, and read until the end."""
        port = self.there.ports[name]
        with socket.create_connection((HOST, port), 20) as stream:
            stream.sendall(lines.encode())
            with contextlib.suppress(OSError):
                while stream.recv(65_536):
                    pass

    def told(self) -> dict[str, str]:
        """All that the server tells to anybody."""
        answers = {
            " ".join(words): done.stdout + done.stderr
            for words in (
                ("status",),
                ("account", "list"),
                ("queue", "list"),
                ("audit",),
                ("config", "check"),
                ("account", "password", ALICE, "--password-stdin"),
            )
            for done in [
                self.there.imailctl("--json", *words, text=PASSWORD[:8])
            ]
        }
        [row] = self.there.imailctl("queue", "list", "--json").stdout.split(
            '"id": "'
        )[1:]
        shown = self.there.imailctl("queue", "show", row.partition('"')[0])
        self.assertEqual(shown.returncode, 0)
        answers["queue show"] = shown.stdout
        metrics = f"http://{HOST}:{self.there.ports['metrics']}/metrics"
        with urllib.request.urlopen(metrics, timeout=20) as page:
            answers["metrics"] = page.read().decode()
        for name in ("cmdline", "environ"):
            path = Path(f"/proc/{self.process.pid}/{name}")
            if path.exists() and not os.getuid():
                answers[name] = path.read_text(errors="replace")
        answers["log"] = self.there.log_text()
        return answers

    def test_B15_5_planted_secrets(self) -> None:
        """No password, SASL blob, key, subject or body is found anywhere."""
        self.by_smtp()
        self.by_imap()
        self.by_pop3()
        key = Path(self.there.folder, "tls", "self-signed.key").read_text()
        planted = [PASSWORD, SLIP, RELAY, SUBJECT, BODY, "$argon2id$"]
        planted += [coded(text) for text in (PASSWORD, SLIP, RELAY)]
        planted += [blob(PASSWORD), blob(SLIP), key.splitlines()[1]]
        told = self.told()
        for event in ("login.accepted", "login.refused", "delivery.stored"):
            self.assertIn(event, told["log"])
        self.assertIn("imailpy_events", told["metrics"])
        for place, text in told.items():
            for secret in planted:
                at = text.find(secret)
                around = text[max(0, at - 200) : at + 100]
                self.assertEqual(at, -1, f"{secret} in {place}: {around}")
