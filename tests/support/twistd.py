"""twistd as an operator starts it, with a configuration file of its own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from imailpy.tls import selfsigned
from imailpy.world.real import RealWorld
from tests.support.server import HOST, HOUSE, TWISTD, wait_for

CONFIGURATION = """\
[server]
host_name = "mail.example.test"
[storage]
directory = "{folder}/data"
min_free_mb = {min_free_mb}
min_free_percent = 0
reserve_mb = 2
[[tls.certificates]]
certificate = "{folder}/tls/self-signed.crt"
key = "{folder}/tls/self-signed.key"
[listeners.smtp]
address = "{address}"
port = {smtp}
[listeners.submission]
address = "{address}"
port = {submission}
plaintext_auth = true
[listeners.submissions]
enabled = false
[listeners.imaps]
address = "{address}"
port = {imaps}
[listeners.imap]
enabled = true
address = "{address}"
port = {imap}
plaintext_auth = true
[listeners.pop3]
enabled = true
address = "{address}"
port = {pop3}
plaintext_auth = true
[limits]
per_address = 0
per_network = 0
[login]
failure_delay_s = 0
failure_windows = false
scram = true
[submission]
check_domains = false
[metrics]
port = {metrics}
[delivery]
catch_outside_in = "alice@example.test"
"""
NAMES = ("smtp", "submission", "imaps", "imap", "pop3", "metrics")


def free_ports(count: int) -> list[int]:
    """
    Ports that nobody listens on, and that no client is given by chance:
    below those that the system draws from.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(range(10_000, 30_000), 2000):
        with socket.socket() as stream:
            try:
                stream.bind(("", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


class Installed:
    """
    A folder with configuration, certificate and data.

    Args:
        address: To listen on.
        more: Lines behind the configuration.
    """

    def __init__(
        self, address: str = HOST, more: str = "", min_free_mb: int = 4
    ) -> None:
        self.folder = tempfile.mkdtemp(prefix="imailpy-test-")
        # Who else enters gets no further than to what is his.
        os.chmod(self.folder, 0o755)
        self.ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        self.config = f"{self.folder}/imailpy.toml"
        self.data = f"{self.folder}/data"
        self.text = (
            CONFIGURATION.format(
                folder=self.folder,
                address=address,
                min_free_mb=min_free_mb,
                **self.ports,
            )
            + more
        )
        os.mkdir(self.data, 0o700)
        self.new_certificate()
        self.write()
        self.processes: list[subprocess.Popen[str]] = []

    def write(self, text: str | None = None) -> None:
        """Write the configuration, or another one."""
        Path(self.config).write_text(text or self.text, encoding="utf-8")

    def new_certificate(self, name: str = "mail.example.test") -> None:
        """Make a certificate instead of the one that is there."""
        shutil.rmtree(f"{self.folder}/tls", ignore_errors=True)
        selfsigned.ensure(
            RealWorld(None), f"{self.folder}/tls", [name], [HOST]
        )

    def give_to(self, user: int, group: int) -> None:
        """Have everything belong to a user."""
        for path, names, files in os.walk(self.folder):
            for name in (".", *names, *files):
                os.chown(os.path.join(path, name), user, group)

    def run(
        self, *twistd: str, prefix: tuple[str, ...] = (), **more
    ) -> subprocess.Popen[str]:
        """Start `twistd` with these words; give the process."""
        words = [*prefix, sys.executable, "-c", TWISTD, *twistd]
        environment = {**os.environ, "PYTHONPATH": str(HOUSE), **more}
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.processes.append(process)
        return process

    def start(self, *words: str, prefix: tuple[str, ...] = ()):
        """Start in the foreground, and wait for the greeting."""
        log = ("--logfile", f"{self.folder}/log")
        process = self.run(
            "-n",
            "--pidfile=",
            *log,
            *(words or ("imailpy", "--config", self.config)),
            prefix=prefix,
        )
        self.wait_ready(process)
        return process

    def refused(self, *words: str, prefix: tuple[str, ...] = ()):
        """Start something that will not start; give (exit code, output)."""
        process = self.run(*words, prefix=prefix)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def wait_ready(self, process=None, host: str = HOST) -> None:
        """Wait for 220."""

        def ready() -> bool:
            if process is not None and process.poll() is not None:
                said = process.stdout.read() + self.log_text()
                raise AssertionError(f"it ended: {said[-3000:]}")
            try:
                with socket.create_connection(
                    (host, self.ports["smtp"]), 5
                ) as stream:
                    return stream.recv(3) == b"220"
            except OSError:
                return False

        wait_for("the greeting", ready, 40)

    def log_text(self) -> str:
        """What it logged."""
        path = Path(self.folder, "log")
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def imailctl(self, *words: str, text: str | None = None):
        """Run imailctl on it."""
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "imailpy.cli.main",
                "--config",
                self.config,
                *words,
            ],
            cwd=HOUSE,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def account(self, address: str, password: str) -> None:
        """Make an account, and its domain."""
        self.imailctl("domain", "add", address.partition("@")[2])
        made = self.imailctl(
            "account",
            "add",
            address,
            "--password-stdin",
            "--scram",
            text=password + "\n",
        )
        if made.returncode:
            raise AssertionError(made.stderr)

    def smtp(self) -> Talk:
        """A connection to the SMTP listener, greeted."""
        talk = Talk(self.ports["smtp"])
        talk.reply()
        talk.ask("EHLO client.test")
        return talk

    def close(self) -> None:
        """End what was started, and remove the folder."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(60)
            process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Talk:
    """A client that says lines and reads replies."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self.stream = socket.create_connection((host, port), 20)
        self.lines = self.stream.makefile("rwb")

    def say(self, text: str) -> None:
        """Send a line."""
        self.lines.write(text.encode() + b"\r\n")
        self.lines.flush()

    def reply(self) -> str:
        """Read a reply whole; empty at the end of the connection."""
        said = ""
        while True:
            line = self.lines.readline().decode()
            said += line
            if line[3:4] != "-":
                return said

    def ask(self, text: str) -> str:
        """Send a line, and read the reply."""
        self.say(text)
        return self.reply()

    def send(self, recipient: str, octets: bytes) -> str:
        """Send a mail; give the first refusal, or the last reply."""
        for line, want in (
            ("MAIL FROM:<a@outside.test>", "2"),
            (f"RCPT TO:<{recipient}>", "2"),
            ("DATA", "3"),
        ):
            said = self.ask(line)
            if not said.startswith(want):
                self.ask("RSET")
                return said
        self.lines.write(octets + b".\r\n")
        self.lines.flush()
        return self.reply()

    def close(self) -> None:
        """Close."""
        self.lines.close()
        self.stream.close()
