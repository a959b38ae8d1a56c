"""
How fast the store is, beside what the disk can do.

    python -m bench.store [--directory DIR] [--messages N]

Ratios are of durable messages a second against raw append + fdatasync of
the same size, on the same disk, in the same run. CPU is of both threads.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from imailpy.interfaces.directory import AccountSecrets, Domain
from imailpy.interfaces.store import (
    Acceptance,
    Column,
    FlagChange,
    MailboxDelivery,
)
from imailpy.mail import NULL_PATH, Path, SystemFlag, UidSet
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.real import RealWorld

HEADER = (
    b"From: Ann <ann@client.example>\r\nTo: alice@example.test\r\n"
    b"Subject: number %d\r\nDate: Thu, 1 Jan 2026 12:00:00 +0000\r\n"
    b"Message-ID: <%d.%d@client.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog, again and again.\r\n"
ALL = UidSet(((1, 2**32 - 1),))


class Settings:
    number = 1

    def __init__(self, directory: str) -> None:
        self.current = StoreSettings(
            directory, min_free_octets=0, min_free_percent=0.0
        )


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def message(number: int, size: int) -> bytes:
    head = HEADER % (number, number, os.getpid())
    body = LINE * (size // len(LINE) + 1)
    return head + body[: size - len(head) - 2] + b"\r\n"


def raw(directory: str, size: int, seconds: float) -> float:
    """Appends with fdatasync a second."""
    octets = message(0, size)
    with open(f"{directory}/raw", "ab", buffering=0) as file:
        count, start = 0, time.monotonic()
        while time.monotonic() - start < seconds:
            file.write(octets)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - start)


async def ingest(
    store: Any, account: Any, size: int, flying: int, count: int, start: int
) -> tuple[float, float]:
    """(messages a second, CPU microseconds a message)."""
    messages = [message(start + n, size) for n in range(count)]
    waiting = iter(enumerate(messages))

    async def one_sender() -> None:
        for number, octets in waiting:
            incoming = store.spool.incoming(len(octets))
            for at in range(0, len(octets), 65_536):
                incoming.write(octets[at : at + 65_536])
            body = incoming.finish()
            [done] = await store.accept(
                Acceptance(
                    f"d{size}-{flying}-{start + number}",
                    time.time(),
                    NULL_PATH,
                    body,
                    deliveries=(
                        MailboxDelivery(
                            account.id,
                            "INBOX",
                            b"Return-Path: <>\r\nReceived: here\r\n",
                            account.address,
                        ),
                    ),
                )
            )
            body.release()
            if done.error:
                raise done.error

    begun, used = time.monotonic(), cpu()
    senders = [Deferred.fromCoroutine(one_sender()) for _ in range(flying)]
    for sender in senders:
        await sender
    return count / (time.monotonic() - begun), (cpu() - used) / count * 1e6


async def timed(name: str, work: Callable[[], Any], per: int = 1) -> None:
    best = 1e9
    result: Any = None
    for _ in range(1):
        start = time.monotonic()
        result = await work()
        best = min(best, time.monotonic() - start)
    print(f"  {name:42} {best * 1e3:9.2f} ms {best / per * 1e6:8.2f} us each")
    return result


async def mailbox(store: Any, account: Any) -> None:
    """Set work on one mailbox of 10,000."""
    mail = store.account(account.id)
    count = 0

    async def fetch(box: Any, columns: list[Column]) -> None:
        nonlocal count
        first = 1
        while True:
            rows = await box.rows(UidSet(((first, 2**32 - 1),)), columns)
            if not rows:
                return
            count += len(rows)
            first = rows[-1][0] + 1

    box = await timed("open INBOX", lambda: mail.open("INBOX"))
    n = len(box.uids)
    print(f"  {n} messages")
    await timed("open again", lambda: mail.open("INBOX"))
    await timed("FLAGS", lambda: fetch(box, [Column.UID, Column.FLAGS]), n)
    listed = [
        Column.UID, Column.FLAGS, Column.INTERNAL_DATE, Column.SIZE,
        Column.ENVELOPE, Column.BODYSTRUCTURE,
    ]  # fmt: skip
    await timed("ENVELOPE BODYSTRUCTURE ...", lambda: fetch(box, listed), n)
    for name, change in (
        ("STORE 1:* +FLAGS (\\Seen)", FlagChange("add", SystemFlag.SEEN)),
        ("STORE 1:* -FLAGS (\\Seen)", FlagChange("remove", SystemFlag.SEEN)),
        ("STORE 1:* +FLAGS (word)",
         FlagChange("add", SystemFlag(0), frozenset({"w"}))),
    ):  # fmt: skip
        await timed(name, lambda c=change: box.store(ALL, c), n)
    some = UidSet(((1, 1000),))
    await timed("COPY 1000", lambda: box.copy(some, "Sent"), 1000)
    await timed("MOVE 1000", lambda: box.move(some, "Trash"), 1000)
    trash = await mail.open("Trash")
    await trash.store(ALL, FlagChange("add", SystemFlag.DELETED))
    await timed("EXPUNGE 1000", lambda: trash.expunge(), 1000)


async def run(directory: str, messages: int) -> None:
    world = RealWorld(reactor)
    store = SqliteStore(world, Settings(f"{directory}/store"))
    await store.directory.add_domain(Domain("example.test"))
    account = await store.directory.add_account(
        Path.parse("alice@example.test"), AccountSecrets()
    )
    other = await store.directory.add_account(
        Path.parse("bob@example.test"), AccountSecrets()
    )
    start = 0
    for size in (2048, 102_400):
        for flying in (1, 20):
            count = messages if size < 10_000 else messages // 10
            count = count if flying > 1 else count // 4
            limit = raw(directory, size, 1.0)
            rate, used = await ingest(
                store,
                account if size < 10_000 else other,
                size,
                flying,
                count,
                start,
            )
            start += count
            print(
                f"  {size:7} octets, {flying:2} in flight: {rate:8.0f}/s,"
                f" {rate / limit:5.2f} of raw ({limit:.0f}/s),"
                f" {used:6.0f} us CPU each"
            )
    await mailbox(store, account)
    complaints = await store.audit()
    print("  audit:", complaints or "clean")
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--messages", type=int, default=8000)
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(dir=arguments.directory)
    failed: list[Any] = []

    def begin() -> None:
        running = Deferred.fromCoroutine(run(directory, arguments.messages))
        running.addErrback(failed.append)
        running.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    shutil.rmtree(directory)
    if failed:
        sys.exit(failed[0].getTraceback())


if __name__ == "__main__":
    main()
