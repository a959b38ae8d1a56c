"""
How fast mail is taken, durably, beside what the disk can do.

    python -m bench.ingest [--directory DIR] [--rounds 3]
        [--peer NAME,smtp=PORT,count=COMMAND] [--cases 2K-1,2K-20,...]

Starts a server of its own. A round is: raw append + fdatasync of the same
size, our server, each peer; the table has medians, and ratios of figures of
the same round. A message counts when it is stored: ours once 250 is said,
a peer's once its command, run by the shell, prints a number that has grown
by all messages sent.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from typing import Any

from bench import load
from bench.server import HOST, Server

# Name -> octets, connections, messages.
CASES = {
    "2K-1": (2048, 1, 500),
    "2K-20": (2048, 20, 4000),
    "2K-50": (2048, 50, 4000),
    "100K-1": (102_400, 1, 200),
    "100K-20": (102_400, 20, 800),
    "100K-50": (102_400, 50, 800),
}
USERS = 10


def raw(directory: str, size: int, count: int = 300) -> float:
    """Append + fdatasync, one after the other; gives how many a second."""
    path = os.path.join(directory, "raw")
    flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_EXCL
    octets = os.urandom(size)
    descriptor = os.open(path, flags, 0o600)
    try:
        start = time.perf_counter()
        for _ in range(count):
            os.write(descriptor, octets)
            os.fdatasync(descriptor)
        return count / (time.perf_counter() - start)
    finally:
        os.close(descriptor)
        os.remove(path)


class Peer:
    """
    Another server.

    Args:
        text: `NAME,smtp=PORT,count=COMMAND`.
    """

    def __init__(self, text: str) -> None:
        self.name, port, command = text.split(",", 2)
        self.port = int(port.removeprefix("smtp="))
        self._command = command.removeprefix("count=")

    def count(self) -> int:
        """Messages that it has stored."""
        done = subprocess.run(
            self._command, shell=True, capture_output=True, check=True
        )
        return int(done.stdout)

    def rate(self, send: Any, size: int, sessions: int, count: int) -> float:
        """Stored messages a second."""
        before = self.count()
        start = time.perf_counter()
        send(HOST, self.port, USERS, size, sessions, count)
        while self.count() - before < count:
            if time.perf_counter() - start > 120:
                raise RuntimeError(f"{self.name} lost some")
            time.sleep(0.01)
        return count / (time.perf_counter() - start)


def ours(
    server: Server, send: Any, size: int, sessions: int, count: int
) -> dict[str, float]:
    """One run of our server."""
    server.forget_peak()
    before = server.cpu_s()
    seconds = send(HOST, server.smtp, USERS, size, sessions, count)
    return {
        "rate": count / seconds,
        "cpu": (server.cpu_s() - before) * 1000 / count,
        "peak": server.memory_mib("VmHWM"),
    }


def one_case(
    server: Server, peers: list[Peer], send: Any, case: str, rounds: int
) -> str:
    """Measure one case; gives its line of the table."""
    size, sessions, count = CASES[case]
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        each = {"raw": raw(server.folder, size)}
        each.update(ours(server, send, size, sessions, count))
        for peer in peers:
            each[peer.name] = peer.rate(
                send, size, sessions, max(sessions, count // 4)
            )
        found.append(each)

    def middle(get: Any) -> float:
        return statistics.median(get(each) for each in found)

    cells = [
        case,
        f"{middle(lambda e: e['rate']):.0f}",
        f"{middle(lambda e: e['raw']):.0f}",
        f"{middle(lambda e: e['rate'] / e['raw']):.2f}",
        f"{middle(lambda e: e['cpu']):.2f}",
        f"{middle(lambda e: e['peak']):.0f}",
    ]
    for peer in peers:
        cells.append(f"{middle(lambda e, n=peer.name: e[n]):.0f}")
        ratio = middle(lambda e, n=peer.name: e["rate"] / e[n])
        cells.append(f"{ratio:.1f}")
    return "  ".join(f"{cell:>9}" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--client", choices=("source", "own"))
    arguments = parser.parse_args()
    kind = arguments.client or ("source" if load.source() else "own")
    send = load.by_source if kind == "source" else load.by_threads
    peers = [Peer(text) for text in arguments.peer]
    print(f"client: {kind}; load {os.getloadavg()[0]:.1f} at the start")
    server = Server(arguments.directory, USERS)
    try:
        heads = ["case", "stored/s", "raw/s", "ratio", "CPU ms", "peak MiB"]
        for peer in peers:
            heads += [peer.name[:9], "times"]
        print("  ".join(f"{head:>9}" for head in heads))
        for case in arguments.cases.split(","):
            line = one_case(server, peers, send, case, arguments.rounds)
            print(line, flush=True)
        longest = server.status().get("reactor_longest_ms")
        print(f"longest callback: {longest} ms; CPU ms: of a message")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
