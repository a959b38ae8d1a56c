"""Behind real proxies, and told by real clients."""

from __future__ import annotations

import contextlib
import imaplib
import ssl
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import HOST, program, run, wait_for
from tests.support.twistd import Installed, Talk, free_ports

ALICE = "alice@example.test"
BOB = "bob@example.test"
PASSWORD = "alice-is-not-her-password"

LISTENERS = """
[listeners.behind]
service = "smtp"
address = "127.0.0.1"
port = {smtp}
proxy = ["127.0.0.1"]
[listeners.behinds]
service = "imap"
tls = "implicit"
address = "127.0.0.1"
port = {imaps}
proxy = ["127.0.0.1"]
[listeners.others]
service = "smtp"
address = "127.0.0.1"
port = {others}
proxy = ["192.0.2.5"]
[smtp]
xclient = ["127.0.0.1"]
vrfy_allowed = ["127.0.0.1"]
"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen one
    bind {host}:{one}
    server mail {host}:{smtp} send-proxy
listen two
    bind {host}:{two}
    server mail {host}:{smtp} send-proxy-v2
listen three
    bind {host}:{three}
    server mail {host}:{imaps} send-proxy-v2
listen four
    bind {host}:{four}
    server mail {host}:{others} send-proxy-v2
"""


class ProxyTests(SynchronousTestCase):
    """SECURITY.md B4.12, with programs of others."""

    def setUp(self) -> None:
        names = ("smtp", "imaps", "others", "one", "two", "three", "four")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.house = Installed(more=LISTENERS.format(**self.ports))
        self.addCleanup(self.house.close)
        self.house.start()
        self.house.account(ALICE, PASSWORD)

    def haproxy(self) -> None:
        path = program("haproxy")
        file = Path(self.house.folder, "haproxy.cfg")
        file.write_text(HAPROXY.format(host=HOST, **self.ports))
        process = subprocess.Popen(
            [path, "-db", "-q", "-f", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)

        def ready() -> bool:
            try:
                Talk(self.ports["one"]).close()
            except OSError:
                return False
            return True

        wait_for("haproxy", ready, 20)

    def came(self, listener: str) -> bool:
        """Whether a client came to a listener through a proxy."""
        return any(
            f"client={HOST} proxy={HOST} listener={listener}" in line
            for line in self.house.log_text().splitlines()
            if " connect.decision " in line
        )

    def test_B4_12_haproxy(self) -> None:
        """HAProxy brings clients by both versions, for SMTP and for IMAP
        with TLS; where it is not listed nobody gets in."""
        self.haproxy()
        for name in ("one", "two"):
            talk = Talk(self.ports[name])
            self.assertTrue(talk.reply().startswith("220"), name)
            talk.ask("EHLO client.test")
            said = talk.send(ALICE, b"Subject: hello\r\n\r\nhello\r\n")
            self.assertTrue(said.startswith("250"), said)
            talk.close()
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with imaplib.IMAP4_SSL(
            HOST, self.ports["three"], ssl_context=context
        ) as client:
            client.login(ALICE, PASSWORD)
            self.assertEqual(client.select()[1], [b"2"])
            _, found = client.fetch("1", "(BODY[HEADER.FIELDS (RECEIVED)])")
            self.assertIn(b"[127.0.0.1]", found[0][1])
        talk = Talk(self.ports["four"])
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(talk.reply(), "")
        talk.close()
        wait_for("the log", lambda: "proxy.refused" in self.house.log_text())
        self.assertTrue(self.came("behind"))
        self.assertTrue(self.came("behinds"))

    def test_curl(self) -> None:
        """curl says the header itself; without it curl is closed."""
        mail = Path(self.house.folder, "mail")
        mail.write_bytes(b"Subject: hello\r\n\r\nhello\r\n")
        words = (
            "curl", "-s", f"smtp://{HOST}:{self.ports['smtp']}",
            "--mail-from", "a@outside.test", "--mail-rcpt", ALICE,
            "--upload-file", str(mail),
        )  # fmt: skip
        run(*words, "--haproxy-protocol")
        self.assertNotEqual(run(*words, check=False).returncode, 0)

    def test_swaks_xclient(self) -> None:
        """swaks tells who the client is; the log and Received name it."""
        done = run(
            "swaks", "--server", f"{HOST}:{self.house.ports['smtp']}",
            "--from", "a@outside.test", "--to", ALICE,
            "--xclient", "ADDR=192.0.2.77 NAME=c.test HELO=c.test",
        )  # fmt: skip
        self.assertIn("<-  220 ", done.stdout)
        self.assertIn("<-  250 2.0.0 OK", done.stdout)
        log = self.house.log_text()
        self.assertIn(f"client=192.0.2.77 proxy={HOST}", log)
        with imaplib.IMAP4(HOST, self.house.ports["imap"]) as client:
            client.login(ALICE, PASSWORD)
            client.select()
            _, found = client.fetch("1", "(BODY[HEADER.FIELDS (RECEIVED)])")
            self.assertIn(b"from c.test ([192.0.2.77])", found[0][1])
        talk = self.house.smtp()
        self.assertTrue(talk.ask(f"VRFY {ALICE}").startswith("250 "))
        self.assertTrue(talk.ask("VRFY no@example.test").startswith("550 "))
        talk.close()


class RecipientsTests(SynchronousTestCase):
    """SECURITY.md B13.3."""

    def test_B13_3_thousand_recipients(self) -> None:
        """Of a message for 1,001 the last is deferred with 452, and the
        1,000 get it."""
        house = Installed()
        self.addCleanup(house.close)
        house.start()
        house.account(ALICE, PASSWORD)
        talk = house.smtp()
        talk.ask("MAIL FROM:<a@outside.test>")
        for number in range(1000):
            said = talk.ask(f"RCPT TO:<alice+box{number}@example.test>")
            self.assertTrue(said.startswith("250 "), said)
        said = talk.ask("RCPT TO:<alice+more@example.test>")
        self.assertEqual(said, "452 4.5.3 Too many recipients\r\n")
        self.assertTrue(talk.ask("DATA").startswith("354"))
        self.assertTrue(talk.ask("Subject: x\r\n\r\nx\r\n.").startswith("250"))
        talk.close()
        wait_for(
            "the log",
            lambda: house.log_text().count(" delivery.stored ") == 1000,
        )


class SwaksSubmissionTests(SynchronousTestCase):
    """A user's program on 587 and 465."""

    def test_submission(self) -> None:
        """swaks sends over STARTTLS and over TLS from the start; what is
        missing is added, what is not to be seen is gone, and limits end
        it."""
        house = Installed(more="[sending]\nmessages_a_day = 2\n")
        house.text = house.text.replace(
            "[listeners.submissions]\nenabled = false\n",
            f"[listeners.submissions]\naddress = '{HOST}'\nport = "
            f"{free_ports(1)[0]}\n",
        )
        house.write()
        self.addCleanup(house.close)
        house.start()
        for address in (ALICE, BOB):
            house.account(address, PASSWORD)
        implicit = house.text.split("[listeners.submissions]")[1]
        port = implicit.split("port = ")[1].split("\n")[0]
        for server, tls in (
            (house.ports["submission"], "-tls"), (port, "-tlsc"),
        ):  # fmt: skip
            done = run(
                "swaks", "--server", f"{HOST}:{server}", tls,
                "--auth", "PLAIN", "--auth-user", ALICE,
                "--auth-password", PASSWORD, "--from", ALICE, "--to", BOB,
                "--data", f"From: {ALICE}\\nBcc: eve@x.test\\n\\nhello\\n",
            )  # fmt: skip
            self.assertIn("<~  250 2.0.0 OK", done.stdout)
        words = (
            "swaks", "--server", f"{HOST}:{port}", "-tlsc",
            "--auth", "PLAIN", "--auth-user", ALICE,
            "--auth-password", PASSWORD,
        )  # fmt: skip
        done = run(*words, "--from", BOB, "--to", BOB, check=False)
        self.assertIn("553 5.7.1", done.stdout)
        done = run(*words, "--from", ALICE, "--to", BOB, check=False)
        self.assertIn("450 4.7.1 Sending limit reached", done.stdout)
        self.assertIn("submission.limit_alert", house.log_text())
        with imaplib.IMAP4(HOST, house.ports["imap"]) as client:
            client.login(BOB, PASSWORD)
            self.assertEqual(client.select()[1], [b"2"])
            _, found = client.fetch("2", "(BODY[HEADER])")
            self.assertIn(b"\r\nDate: ", found[0][1])
            self.assertIn(b"\r\nMessage-ID: ", found[0][1])
            self.assertNotIn(b"Bcc", found[0][1])
