"""A policy in Python on a whole server, as an operator has it."""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.server import HOST, HOUSE, wait_for
from tests.support.twistd import Installed

POLICY = """\
from imailpy.policy.api import *

@on_mail("closed")
def closed(facts):
    'Refuse some.'
    if sender(facts) == "loop@outside.example":
        while True:
            pass
    if sender(facts) == "bug@outside.example":
        return sender(facts).nosuch
    if sender(facts) == "bad@outside.example":
        return reject("on the list", "Not you")
    return None

@on_connect("seen")
def seen(facts):
    return None
"""
TESTS = """\
import policy
from imailpy.policy.testing import expect, facts

def test_closed():
    said = policy.closed(facts.mail(sender="bad@outside.example"))
    expect(said, "reject")
"""


class PolicyTests(SynchronousTestCase):
    """Taken, asked, found wrong, changed."""

    def setUp(self) -> None:
        self.installed = Installed(
            more='[policy]\nfile = "policy.py"\n[log]\nlevel = "debug"\n'
        )
        self.folder = Path(self.installed.folder)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.write(POLICY)
        (self.folder / "policy_test.py").write_text(TESTS, encoding="utf-8")

    def write(self, text: str) -> None:
        new = self.folder / "new"
        new.write_text(text, encoding="utf-8")
        new.replace(self.folder / "policy.py")

    def start(self) -> subprocess.Popen[str]:
        process = self.installed.start()
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)
        return process

    def client(self) -> smtplib.SMTP:
        smtp = smtplib.SMTP(HOST, self.installed.ports["smtp"], timeout=20)
        self.addCleanup(smtp.close)
        smtp.ehlo("client.example")
        return smtp

    def mail(self, sender: str) -> tuple[int, bytes]:
        return self.client().mail(sender)

    def imailctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "imailpy.cli.main",
                "--config",
                self.installed.config,
                *words,
            ],
            cwd=HOUSE,
            env={**os.environ},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_a_day(self) -> None:
        """It decides, defers when it is at fault, and is taken anew."""
        self.start()
        other = self.client()
        self.assertEqual(self.mail("good@outside.example")[0], 250)
        self.assertEqual(
            self.mail("bad@outside.example"), (550, b"5.7.1 Not you")
        )
        self.assertEqual(self.mail("bug@outside.example")[0], 451)
        read = self.installed.log_text
        wait_for("the log", lambda: "policy.closed.failed" in read())
        log = read()
        self.assertIn("rule=policy.closed ", log)
        self.assertIn("entry=policy.py:3", log)
        self.assertIn("entry=policy.py:10", log)
        self.assertIn("AttributeError", log)

        # Asked beforehand, it says the same.
        why = self.imailctl(
            *("why", "--from", "bad@outside.example", "--ip", "192.0.2.1"),
            *("--to", "alice@example.test"),
        )
        self.assertIn("policy.closed", why.stdout)
        self.assertIn("policy.py:3", why.stdout)
        self.assertIn("550 5.7.1 Not you", why.stdout)
        shown = self.imailctl("policy", "show").stdout
        self.assertRegex(shown, "policy.closed +yes +policy.py:3 +Refuse")

        # Stuck: ended, deferred, switched off; everybody else goes on.
        began = time.monotonic()
        self.assertEqual(self.mail("loop@outside.example")[0], 451)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(other.noop()[0], 250)
        self.assertEqual(self.mail("good@outside.example")[0], 451)
        status = self.imailctl("status").stdout
        self.assertIn("policy.closed is off: it ran for over 0.25 s", status)
        functions = self.imailctl("policy", "functions").stdout
        self.assertIn("policy.py:3", functions)
        self.assertIn("policy.seen", functions)

        # Wrong: the one before stays, and everybody is told.
        self.write("def (\n")
        done = self.imailctl("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("policy.py:1: SyntaxError", done.stderr)
        self.assertIn("policy.py:1", self.imailctl("status").stdout)
        self.assertEqual(self.mail("bad@outside.example")[0], 451)
        self.write(POLICY.replace("bad@", "worse@"))
        done = self.imailctl("reload")
        self.assertIn("test_closed failed: it says nothing", done.stderr)

        # Mended: taken without anybody asking.
        self.write(POLICY.replace("Not you", "No"))
        wait_for(
            "the new policy",
            lambda: self.mail("bad@outside.example") == (550, b"5.7.1 No"),
            pause=0.3,
        )
        self.assertEqual(self.mail("good@outside.example")[0], 250)

    def test_no_start(self) -> None:
        """With a policy that is wrong nothing is opened: exit 78."""
        for text, told in (
            ("1 / 0\n", "policy.py:1: ZeroDivisionError"),
            ("x = 1\n", "AttributeError: module 'policy' has no"),
        ):
            self.write(text)
            code, output = self.installed.refused(
                "-n",
                "--pidfile=",
                "imailpy",
                "--config",
                self.installed.config,
            )
            self.assertEqual(code, 78, output)
            self.assertIn(told, output)

    def test_command(self) -> None:
        """`policy test` needs no server, and tells the same."""
        done = self.imailctl("policy", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("test_closed  passed  policy_test.py:4", done.stdout)
        why = self.imailctl(
            *("why", "--from", "bad@outside.example", "--ip", "192.0.2.1"),
            *("--to", "alice@example.test"),
        )
        self.assertIn("policy.py:3", why.stdout, why.stderr)
        self.write("x = 1\n")
        self.assertEqual(self.imailctl("status").returncode, 0)
        shown = self.imailctl("policy", "show")
        self.assertIn("policy_test.py:5", shown.stderr)
        done = self.imailctl("policy", "test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not taken: policy_test.py:5", done.stdout)
        other = self.folder / "other.py"
        other.write_text("import os\nos._exit(3)\n", encoding="utf-8")
        done = self.imailctl("policy", "test", str(other))
        self.assertEqual(done.returncode, 1)
        self.assertIn("it ended with exit code 3", done.stdout)
