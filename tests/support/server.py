"""A whole server in a process of its own, on loopback ports."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from unittest import SkipTest

HOUSE = Path(__file__).parents[2]
TWISTD = "from twisted.scripts.twistd import run; run()"
HOST = "127.0.0.1"
ALICE = ("alice@example.test", "alice-demo-password")
BOB = ("bob@example.test", "bob-demo-password")

# Standard ports that the demo has, each plus the offset.
PORTS = (25, 24, 587, 465, 143, 993, 110, 995)


def program(name: str) -> str:
    """
    Give the path of a program of another project.

    Raises:
        SkipTest: It is not installed.
    """
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise SkipTest(f"{name} is not installed")
    return path


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as stream:
        stream.bind((HOST, 0))
        port: int = stream.getsockname()[1]
        return port


def free_offset() -> int:
    """An offset with which all ports of the demo are free."""
    chance = random.Random(os.urandom(8))
    for _ in range(200):
        offset = chance.randrange(10_000, 30_000)
        try:
            for port in PORTS:
                with socket.socket() as stream:
                    stream.bind((HOST, port + offset))
        except OSError:
            continue
        return offset
    raise RuntimeError("no free ports")


def wait_for(
    what: str, ready, seconds: float = 30.0, pause: float = 0.02
) -> None:
    """Wait until `ready()` is true."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)


class Server:
    """
    `twistd -n imailpy ...` on 127.0.0.1.

    Args:
        options: Of the plugin; `--demo` with a folder of its own if none.
        folder: Where everything is; a temporary one if None.
    """

    def __init__(self, *options: str, folder: str | None = None) -> None:
        self._own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="imailpy-test-")
        os.chmod(self.folder, 0o755)
        self.offset = free_offset()
        self.data = os.path.join(self.folder, "demo")
        self.options = [
            "--demo",
            self.data,
            "--port-offset",
            str(self.offset),
            *options,
        ]
        self.log = os.path.join(self.folder, "log")
        self.process: subprocess.Popen[bytes] | None = None

    def port(self, standard: int) -> int:
        """The port that stands for a standard one."""
        return standard + self.offset

    @property
    def certificate(self) -> str:
        """The demo's own certificate."""
        return os.path.join(self.data, "tls", "self-signed.crt")

    def start(self, *, wait: bool = True) -> Server:
        """Start, and wait for the greeting."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    TWISTD,
                    "-n",
                    f"--pidfile={self.folder}/twistd.pid",
                    "imailpy",
                    *self.options,
                ],
                cwd=HOUSE,
                # Its children find modules where it does.
                env={**os.environ, "PYTHONPATH": str(HOUSE)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait for 220 on the SMTP port."""

        def ready() -> bool:
            process = self.process
            if process is None or process.poll() is not None:
                raise AssertionError(f"it ended: {self.log_text()[-3000:]}")
            try:
                with socket.create_connection(
                    (HOST, self.port(25)), 5
                ) as stream:
                    return stream.recv(3) == b"220"
            except OSError:
                return False

        wait_for("the greeting", ready, seconds)

    def log_text(self) -> str:
        """What it said."""
        return Path(self.log).read_text(encoding="utf-8", errors="replace")

    def work_s(self) -> float:
        """The CPU time that it has used: what others do does not count."""
        if self.process is None:
            return 0.0
        stat = Path(f"/proc/{self.process.pid}/stat").read_text("ascii")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; gives the exit code, and removes the folder."""
        code = self._end(signal.SIGTERM)
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        return code

    def _end(self, number: int) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(60)

    def imailctl(
        self, *words: str, text: str | None = None, wait_s: float = 60
    ):
        """Run imailctl on it."""
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "imailpy.cli.main",
                "--data",
                self.data,
                *words,
            ],
            cwd=HOUSE,
            input=text,
            capture_output=True,
            text=True,
            timeout=wait_s,
        )


@cache
def shared_server() -> Server:
    """One server for all tests that do not stop it; ends with the run."""
    server = Server().start()
    atexit.register(server.stop)
    return server


def run(*words: str, text: str | None = None, check: bool = True, **more):
    """Run a client; its output is in the failure when it fails."""
    done = subprocess.run(
        [program(words[0]), *words[1:]],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        **more,
    )
    if check and done.returncode:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}")
    return done
