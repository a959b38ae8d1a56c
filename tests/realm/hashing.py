"""
50 wrong logins a second: does the reactor keep its pace? [SECURITY B9.11]

    python -m tests.realm.hashing [SECONDS]

A real reactor and real threads. A timer asks to be called every 5 ms; how
late it was is what somebody else's command would have waited.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred

from imailpy.errors import LoginRefused, LoginUnavailable
from imailpy.mail import PasswordCredentials, Secret
from imailpy.realm.passwords import Passwords
from imailpy.realm.settings import LoginSettings, RealmSettings
from imailpy.world.real import RealWorld
from tests.realm.support import House

EVERY_S = 0.005
# Nothing but the hashes takes time.
QUIET = LoginSettings(failure_delay_s=0, windows=(), slow_after=0)
LOGINS_A_SECOND = 50


def main(reactor: Any) -> Deferred[None]:
    """Try for a while, then print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    house = House(RealmSettings(login=QUIET))
    real = Passwords(RealWorld(reactor))
    # The rest of the small world need not be real.
    checkers = set(house.realm.portal.checkers.values())
    for checker in checkers:
        if hasattr(checker, "_passwords"):
            checker._passwords = real
    late: list[float] = []
    came = {"refused": 0, "later": 0}
    last = [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        late.append(max(0.0, now - last[0] - EVERY_S))
        last[0] = now

    async def one(number: int) -> None:
        gate = house.gate("imap", f"192.0.2.{number % 250}")
        shown = PasswordCredentials(
            "ann@local.test", Secret(b"no %d" % number)
        )
        try:
            await gate.login(shown)
        except LoginRefused:
            came["refused"] += 1
        except LoginUnavailable:
            came["later"] += 1

    async def run() -> None:
        ticks = task.LoopingCall(tick)
        ticks.start(EVERY_S, now=False)
        for number in range(int(seconds * LOGINS_A_SECOND)):
            Deferred.fromCoroutine(one(number))
            await task.deferLater(reactor, 1 / LOGINS_A_SECOND)
        ticks.stop()
        await real.stop()

    def told(result: Any) -> Any:
        late.sort()
        p99 = late[int(len(late) * 0.99)] * 1000
        print(f"{came}, late: p99 {p99:.1f} ms, most {late[-1] * 1000:.1f} ms")
        return result

    return Deferred.fromCoroutine(run()).addCallback(told)


if __name__ == "__main__":
    task.react(main)
