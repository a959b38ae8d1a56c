"""Users of a directory and tokens of an issuer, against a whole server."""

from __future__ import annotations

import atexit
import base64
import imaplib
import os
import poplib
import smtplib
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.issuer import AUDIENCE, Issuer, IssuerSite
from tests.support.server import HOST, run
from tests.support.slapd import (
    BASE,
    SERVICE,
    SERVICE_PASSWORD,
    Slapd,
    person,
)
from tests.support.twistd import Installed
from tests.whole.test_python_clients import message

ANN = "ann@example.test"
CARL = "carl@example.test"
CARLS = "carl has a secret"


class _Site:
    """A server that knows an issuer and, where there is slapd, LDAP."""

    def __init__(self, ldap: bool) -> None:
        self.issuer = Issuer()
        self.site = IssuerSite(self.issuer)
        more = f"""
[oidc]
issuer = "{self.site.url}"
audiences = ["{AUDIENCE}"]
scopes = ["mail"]
"""
        self.slapd: Slapd | None = None
        if ldap:
            self.slapd = Slapd(
                person("carl", CARLS, CARL),
                person("dora", "dora has a secret", "dora@example.test"),
            ).start()
            secret = os.path.join(self.slapd.folder, "secret")
            Path(secret).write_text(SERVICE_PASSWORD + "\n")
            os.chmod(secret, 0o600)
            more += f"""
[ldap]
urls = ["ldap://{HOST}:9", "ldaps://{HOST}:{self.slapd.tls_port}"]
bind_dn = "{SERVICE}"
bind_password_file = "{secret}"
base = "{BASE}"
timeout_s = 2
"""
        self.installed = Installed(more=more)
        if self.slapd is not None:
            text = self.installed.text.replace(
                "[listeners.smtp]",
                f'[tls]\ntrust_file = "{self.slapd.certificate}"\n'
                "[listeners.smtp]",
                1,
            )
            self.installed.text = text
            self.installed.write()
        self.installed.account(ANN, "ann has a password")
        self.installed.start()
        self.site.__enter__()

    def token(self, **more: object) -> str:
        return self.issuer.token(**{"email": ANN, **more}).decode()

    def close(self) -> None:
        self.installed.close()
        self.site.close()
        if self.slapd is not None:
            self.slapd.close()


@cache
def shared(ldap: bool) -> _Site:
    """One for all tests; ends with the run."""
    site = _Site(ldap)
    atexit.register(site.close)
    return site


def bearer(token: str, name: str = ANN) -> bytes:
    return f"n,a={name},\x01auth=Bearer {token}\x01\x01".encode()


def google(token: str, name: str = ANN) -> bytes:
    return f"user={name}\x01auth=Bearer {token}\x01\x01".encode()


class TokenTests(SynchronousTestCase):
    """Clients with tokens."""

    def setUp(self) -> None:
        self.site = shared(False)
        self.ports = self.site.installed.ports

    def imap(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4(HOST, self.ports["imap"], timeout=20)
        self.addCleanup(client.shutdown)
        return client

    def test_imaplib(self) -> None:
        """Python's client signs in to IMAP with either mechanism."""
        for mechanism, spell in (("OAUTHBEARER", bearer), ("XOAUTH2", google)):
            client = self.imap()
            self.assertIn(f"AUTH={mechanism}", client.capabilities)
            client.authenticate(
                mechanism, lambda _, s=spell: s(self.site.token())
            )
            self.assertEqual(client.select("INBOX")[0], "OK")

    def test_long_token(self) -> None:
        """Tokens may be long: issuers write much into them."""
        token = self.site.token(groups=["x" * 60] * 60)
        self.assertGreater(len(token), 4096)
        client = self.imap()
        client.authenticate("OAUTHBEARER", lambda _: bearer(token))
        with smtplib.SMTP(HOST, self.ports["submission"], timeout=20) as smtp:
            smtp.ehlo()
            encoded = base64.b64encode(bearer(token)).decode()
            code, _ = smtp.docmd("AUTH", "OAUTHBEARER " + encoded)
            self.assertEqual(code, 235)

    def test_B9_7_refused(self) -> None:
        """A wrong token gets the standard's challenge, and after the dummy
        a refusal that says nothing; the log says it all."""
        for mechanism, spell in (("OAUTHBEARER", bearer), ("XOAUTH2", google)):
            heard: list[bytes] = []
            token = self.site.token(aud="somebody else")

            def say(challenge: bytes, t=token, s=spell, h=heard) -> bytes:
                h.append(challenge)
                return s(t) if len(h) == 1 else b"\x01"

            client = self.imap()
            with self.assertRaises(imaplib.IMAP4.error) as caught:
                client.authenticate(mechanism, say)
            self.assertEqual(len(heard), 2)
            self.assertIn(b'"status"', heard[1])
            self.assertNotIn(b"aud", heard[1])
            self.assertIn("AUTHENTICATIONFAILED", str(caught.exception))
            self.assertNotIn("audience", str(caught.exception))
        log = self.site.installed.log_text()
        self.assertIn("for another audience", log)
        self.assertNotIn(token, log)

    def test_none(self) -> None:
        """A token that nobody signed lets nobody in, over SMTP either."""
        token = self.site.issuer.unsigned(kid="key RSA").decode()
        with smtplib.SMTP(HOST, self.ports["submission"], timeout=20) as smtp:
            smtp.ehlo()
            encoded = base64.b64encode(google(token)).decode()
            code, said = smtp.docmd("AUTH", "XOAUTH2 " + encoded)
            self.assertEqual(code, 334)
            self.assertIn(b"401", base64.b64decode(said))
            self.assertEqual(smtp.docmd("")[0], 535)

    def test_pop3(self) -> None:
        """POP3 takes tokens, too."""
        client = poplib.POP3(HOST, self.ports["pop3"], timeout=20)
        self.addCleanup(client.close)
        self.assertIn("OAUTHBEARER", client.capa()["SASL"])
        client._putcmd("AUTH OAUTHBEARER")
        self.assertEqual(client._getline()[0][:1], b"+")
        encoded = base64.b64encode(bearer(self.site.token())).decode()
        client._putcmd(encoded)
        self.assertTrue(client._getresp().startswith(b"+OK"))

    def test_curl(self) -> None:
        """curl reads and sends mail with --oauth2-bearer."""
        token = self.site.token()
        folder = self.mktemp()
        os.makedirs(folder)
        mail = Path(folder, "mail")
        mail.write_text(f"From: {ANN}\nTo: {ANN}\nSubject: by curl\n\nx\n")
        run(
            "curl",
            "-sS",
            "--crlf",
            f"smtp://{HOST}:{self.ports['submission']}/client.test",
            "--user",
            ANN,
            "--oauth2-bearer",
            token,
            "--mail-from",
            ANN,
            "--mail-rcpt",
            ANN,
            "--upload-file",
            str(mail),
        )
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            done = run(
                "curl",
                "-sS",
                f"imap://{HOST}:{self.ports['imap']}/INBOX",
                "--request",
                'SEARCH SUBJECT "by curl"',
                "--user",
                ANN,
                "--login-options",
                f"AUTH={mechanism}",
                "--oauth2-bearer",
                token,
            )
            self.assertIn("SEARCH 1", done.stdout)

    def test_imailctl(self) -> None:
        """imailctl tells step by step what a token would come to."""
        done = self.site.installed.imailctl(
            "login", "test", ANN, "--token", "-", text=self.site.token()
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("result   accepted", done.stdout)
        token = self.site.token(scope="openid")
        done = self.site.installed.imailctl(
            "login", "test", ANN, "--token", "-", text=token
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("without the scope mail", done.stdout)
        self.assertNotIn(token, done.stdout + done.stderr)


class LdapTests(SynchronousTestCase):
    """Clients of users whom LDAP knows."""

    def setUp(self) -> None:
        self.site = shared(True)
        self.installed = self.site.installed

    def test_whole_life(self) -> None:
        """Mail comes for a user who was never here, she reads it, and while
        the directory is down nobody is told that her password is wrong."""
        ports = self.installed.ports
        with smtplib.SMTP(HOST, ports["smtp"], timeout=20) as smtp:
            smtp.send_message(message("first mail", to="dora@example.test"))
            code, _ = smtp.mail("a@b.test")
            code, _ = smtp.rcpt("nobody@example.test")
            self.assertEqual(code, 550)
        client = imaplib.IMAP4(HOST, ports["imap"], timeout=20)
        client.login("dora@example.test", "dora has a secret")
        client.select("INBOX")
        _, data = client.search(None, "SUBJECT", '"first mail"')
        self.assertEqual(data, [b"1"])
        client.logout()
        with smtplib.SMTP(HOST, ports["submission"], timeout=20) as smtp:
            smtp.login(CARL, CARLS)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as wrong:
                smtp2 = smtplib.SMTP(HOST, ports["submission"], timeout=20)
                self.addCleanup(smtp2.close)
                smtp2.login("nobody@example.test", CARLS)
            self.assertEqual(wrong.exception.smtp_code, 535)
        slapd = self.site.slapd
        if slapd is None:
            raise AssertionError("no slapd")
        slapd.stop()
        try:
            with self.assertRaises(smtplib.SMTPAuthenticationError) as down:
                smtp3 = smtplib.SMTP(HOST, ports["submission"], timeout=20)
                self.addCleanup(smtp3.close)
                smtp3.login(CARL, "is this it?")
            self.assertEqual(down.exception.smtp_code, 454)
            with smtplib.SMTP(HOST, ports["smtp"], timeout=20) as smtp:
                smtp.ehlo()
                smtp.mail("a@b.test")
                code, _ = smtp.rcpt("somebody@example.test")
                self.assertEqual(code, 451)
        finally:
            slapd.start()

    def test_imailctl(self) -> None:
        """imailctl tells step by step what a password would come to."""
        done = self.installed.imailctl(
            "login", "test", CARL, "--password-stdin", text=CARLS + "\n"
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"found uid=carl,{BASE}", done.stdout)
        self.assertIn("result   accepted", done.stdout)
        done = self.installed.imailctl(
            "login",
            "test",
            "*@example.test",
            "--password-stdin",
            "--json",
            text="guessed\n",
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn('"not found"', done.stdout)
        self.assertNotIn("guessed", done.stdout + done.stderr)

    def test_complaints(self) -> None:
        """A directory that cannot work is told before the start."""
        text = self.installed.text.replace("base = ", "# base = ")
        text = text.replace("(mail={login})", "(uid={user)")
        self.installed.write(text)
        try:
            done = self.installed.imailctl("config", "check")
        finally:
            self.installed.write()
        self.assertEqual(done.returncode, 78)
        self.assertIn('"base" is missing', done.stdout + done.stderr)
