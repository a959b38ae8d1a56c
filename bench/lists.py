"""
Long lists: how long they take to load, their memory, and a look-up.

    python -m bench.lists [--entries 1000000]

Each list is loaded in a process of its own, so that its peak is its own.
CPU seconds, for the machine may have other work.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time

from imailpy.mail import Path
from imailpy.policy.addresses import AddressList
from imailpy.policy.networks import Networks, address_number

KINDS = ("addresses", "ipv4", "ipv6")
_LOOKUPS = 5_000


def text_of(kind: str, count: int, chance: random.Random) -> str:
    """Write a list."""
    lines = []
    for number in range(count):
        if kind == "addresses":
            lines.append(
                f"user{number}@domain{number % 50_000}.example"
                if number % 3
                else f"@host{number}.example"
            )
        elif kind == "ipv4":
            bits = chance.choice((32, 32, 28, 24))
            low = chance.getrandbits(32) >> 32 - bits << 32 - bits
            lines.append(
                f"{low >> 24}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
                f"/{bits}"
            )
        else:
            lines.append(
                f"2001:{chance.getrandbits(16):x}:{chance.getrandbits(16):x}"
                "::/48"
            )
    return "\n".join(lines)


def peak_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_mb() -> float:
    """The memory that it has."""
    with open("/proc/self/statm", encoding="ascii") as figures:
        return int(figures.read().split()[1]) * 4096 / 2**20


def measure(kind: str, count: int) -> None:
    """Load one list, and look things up in it."""
    chance = random.Random(1)
    text = text_of(kind, count, chance)
    before = now_mb()
    begun = time.process_time()
    found: AddressList | Networks
    if kind == "addresses":
        found = AddressList()
        found.add_lines(text, "list")
    else:
        found = Networks.read(text, "list")
    load_s = time.process_time() - begun
    more = peak_mb() - before
    lookup_us = 0.0
    # The first round warms up.
    for _ in range(2):
        lookup_us = look_up(found, count, chance)
    print(
        f"{kind:10} {count} entries: {load_s:.2f} s, {more:.0f} MB, "
        f"{lookup_us:.2f} us a look-up"
    )


def look_up(
    found: AddressList | Networks, count: int, chance: random.Random
) -> float:
    """Give the microseconds of one look-up."""
    if isinstance(found, AddressList):
        paths = [
            Path(f"user{n}", f"domain{n % 50_000}.example")
            for n in (chance.randrange(count) for _ in range(_LOOKUPS))
        ]
        begun = time.process_time()
        for path in paths:
            found.find(path)
    else:
        six = found.entries[0].version == 6
        texts = [
            f"2001:{chance.getrandbits(16):x}:{chance.getrandbits(16):x}::1"
            if six
            else ".".join(str(chance.getrandbits(8)) for _ in range(4))
            for _ in range(_LOOKUPS)
        ]
        address_number.cache_clear()
        begun = time.process_time()
        for text in texts:
            found.find(text)
    return (time.process_time() - begun) / _LOOKUPS * 1e6


def main() -> None:
    """Measure each kind."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--entries", type=int, default=1_000_000)
    reader.add_argument("--kind", choices=KINDS)
    told = reader.parse_args()
    if told.kind:
        measure(told.kind, told.entries)
        return
    for kind in KINDS:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "bench.lists",
                "--kind",
                kind,
                "--entries",
                str(told.entries),
            ],
            check=True,
        )


if __name__ == "__main__":
    main()
