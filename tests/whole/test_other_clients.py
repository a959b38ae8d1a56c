"""Clients that people use, against a whole server."""

from __future__ import annotations

import imaplib
import os
import smtplib
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import ALICE, BOB, HOST, program, run, shared_server
from tests.whole.test_python_clients import message

RC_MODE = 0o600


class ClientTests(SynchronousTestCase):
    """One server, many clients."""

    def setUp(self) -> None:
        self.server = shared_server()
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.folder = os.path.abspath(self.folder)

    def file(self, name: str, text: str) -> str:
        path = os.path.join(self.folder, name)
        Path(path).write_text(text, encoding="utf-8")
        os.chmod(path, RC_MODE)
        return path

    def receive(self, subject: str, to: str) -> None:
        with smtplib.SMTP(HOST, self.server.port(25), timeout=20) as smtp:
            smtp.send_message(message(subject, to=to))

    def count(self, who: tuple[str, str], subject: str) -> int:
        client = imaplib.IMAP4(HOST, self.server.port(143), timeout=20)
        client.login(*who)
        client.select("INBOX")
        _, data = client.search(None, "SUBJECT", f'"{subject}"')
        client.logout()
        return len(data[0].split())

    # SMTP

    def test_swaks_mechanisms(self) -> None:
        """swaks submits with PLAIN and LOGIN, by STARTTLS and by TLS."""
        program("swaks")
        for mechanism in ("PLAIN", "LOGIN"):
            for name, port, tls in (
                ("starttls", 587, "--tls"),
                ("implicit", 465, "--tls-on-connect"),
            ):
                subject = f"swaks {mechanism} {name}"
                run(
                    "swaks",
                    "--server",
                    f"{HOST}:{self.server.port(port)}",
                    tls,
                    "--auth",
                    mechanism,
                    "--auth-user",
                    ALICE[0],
                    "--auth-password",
                    ALICE[1],
                    "--from",
                    ALICE[0],
                    "--to",
                    BOB[0],
                    "--header",
                    f"Subject: {subject}",
                )
                self.assertEqual(self.count(BOB, subject), 1, subject)

    def test_swaks_relay_refused(self) -> None:
        """swaks without a login cannot relay, nor with a wrong one."""
        program("swaks")
        base = (
            "swaks",
            "--server",
            f"{HOST}:{self.server.port(25)}",
            "--from",
            "a@outside.test",
            "--to",
            "b@elsewhere.test",
        )
        refused = run(*base, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("550 5.7.1", refused.stdout)

    def test_msmtp_scram(self) -> None:
        """msmtp submits with SCRAM-SHA-256; it knows no channel binding."""
        program("msmtp")
        for mechanism in ("scram-sha-256",):
            subject = f"msmtp {mechanism}"
            rc = self.file(
                "msmtprc",
                f"""account default
host {HOST}
port {self.server.port(465)}
tls on
tls_starttls off
tls_certcheck off
auth {mechanism}
user {ALICE[0]}
password {ALICE[1]}
from {ALICE[0]}
""",
            )
            run(
                "msmtp",
                "-C",
                rc,
                BOB[0],
                text=f"From: {ALICE[0]}\nTo: {BOB[0]}\n"
                f"Subject: {subject}\n\nhello\n",
            )
            self.assertEqual(self.count(BOB, subject), 1, subject)

    def test_gsasl_scram(self) -> None:
        """gsasl signs in by IMAP and SMTP with SCRAM and SCRAM-PLUS."""
        for service, port in (("--imap", 143), ("--smtp", 587)):
            # Without --no-cb it would say that it could bind the channel
            # and takes us for one who cannot: an attack [RFC5802 6].
            for words in (
                ("SCRAM-SHA-256", "--no-cb"),
                ("SCRAM-SHA-256-PLUS",),
            ):
                done = self.gsasl(service, port, *words)
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertIn("server trusted", done.stdout)

    def test_gsasl_sees_a_downgrade(self) -> None:
        """Who can bind the channel and does not is not let in."""
        for service, port in (("--imap", 143), ("--smtp", 587)):
            done = self.gsasl(service, port, "SCRAM-SHA-256")
            self.assertNotIn("server trusted", done.stdout)

    def gsasl(self, service: str, port: int, mechanism: str, *more: str):
        return run(
            "gsasl",
            service,
            "--connect",
            f"{HOST}:{self.server.port(port)}",
            "--x509-ca-file",
            self.server.certificate,
            "-m",
            mechanism,
            "-a",
            ALICE[0],
            "-p",
            ALICE[1],
            "--hostname",
            "localhost",
            "--verbose",
            *more,
            text="",
            check=False,
        )

    def test_curl(self) -> None:
        """curl sends by SMTP, lists and fetches by IMAP and POP3."""
        program("curl")
        mail = self.file("mail", "Subject: by curl\r\n\r\nhello curl\r\n")
        run(
            "curl",
            "-sS",
            f"smtp://{HOST}:{self.server.port(25)}/client.test",
            "--mail-from",
            "a@outside.test",
            "--mail-rcpt",
            BOB[0],
            "-T",
            mail,
        )
        user = f"{BOB[0]}:{BOB[1]}"
        imap = f"imap://{HOST}:{self.server.port(143)}/INBOX"
        listed = run("curl", "-sS", "-u", user, f"{imap}?SUBJECT%20curl")
        number = listed.stdout.split()[-1]
        got = run("curl", "-sS", "-u", user, f"{imap};MAILINDEX={number}")
        self.assertIn("hello curl", got.stdout)
        pop = f"pop3://{HOST}:{self.server.port(110)}/"
        listed = run("curl", "-sS", "-u", user, pop)
        last = listed.stdout.strip().splitlines()[-1].split()[0]
        got = run("curl", "-sS", "-u", user, f"{pop}{last}")
        self.assertIn("Subject:", got.stdout)

    # Reading

    def test_mbsync_both_ways(self) -> None:
        """mbsync syncs both ways, and a second run changes nothing."""
        program("mbsync")
        self.receive("for mbsync", ALICE[0])
        maildir = os.path.join(self.folder, "mail")
        os.makedirs(maildir)
        rc = self.file(
            "mbsyncrc",
            f"""IMAPAccount a
Host {HOST}
Port {self.server.port(143)}
User {ALICE[0]}
Pass {ALICE[1]}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""",
        )
        run("mbsync", "-c", rc, "-a")
        new = os.listdir(os.path.join(maildir, "INBOX", "new"))
        self.assertTrue(new)
        cur = os.path.join(maildir, "INBOX", "cur")
        Path(cur, "1.local:2,S").write_text(
            "Subject: made locally\n\nhello\n", encoding="utf-8"
        )
        run("mbsync", "-c", rc, "-a")
        self.assertEqual(self.count(ALICE, "made locally"), 1)
        self.flags_both_ways(rc, cur)
        before = self.listing(maildir), self.flags()
        for _ in range(2):
            run("mbsync", "-c", rc, "-a")
            self.assertEqual((self.listing(maildir), self.flags()), before)

    def flags_both_ways(self, rc: str, cur: str) -> None:
        """A flag set here comes there, and one set there comes here."""
        client = imaplib.IMAP4(HOST, self.server.port(143), timeout=20)
        client.login(*ALICE)
        client.select("INBOX")
        _, data = client.search(None, 'SUBJECT "made locally"')
        number = data[0].split()[0].decode()
        client.store(number, "+FLAGS", "(\\Flagged)")
        run("mbsync", "-c", rc, "-a")
        [name] = [
            name
            for name in os.listdir(cur)
            if "made locally" in Path(cur, name).read_text(errors="replace")
        ]
        self.assertTrue(name.endswith(":2,FS"), name)
        answered = name.replace(":2,FS", ":2,FRS")
        os.rename(os.path.join(cur, name), os.path.join(cur, answered))
        run("mbsync", "-c", rc, "-a")
        client.noop()
        _, data = client.fetch(number, "(FLAGS)")
        client.logout()
        self.assertIn(rb"\Answered", data[-1])
        self.assertIn(rb"\Flagged", data[-1])

    def flags(self) -> list[bytes]:
        """UIDs and flags of everything in INBOX."""
        client = imaplib.IMAP4(HOST, self.server.port(143), timeout=20)
        client.login(*ALICE)
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1:*", "(UID FLAGS)")
        client.logout()
        return [line.replace(rb" \Recent", b"") for line in data]

    def listing(self, folder: str) -> list[str]:
        return sorted(
            os.path.join(where, name)
            for where, _, names in os.walk(folder)
            for name in names
            if not name.startswith(".")
        )

    def test_fetchmail(self) -> None:
        """fetchmail gets mail by IMAP and by POP3."""
        program("fetchmail")
        for protocol, port in (("imap", 143), ("pop3", 110)):
            self.receive(f"for fetchmail {protocol}", BOB[0])
            box = os.path.join(self.folder, f"box-{protocol}")
            script = self.file(f"mda-{protocol}", f"#!/bin/sh\ncat >> {box}\n")
            os.chmod(script, 0o700)
            rc = self.file(
                f"rc-{protocol}",
                f"poll {HOST} protocol {protocol} port "
                f'{self.server.port(port)} user "{BOB[0]}" '
                f'password "{BOB[1]}" sslproto "" keep fetchall '
                f'mda "{script}"\n',
            )
            home = {**os.environ, "FETCHMAILHOME": self.folder}
            run("fetchmail", "-f", rc, "-v", env=home, check=False)
            got = Path(box).read_text(encoding="utf-8", errors="replace")
            self.assertIn(f"for fetchmail {protocol}", got)

    def test_mpop(self) -> None:
        """mpop gets mail by POP3 over TLS."""
        program("mpop")
        self.receive("for mpop", BOB[0])
        box = os.path.join(self.folder, "mpop-box")
        rc = self.file(
            "mpoprc",
            f"""account default
host {HOST}
port {self.server.port(995)}
tls on
tls_starttls off
tls_certcheck off
user {BOB[0]}
password {BOB[1]}
delivery mbox {box}
keep on
uidls_file {self.folder}/uidls
received_header off
""",
        )
        run("mpop", "-C", rc)
        got = Path(box).read_text(encoding="utf-8", errors="replace")
        self.assertIn("for mpop", got)

    def test_neomutt(self) -> None:
        """neomutt reads a mailbox and copies a mail, without a person."""
        program("neomutt")
        program("script")
        url = f"imap://{HOST}:{self.server.port(143)}/"
        self.receive("for neomutt", ALICE[0])
        rc = self.file(
            "muttrc",
            f"""set imap_user="{ALICE[0]}"
set imap_pass="{ALICE[1]}"
set ssl_starttls=no
set ssl_force_tls=no
set folder="{url}"
set spoolfile="+INBOX"
set confirmappend=no
set confirmcreate=no
set delete=yes
set quit=yes
set wait_key=no
push "<limit>~s neomutt<enter><copy-message>+Archive<enter><quit>"
""",
        )
        with tempfile.TemporaryDirectory() as home:
            # It wants a terminal.
            run(
                "script",
                "-qec",
                f"neomutt -n -F {rc} -f {url}INBOX",
                "/dev/null",
                env={**os.environ, "HOME": home, "TERM": "xterm"},
                text="",
                check=False,
            )
        client = imaplib.IMAP4(HOST, self.server.port(143), timeout=20)
        client.login(*ALICE)
        client.select("Archive")
        _, data = client.search(None, "SUBJECT", '"for neomutt"')
        client.logout()
        self.assertEqual(len(data[0].split()), 1)
