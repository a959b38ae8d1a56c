"""
What one accepted message costs between its last octet and the reply.

    python -m bench.accept [--directory DIR] [--messages N] [--group N]
        [--profile]

Router, receiver and the SQLite store of one process, its writer called in
the same thread: CPU microseconds a message, best of seven, of each part;
SQL statements and Python calls a message. No listener, realm or network.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from bench.store import Settings, message
from imailpy.delivery.receiving import Receiver
from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.interfaces.delivery import Transaction
from imailpy.interfaces.directory import AccountSecrets, Domain
from imailpy.mail import (
    Client,
    Decision,
    Envelope,
    Path,
    Recipient,
    Verdict,
)
from imailpy.store.sqlite import SqliteStore
from imailpy.world.real import RealWorld

SENDER = Path.parse("sender@sender.test")
TAKEN = [Decision(Verdict.ACCEPT, "bench", "")]


class Standing(Clock):
    """A reactor that stands still."""

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        call(*arguments)


class Batch:
    """A batch thread without a thread; `run` is its turn."""

    def __init__(self, process: Callable[[Sequence[Any]], list[Any]]) -> None:
        self._process = process
        self._entries: list[tuple[Any, Callable[[Any], object]]] = []
        self.writing_s = 0.0

    def submit(self, item: Any, done: Callable[[Any], object]) -> None:
        self._entries.append((item, done))

    def stop(self) -> Deferred[None]:
        self.run()
        stopped: Deferred[None] = Deferred()
        stopped.callback(None)
        return stopped

    def run(self) -> None:
        entries, self._entries = self._entries, []
        if not entries:
            return
        start = time.process_time()
        results = self._process([item for item, _ in entries])
        self.writing_s += time.process_time() - start
        for (_, done), result in zip(entries, results, strict=True):
            done(result)


class Journal:
    """Takes note of nothing."""

    verbose = False

    def record(self, event: str, **facts: Any) -> None:
        """Nothing."""


class DeliverySource:
    number = 1
    current = DeliverySettings()


class Bench:
    """One store, one receiver, ten accounts."""

    def __init__(self, directory: str, size: int, group: int) -> None:
        self.world = RealWorld(Standing())
        self.batch: Any = None
        self.world.threads.batch = self._make_batch  # type: ignore
        self.store = SqliteStore(self.world, Settings(f"{directory}/store"))
        self.router = Router(DeliverySource(), self.store)
        self.receiver = Receiver(
            self.world, DeliverySource(), self.store, self.router, Journal()
        )
        self._size = size
        self._group = group
        self.spent: dict[str, float] = defaultdict(float)
        self.done(self.store.directory.add_domain(Domain("example.test")))
        self.users = [Path.parse(f"u{n}@example.test") for n in range(10)]
        for user in self.users:
            self.done(self.store.directory.add_account(user, AccountSecrets()))

        self.done(self.store.directory.server_key("trace"))

    def _make_batch(self, name: str, process: Any, *, most: int = 1) -> Batch:
        self.batch = Batch(process)
        return self.batch

    def done(self, working: Any) -> Any:
        """Wait for the one thing that is under way."""
        waiting = Deferred.fromCoroutine(working)
        while not waiting.called:
            self.batch.run()
        found: list[Any] = []
        waiting.addBoth(found.append)
        return found[0]

    def transaction(self, number: int) -> Transaction:
        to = self.users[number % len(self.users)]
        return Transaction(
            self.receiver.new_delivery_id(),
            Client("192.0.2.1", 1, "smtp", "smtp", "s1"),
            "client.example",
            "ESMTP",
            Envelope(SENDER, (Recipient(to),)),
        )

    def run(self, count: int) -> None:
        """Take so many messages, a group at a time."""
        clock, spent = time.process_time, self.spent
        for first in range(0, count, self._group):
            numbers = range(first, first + self._group)
            told = [self.transaction(number) for number in numbers]
            octets = [message(number, self._size) for number in numbers]
            start = clock()
            for transaction in told:
                path = transaction.envelope.recipients[0].forward_path
                Deferred.fromCoroutine(self.router.standing(path))
            stood = clock()
            arrived = []
            for transaction, text in zip(told, octets, strict=True):
                receiving = self.receiver.begin(transaction)
                receiving.write(text)
                receiving.finish()
                arrived.append(receiving)
            finished = clock()
            replies = [
                Deferred.fromCoroutine(receiving.accept(TAKEN))
                for receiving in arrived
            ]
            handed = clock()
            wrote = self.batch.writing_s
            self.batch.run()
            end = clock()
            wrote = self.batch.writing_s - wrote
            for reply in replies:
                if reply.result[0].code != 250:
                    raise SystemExit(reply.result)
            spent["standing"] += stood - start
            spent["arriving"] += finished - stood
            spent["planning"] += handed - finished
            spent["writing"] += wrote
            spent["settling"] += end - handed - wrote


def measure(bench: Bench, count: int) -> None:
    """Print the best of seven rounds."""
    best: dict[str, float] = {}
    totals = []
    for _ in range(7):
        bench.spent.clear()
        bench.run(count)
        totals.append(sum(bench.spent.values()))
        for part, spent in bench.spent.items():
            best[part] = min(best.get(part, spent), spent)
    for part, spent in best.items():
        print(f"  {part:10} {spent / count * 1e6:7.1f} us")
    print(f"  {'all':10} {min(totals) / count * 1e6:7.1f} us")


def counted(bench: Bench, count: int, show: bool) -> None:
    """Print statements and calls a message."""
    statements: list[str] = []
    writer = bench.store.connections.writer
    writer.exec_trace = lambda _, sql, __: statements.append(sql) or True
    profile = cProfile.Profile()
    profile.enable()
    bench.run(count)
    profile.disable()
    writer.exec_trace = None
    stats = pstats.Stats(profile)
    calls = stats.total_calls / count  # type: ignore
    print(f"  {len(statements) / count:.2f} statements, {calls:.0f} calls")
    if show:
        stats.sort_stats("tottime").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", default="/dev/shm")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--group", type=int, default=10)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(dir=arguments.directory)
    try:
        bench = Bench(directory, arguments.size, arguments.group)
        bench.run(arguments.group * 20)
        measure(bench, arguments.messages)
        counted(bench, arguments.messages, arguments.profile)
        print("  audit:", bench.done(bench.store.audit()) or "clean")
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
