"""
What a policy in Python costs an SMTP transaction's decisions.

    python -m bench.policy [--rounds N]

CPU microseconds of MAIL, RCPT, message and data together: without a policy,
with one check at each of them that says nothing, and the difference by call.
Best of seven.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from typing import Any

from imailpy.policy.book import Source, joined, read
from imailpy.policy.pipeline import Pipeline
from imailpy.policy.standard import STANDARD
from imailpy.policy.testing import facts
from imailpy.realm.custom.guard import Guard
from imailpy.realm.custom.settings import CustomPolicy
from imailpy.realm.rulebook import Rulebook
from imailpy.realm.settings import RealmSettings
from imailpy.world.real import RealWorld

STAGES = ("mail", "rcpt", "message", "data")
POLICY = "from imailpy.policy.api import *\n" + "".join(
    f"@on_{stage}('at_{stage}')\ndef at_{stage}(facts): return None\n"
    for stage in STAGES
)


def with_policy(world: Any) -> Pipeline:
    """The built-in checks and four of a policy."""
    _, registrations = read(Source("policy.py", POLICY))

    def wrap(each: Any) -> Any:
        return Guard(each, "policy.py", CustomPolicy(), world, None)

    return joined(STANDARD, registrations, "policy.py", wrap)


def cost_us(pipeline: Pipeline, rounds: int) -> float:
    """CPU microseconds of one transaction's decisions."""
    book = Rulebook(pipeline, RealmSettings(), 1)
    asked = (
        (book.mail, facts.mail()),
        (book.rcpt, facts.rcpt()),
        (book.message, facts.message()),
        (book.data, facts.data()),
    )
    best = 1e9
    for _ in range(7):
        start = time.thread_time()
        for _ in range(rounds):
            for evaluation, told in asked:
                coroutine: Any = evaluation.decide(told)
                with contextlib.suppress(StopIteration):
                    coroutine.send(None)
        best = min(best, time.thread_time() - start)
    return best / rounds * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20_000)
    rounds = parser.parse_args().rounds
    without = cost_us(STANDARD, rounds)
    policy = cost_us(with_policy(RealWorld(None)), rounds)
    print(f"without a policy   {without:6.1f} us a transaction")
    print(f"with four checks   {policy:6.1f} us a transaction")
    print(f"a call             {(policy - without) / 4:6.2f} us")


if __name__ == "__main__":
    main()
