"""
Run the README's demo command, and do what it tells: send and read.

In a fresh clone: the command makes an environment of its own there, with
nothing in it but what it installs itself.
"""

import contextlib
import imaplib
import os
import re
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from email.message import EmailMessage

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OFFSET = 22000


def main() -> int:
    """Give 0 when a mail went through the demo."""
    with open(os.path.join(HERE, "README.rst"), encoding="utf-8") as readme:
        found = re.search(
            r"^   (python3 -m venv .*--demo demo)$", readme.read(), re.M
        )
    if found is None:
        print("README.rst has no demo command")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        clone = os.path.join(folder, "clone")
        subprocess.run(["git", "clone", "-q", HERE, clone], check=True)
        command = found.group(1)
        command = command.replace(
            "--demo demo", f"--demo {folder}/demo --port-offset {OFFSET}"
        )
        command = command.replace(
            "twistd -n", f"twistd -n --pidfile {folder}/pid"
        )
        server = subprocess.Popen(
            ["bash", "-c", f"exec 2>&1; {command}"],
            cwd=clone,
            start_new_session=True,
        )
        try:
            return through(time.monotonic() + 300)
        finally:
            end(server)


def end(server: subprocess.Popen[bytes]) -> None:
    """End the shell and the server, and wait until both are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        for _ in range(300):
            os.killpg(server.pid, 0)
            time.sleep(0.1)


def through(deadline: float) -> int:
    """Send a mail to alice and read it back."""
    message = EmailMessage()
    message["From"] = "somebody@outside.test"
    message["To"] = "alice@example.test"
    message["Subject"] = "through the demo"
    message.set_content("hello\n")
    while True:
        try:
            with smtplib.SMTP("127.0.0.1", 25 + OFFSET, timeout=10) as smtp:
                smtp.send_message(message)
            break
        except OSError:
            if time.monotonic() > deadline:
                print("the demo did not come up")
                return 1
            time.sleep(0.2)
    with imaplib.IMAP4("127.0.0.1", 143 + OFFSET, timeout=10) as imap:
        imap.login("alice@example.test", "alice-demo-password")
        imap.select("INBOX")
        _, found = imap.search(None, "SUBJECT", '"through the demo"')
    if not found[0].split():
        print("the mail is not there")
        return 1
    print("a mail went through the demo")
    return 0


sys.exit(main())
