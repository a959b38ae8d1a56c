"""
What counting ten million addresses takes.

    python -m bench.limiter [--addresses N]

A realm's counters, as the server makes them: each address connects, shows a
sign of attack and fails to sign in. Resident memory that came with it, and
CPU microseconds a step.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from imailpy.mail import Client
from imailpy.realm.counters import Counters
from imailpy.realm.limits import Failures, Rates, own_network, spell
from imailpy.realm.settings import STANDARD_WINDOWS


class Now:
    """A clock that stands still."""

    def monotonic(self) -> float:
        return 1000.0


def resident_octets() -> int:
    """Give this process's resident memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def address(at: int) -> str:
    """Give one of many, no two alike."""
    mixed = at * 2_654_435_761 % 2**32
    return (
        f"{mixed >> 24}.{mixed >> 16 & 255}.{mixed >> 8 & 255}.{mixed & 255}"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=10_000_000)
    count = parser.parse_args().addresses
    clock: Any = Now()
    before = resident_octets()
    tables = [Counters(clock, b"bench") for _ in range(4)]
    rates, failures = Rates(tables[0]), Failures(tables[1])
    # All ten million come; every hundredth does everything.
    began = time.process_time()
    for at in range(count):
        tables[2].add(b"s %d" % at, 600)
    raw_us = (time.process_time() - began) / count * 1e6
    each = max(1, count // 100)
    figures = {}
    for name, step in (
        ("connect", lambda text: rates.connected(_client(text))),
        (
            "sign",
            lambda text: tables[3].add(spell(b"s", own_network(text)), 600),
        ),
        ("failed login", lambda text: failures.add(text, STANDARD_WINDOWS)),
        ("may it try", lambda text: failures.over(text, STANDARD_WINDOWS)),
    ):
        began = time.process_time()
        for at in range(each):
            step(address(at))
        figures[name] = (time.process_time() - began) / each * 1e6
    grown = (resident_octets() - before) / 2**20
    made = sum(table.size_octets for table in tables) / 2**20
    print(f"{count:,} distinct addresses: {grown:.1f} MiB more resident,")
    print(f"  tables {made:.1f} MiB")
    print(f"count one thing  {raw_us:6.2f} us")
    for name, took_us in figures.items():
        print(f"{name:15}  {took_us:6.2f} us")


def _sign(text: str) -> bytes:
    return spell(b"s", own_network(text))


def _client(text: str) -> Client:
    return Client(text, 1, "smtp", "smtp", "s")


if __name__ == "__main__":
    main()
