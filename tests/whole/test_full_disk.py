"""D6: a disk that is full, and has room again."""

from __future__ import annotations

import imaplib
import os
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.server import HOST, wait_for
from tests.support.twistd import Installed, Talk

ALICE = "alice@example.test"
PASSWORD = "alice-is-not-her-password"
MIB = 1 << 20
LINE = b"x" * 998 + b"\r\n"


def mail(name: str, size_octets: int = MIB) -> bytes:
    """A mail of about so many octets."""
    head = f"From: a@outside.test\r\nSubject: {name}\r\n\r\n".encode()
    return head + LINE * (size_octets // len(LINE))


class FullDiskTests(SynchronousTestCase):
    """A data directory of 64 MB, a guard of 4 MB, a reserve of 2 MB."""

    def setUp(self) -> None:
        if os.getuid():
            raise SkipTest("only root may mount a file system")
        self.there = Installed()
        self.addCleanup(self.there.close)
        os.rmdir(self.there.data)
        os.mkdir(self.there.data)
        done = subprocess.run(
            [
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "size=64m,mode=700",
                "none",
                self.there.data,
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SkipTest(f"mount: {done.stderr}")
        self.addCleanup(
            subprocess.run, ["umount", "--lazy", self.there.data], check=True
        )
        self.process = self.there.start()
        self.there.account(ALICE, PASSWORD)

    def free(self) -> int:
        """What is left."""
        return shutil.disk_usage(self.there.data).free

    def fill(self, talk: Talk, size_octets: int) -> list[str]:
        """Send until it is refused; give what was acknowledged."""
        accepted: list[str] = []
        while len(accepted) < 5000:
            name = f"{size_octets}-{len(accepted)}"
            said = talk.send(ALICE, mail(name, size_octets))
            if not said.startswith("250"):
                self.assertRegex(said, "^452[ -]4.3.1 ")
                return accepted
            accepted.append(name)
        raise AssertionError("it is never full")

    def box(self) -> imaplib.IMAP4:
        """Alice's INBOX."""
        client = imaplib.IMAP4(HOST, self.there.ports["imap"], timeout=30)
        client.login(ALICE, PASSWORD)
        client.select("INBOX")
        return client

    def subjects(self, client: imaplib.IMAP4) -> set[str]:
        """What can be read, whole."""
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
        bodies = [part[1] for part in data if isinstance(part, tuple)]
        found = set()
        for body in bodies:
            name = body.partition(b"Subject: ")[2].partition(b"\r\n")[0]
            size_octets = int(name.partition(b"-")[0])
            wanted = mail(name.decode(), size_octets)
            self.assertTrue(body.endswith(wanted), name)
            found.add(name.decode())
        return found

    def test_D6_full_and_free_again(self) -> None:
        """452 before the guard, nothing lost, EXPUNGE makes room."""
        talk = self.there.smtp()
        accepted = self.fill(talk, MIB)
        accepted += self.fill(talk, 20_000)
        self.assertGreater(len(accepted), 20)
        self.assertGreaterEqual(self.free(), 3 * MIB)
        # What is no mail takes the rest.
        with open(f"{self.there.data}/ballast", "wb") as ballast:
            while self.free():
                ballast.write(bytes(min(self.free(), MIB)))
                ballast.flush()
        said = talk.send(ALICE, mail("100-refused", 100))
        self.assertRegex(said, "^452[ -]4.3.1 ")
        client = self.box()
        self.assertEqual(self.subjects(client), set(accepted))
        appended = client.append("INBOX", "", None, mail("1-no", MIB))
        self.assertEqual(appended[0], "NO")
        self.assertEqual(client.store("1:10", "+FLAGS", "\\Deleted")[0], "OK")
        self.assertEqual(client.expunge()[0], "OK")
        left = self.subjects(client)
        self.assertEqual(len(left), len(accepted) - 10)
        # Without the ballast gone, and with all periods as they are.
        self.empty(client, talk)
        self.assertIsNone(self.process.poll())

    def roomy(self) -> bool:
        """Whether more than the guard is free, ballast and all."""
        return self.free() > 30 * MIB

    def empty(self, client: imaplib.IMAP4, talk: Talk) -> None:
        """EXPUNGE the rest; mail is taken again, by the same process."""
        client.store("1:*", "+FLAGS", "\\Deleted")
        self.assertEqual(client.expunge()[0], "OK")
        wait_for("room again", self.roomy, 60, 0.5)
        said = talk.send(ALICE, mail("5000-again", 5000))
        self.assertIn("250", said)
        client.noop()
        self.assertEqual(self.subjects(client), {"5000-again"})
        audit = self.there.imailctl("audit", "--json")
        self.assertEqual(audit.returncode, 0, audit.stdout)
        talk.close()
        client.logout()
