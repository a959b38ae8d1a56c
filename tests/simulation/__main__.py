"""
A campaign over many seeds.

    python -m tests.simulation --seeds 0..2000

One line for each seed that fails, and figures at the end. A seed alone shows
the whole log: `--seeds 17`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from twisted.logger import globalLogBeginner

from tests.simulation.history import History, Told


def main() -> int:
    """Run the seeds; 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", default="0..100", metavar="A..B")
    parser.add_argument("--messages", type=int, default=50)
    parser.add_argument(
        "--kind", choices=sorted(_kinds()), default="local", help="of history"
    )
    parser.add_argument(
        "--twice", action="store_true", help="compare each seed's two traces"
    )
    options = parser.parse_args()
    # What dies with a simulated machine is no news.
    globalLogBeginner.beginLoggingTo(
        [], discardBuffer=True, redirectStandardIO=False
    )
    first, _, last = options.seeds.partition("..")
    seeds = (
        range(int(first), int(last))
        if last
        else range(int(first), int(first) + 1)
    )
    kind = _kinds()[options.kind]
    campaign = Campaign()
    for seed in seeds:
        told = kind(seed, options.messages).run()
        if options.twice:
            again = kind(seed, options.messages).run()
            if again.trace_hash != told.trace_hash:
                told.problems.append("two runs, two traces")
        campaign.note(told)
        if len(seeds) == 1:
            print("\n".join(told.log))
    print(campaign.figures())
    return 1 if campaign.failed else 0


def _kinds() -> dict[str, type[History]]:
    from tests.simulation.outbound import Outbound

    return {"local": History, "outbound": Outbound}


class Campaign:
    """Figures of many seeds."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.failed: list[int] = []
        self.sums: Counter[str] = Counter()
        self.points: Counter[str] = Counter()

    def note(self, told: Told) -> None:
        """Count one history; tell when it failed."""
        self.sums["seeds"] += 1
        self.sums["deliveries"] += told.deliveries
        self.sums["events"] += told.events
        self.sums["restarts"] += told.lives - 1
        self.sums["duplicates"] += told.duplicates
        self.sums["hours"] += int(told.simulated_s / 3600)
        self.points.update(told.fault_points.keys())
        if told.problems:
            self.failed.append(told.seed)
            first = told.problems[0].strip().splitlines()[-1]
            print(
                f"seed {told.seed}: {first} ({len(told.problems)} problems)",
                flush=True,
            )

    def figures(self) -> str:
        """One paragraph."""
        took = time.perf_counter() - self.began
        sums = self.sums
        return (
            f"{sums['seeds']} seeds, {len(self.failed)} failed, "
            f"{sums['deliveries']} deliveries, {sums['restarts']} restarts, "
            f"{sums['hours'] / 24:.1f} simulated days, "
            f"{sums['duplicates']} remote duplicates, "
            f"{len(self.points)} fault points reached, "
            f"{took:.1f} s, {sums['deliveries'] / took:.0f} deliveries/s, "
            f"{sums['events'] / took:.0f} events/s"
        )


if __name__ == "__main__":
    sys.exit(main())
