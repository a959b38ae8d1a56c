"""
Does the time of a refusal tell whether an account exists? [SECURITY B9.1]

    python -m tests.realm.timing [TRIES]

Names that exist, that do not and that are disabled are tried by turns, in a
random order, with a wrong password, against a realm with real hashes. The
times of each two are compared: two-sample Kolmogorov-Smirnov, p > 0.01, and
medians within 5 %. The answer's own delay is off, so that nothing hides the
work. CPU time of this thread is measured: other processes on the machine are
no part of it; `--wall` takes the time on the wall.
"""

from __future__ import annotations

import math
import random
import sys
import time
from itertools import combinations
from statistics import median
from typing import Any

from imailpy.errors import LoginRefused
from imailpy.mail import PasswordCredentials, Secret
from imailpy.realm.settings import LoginSettings, RealmSettings
from tests.realm.support import BOB, House
from tests.support.answer import answer

# Nothing but the hashes takes time.
QUIET = LoginSettings(failure_delay_s=0, windows=(), slow_after=0)
NAMES = {
    "existing": "ann@local.test",
    "unknown": "eve@local.test",
    "disabled": "bob@local.test",
}


def different(one: list[float], other: list[float]) -> float:
    """Give p of the two-sample KS test: small where they differ."""
    one, other = sorted(one), sorted(other)
    n, m = len(one), len(other)
    at = beside = 0
    distance = 0.0
    for value in sorted({*one, *other}):
        while at < n and one[at] <= value:
            at += 1
        while beside < m and other[beside] <= value:
            beside += 1
        distance = max(distance, abs(at / n - beside / m))
    root = math.sqrt(n * m / (n + m))
    scale = (root + 0.12 + 0.11 / root) * distance
    if scale < 0.2:
        return 1.0
    terms = (
        (-1) ** (k - 1) * math.exp(-2 * (k * scale) ** 2)
        for k in range(1, 101)
    )
    return min(1.0, max(0.0, 2 * sum(terms)))


def measure(tries: int, clock: Any) -> dict[str, list[float]]:
    """Give the seconds that each refusal took."""
    house = House(RealmSettings(login=QUIET))
    house.directory.disable(BOB)
    order = [*NAMES] * tries
    random.shuffle(order)
    taken: dict[str, list[float]] = {name: [] for name in NAMES}
    for number, name in enumerate(order):
        gate = house.gate("imap", f"192.0.2.{number % 250}")
        shown = PasswordCredentials(NAMES[name], Secret(b"wrong %d" % number))
        begun = clock()
        try:
            answer(gate.login(shown))
        except LoginRefused:
            taken[name].append(clock() - begun)
        gate.closed()
    return taken


def main() -> int:
    """Measure, print, and judge."""
    arguments = [each for each in sys.argv[1:] if each != "--wall"]
    tries = int(arguments[0]) if arguments else 500
    wall = "--wall" in sys.argv
    taken = measure(tries, time.perf_counter if wall else time.thread_time)
    for name, times in taken.items():
        print(f"{name:9} median {median(times) * 1000:.3f} ms")
    fine = True
    for one, other in combinations(taken, 2):
        p = different(taken[one], taken[other])
        apart = abs(median(taken[one]) / median(taken[other]) - 1)
        fine = fine and p > 0.01 and apart < 0.05
        print(f"{one} / {other}: p = {p:.3f}, medians {apart:.2%} apart")
    print("not separable" if fine else "SEPARABLE")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
