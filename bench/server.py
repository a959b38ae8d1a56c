"""A server of ours for the benchmarks: a process, a folder, accounts."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOUSE = Path(__file__).parents[1]
HOST = "127.0.0.1"
PASSWORD = "password-of-the-benchmark"
TICKS = os.sysconf("SC_CLK_TCK")
_TWISTD = "from twisted.scripts.twistd import run; run()"
_PORTS = (25, 24, 587, 465, 143, 993, 110, 995)


def more_files() -> None:
    """Let this process and those it starts open as many as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _free_offset() -> int:
    for offset in range(20_000, 30_000, 37):
        try:
            for port in _PORTS:
                with socket.socket() as stream:
                    stream.bind((HOST, port + offset))
        except OSError:
            continue
        return offset
    raise SystemExit("no free ports")


class Server:
    """
    `twistd -n imailpy --demo` in a folder of its own.

    Args:
        folder: Where that is made: the disk that is measured.
        accounts: So many: `u0@example.test` and so on.
    """

    def __init__(self, folder: str | None = None, accounts: int = 10) -> None:
        self.folder = tempfile.mkdtemp(prefix="imailpy-bench-", dir=folder)
        self.data = os.path.join(self.folder, "demo")
        offset = _free_offset()
        self.smtp, self.imap = 25 + offset, 143 + offset
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", _TWISTD, "-n"),
                    f"--pidfile={self.folder}/pid",
                    *("imailpy", "--demo", self.data),
                    *("--port-offset", str(offset)),
                ],
                cwd=HOUSE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()
        for number in range(accounts):
            address = f"u{number}@example.test"
            self.imailctl(
                *("account", "add", address, "--password-stdin", "--scram"),
                text=PASSWORD + "\n",
            )

    def _wait(self) -> None:
        control = os.path.join(self.data, "control")
        for _ in range(300):
            time.sleep(0.1)
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection((HOST, self.smtp), 1).close()
            except OSError:
                continue
            if os.path.exists(control):
                return
        self.stop()
        raise SystemExit("the server did not start")

    def imailctl(self, *words: str, text: str = "") -> str:
        """Run imailctl on it; gives its output."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "imailpy.cli.main"),
                *("--data", self.data, *words),
            ],
            cwd=HOUSE,
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def status(self) -> dict[str, object]:
        """What `imailctl status` shows."""
        found: dict[str, object] = json.loads(
            self.imailctl("status", "--json")
        )
        return found

    def cpu_s(self) -> float:
        """User and system seconds of all its threads so far."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text("ascii")
        fields = text.rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:13]) / TICKS

    def memory_mib(self, what: str = "VmRSS") -> float:
        """Memory as the system counts it: `VmRSS`, or `VmHWM`, its peak."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        for line in status.splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def forget_peak(self) -> None:
        """Let the peak begin anew."""
        path = Path(f"/proc/{self.process.pid}/clear_refs")
        path.write_text("5", "ascii")

    def stop(self) -> None:
        """End it and remove its folder."""
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)
