"""
What the decision history costs: mail taken with it and without it.

    python -m bench.history [--directory DIR] [--rounds 5] [--messages 2000]

One server; before each run it is told by a reload to keep a history or not,
in turns. Messages of 2 KB over twenty connections: stored a second, and CPU
of a message with all threads; the ratios are of neighbouring runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

from bench import load
from bench.server import HOST, Server

SIZE, SESSIONS, USERS = 2048, 20, 10


def switch(server: Server, plain: str, days: float) -> None:
    """Tell the server for how long to keep decisions."""
    text = f"{plain}\n[history]\ndays = {days}\n"
    Path(server.data, "imailpy.toml").write_text(text, encoding="utf-8")
    server.imailctl("reload")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--client", choices=("source", "own"))
    arguments = parser.parse_args()
    kind = arguments.client or ("source" if load.source() else "own")
    send = load.by_source if kind == "source" else load.by_threads
    count = arguments.messages
    server = Server(arguments.directory, USERS)
    print(f"client: {kind}; load {os.getloadavg()[0]:.1f} at the start")
    rates: dict[float, list[float]] = {0.0: [], 30.0: []}
    cpus: dict[float, list[float]] = {0.0: [], 30.0: []}
    try:
        file = Path(server.data, "imailpy.toml")
        plain = file.read_text(encoding="utf-8")
        send(HOST, server.smtp, USERS, SIZE, SESSIONS, count // 4)
        for number in range(arguments.rounds):
            order = (0.0, 30.0) if number % 2 else (30.0, 0.0)
            for days in order:
                switch(server, plain, days)
                before = server.cpu_s()
                seconds = send(HOST, server.smtp, USERS, SIZE, SESSIONS, count)
                rates[days].append(count / seconds)
                cpu = server.cpu_s() - before
                cpus[days].append(cpu * 1e6 / count)
        switch(server, plain, 30.0)
        status = server.status()
        for days, name in ((0.0, "without"), (30.0, "with")):
            rate = statistics.median(rates[days])
            cpu = statistics.median(cpus[days])
            print(f"{name:8} {rate:7.0f} stored/s  {cpu:6.0f} us CPU")
        for found, name in ((rates, "rate"), (cpus, "CPU")):
            ratio = statistics.median(
                with_it / without
                for without, with_it in zip(
                    found[0.0], found[30.0], strict=True
                )
            )
            print(f"{name} with / without: {ratio:.3f}")
        kept = status["history_kept"]
        messages = arguments.rounds * count
        print(
            f"{kept} entries kept, {status['history_dropped']} dropped, "
            f"{status['history_octets'] / messages:.0f} octets a message"
        )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
