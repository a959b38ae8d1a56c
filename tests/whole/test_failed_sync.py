"""D4: the disk of a real process fails; strace is the disk's bad day."""

from __future__ import annotations

import imaplib
import re
import signal
import subprocess
from collections import Counter

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.server import HOST, program
from tests.support.twistd import Installed

ALICE = "alice@example.test"
PASSWORD = "alice-is-not-her-password"


def mail(name: str, size_octets: int = 300) -> bytes:
    """A small mail."""
    head = f"From: a@outside.test\r\nSubject: {name}\r\n\r\n".encode()
    return head + b"x" * size_octets + b"\r\n"


class FailedSyncTests(SynchronousTestCase):
    """One server, some acknowledged mail, then system calls that fail."""

    def setUp(self) -> None:
        program("strace")
        self.there = Installed()
        self.addCleanup(self.there.close)
        self.process = self.there.start()
        self.there.account(ALICE, PASSWORD)
        self.talk = self.there.smtp()
        self.addCleanup(self.talk.close)
        self.acknowledged: list[str] = []
        for number in range(3):
            self.send(f"early{number}")
        self.assertEqual(len(self.acknowledged), 3)

    def send(self, name: str, size_octets: int = 300) -> str:
        """Send a mail, and remember whether it was acknowledged."""
        try:
            said = self.talk.send(ALICE, mail(name, size_octets))
        except OSError:
            return ""
        if said.startswith("250"):
            self.acknowledged.append(name)
        return said

    def inject(self, what: str) -> subprocess.Popen[str]:
        """Have system calls of every thread fail from now on."""
        calls = what.partition(":")[0]
        tracer = subprocess.Popen(
            [
                program("strace"),
                "-f",
                "-p",
                str(self.process.pid),
                "-e",
                f"trace={calls}",
                "-e",
                f"inject={what}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.end, tracer)
        line = tracer.stderr.readline()
        if "attached" not in line:
            raise SkipTest(f"strace: {line}")
        return tracer

    def end(self, tracer: subprocess.Popen[str]) -> None:
        """Let the system calls work again."""
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)

    def recovered(self, *maybe: str) -> None:
        """After a restart all is there that was acknowledged, once."""
        self.there.start()
        with imaplib.IMAP4(
            HOST, self.there.ports["imap"], timeout=20
        ) as client:
            client.login(ALICE, PASSWORD)
            client.select("INBOX")
            _, data = client.fetch("1:*", "(BODY.PEEK[])")
            text = b"".join(p[1] for p in data if isinstance(p, tuple))
        found = Counter(re.findall(r"Subject: (\S+)", text.decode()))
        self.assertEqual(set(found.values()), {1})
        self.assertLessEqual(set(self.acknowledged), set(found))
        self.assertLessEqual(set(found), {*self.acknowledged, *maybe})
        audit = self.there.imailctl("audit", "--json")
        self.assertEqual(audit.returncode, 0, audit.stdout)

    def test_D4_sync_fails(self) -> None:
        """No 250 behind a failed sync; the process ends with 75."""
        self.inject("fdatasync,fsync:error=EIO")
        said = self.send("late", 100_000)
        self.assertRegex(said, "^(4|$)")
        self.assertEqual(self.process.wait(20), 75)
        self.assertNotIn("late", self.acknowledged)
        self.recovered("late")

    def test_D4_small_mail(self) -> None:
        """The same for a body that lies in the database."""
        self.inject("fdatasync,fsync:error=EIO")
        self.assertRegex(self.send("late"), "^(4|$)")
        self.assertEqual(self.process.wait(20), 75)
        self.recovered("late")

    def test_D4_append(self) -> None:
        """An APPEND behind a failed sync gets no OK."""
        client = imaplib.IMAP4(HOST, self.there.ports["imap"], timeout=20)
        client.login(ALICE, PASSWORD)
        self.inject("fdatasync,fsync:error=EIO")
        try:
            kind, _ = client.append("INBOX", "", None, mail("late"))
        except (imaplib.IMAP4.error, OSError):
            kind = "gone"
        self.assertIn(kind, ("NO", "gone"))
        self.assertEqual(self.process.wait(20), 75)
        client.shutdown()
        self.recovered("late")

    def test_D4_write_finds_no_room(self) -> None:
        """A write without room is answered 452, and the server goes on."""
        tracer = self.inject("pwrite64:error=ENOSPC")
        said = self.send("late")
        self.assertRegex(said, "^452[ -]4.3.1")
        self.end(tracer)
        self.assertRegex(self.send("again"), "^250")
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(30), 0)
        self.recovered()
