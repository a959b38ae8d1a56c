"""
Everything that attackers do, all at once, in a process of its own.

    python -m tests.whole.attackers --port-offset N [--slow 5000]

The process is nice: what it computes takes no core from the server or from
those who measure it. It attacks until its input ends, and then prints what
it heard, in JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
from collections import Counter
from typing import Any

from attrs import define, field

NICE = 10
PATIENCE_S = 20.0
# Slow connections come from so many addresses, in networks of their own.
SLOW_ADDRESSES = 50
# One octet in so many seconds.
SLOW_PACE_S = 10.0
# So long one that was sent away waits before it tries again.
RETRY_S = 10.0
# So long it takes until all slow ones have tried once.
RAMP_S = 5.0


@define
class Mix:
    """All attackers, and what they were told."""

    offset: int
    heard: Counter[str] = field(factory=Counter)

    async def open(self, standard: int, source: str) -> Any:
        """Connect from an address of ours."""
        return await asyncio.wait_for(
            asyncio.open_connection(
                "127.0.0.1",
                standard + self.offset,
                local_addr=(source, 0),
            ),
            PATIENCE_S,
        )

    async def attack(
        self, name: str, source: str, port: int, octets: bytes, pace_s: float
    ) -> None:
        """Say the same again and again, on new connections when needed."""
        while True:
            try:
                reader, writer = await self.open(port, source)
                self.heard[f"{name} connected"] += 1
                try:
                    while True:
                        writer.write(octets)
                        await writer.drain()
                        said = await asyncio.wait_for(reader.read(65536), 5)
                        if not said:
                            break
                        if b"421" in said or b"BYE" in said:
                            self.heard[f"{name} sent away"] += 1
                        await asyncio.sleep(pace_s)
                finally:
                    writer.close()
            except (OSError, TimeoutError):
                self.heard[f"{name} cut"] += 1
            await asyncio.sleep(pace_s)

    async def slow(self, source: str, first_s: float) -> None:
        """One octet every ten seconds."""
        await asyncio.sleep(first_s)
        while True:
            try:
                reader, writer = await self.open(25, source)
                try:
                    said = await asyncio.wait_for(reader.read(100), PATIENCE_S)
                    if said.startswith(b"220"):
                        self.heard["slow let in"] += 1
                        await self._dawdle(reader, writer)
                    else:
                        self.heard["slow sent away"] += 1
                finally:
                    writer.close()
            except (OSError, TimeoutError):
                self.heard["slow cut"] += 1
            await asyncio.sleep(RETRY_S)

    async def _dawdle(self, reader: Any, writer: Any) -> None:
        while True:
            writer.write(b"E")
            try:
                said = await asyncio.wait_for(reader.read(100), SLOW_PACE_S)
            except TimeoutError:
                continue
            if not said or said.startswith(b"421"):
                self.heard["slow let in, then sent away"] += 1
                return

    def attackers(self, slow: int) -> list[Any]:
        """All of them."""
        names = b"EHLO x.example\r\nMAIL FROM:<a@x.example>\r\n" + b"".join(
            b"RCPT TO:<n%d@example.test>\r\n" % at for at in range(30)
        )
        broken = (
            b"EHLO x.example\r\nMAIL FROM:<a@x.example>\r\n"
            b"RCPT TO:<bob@example.test>\r\nDATA\r\n"
            b"Subject: x\nFrom: (((((\r\n\r\n\r.\n.\r\nMAIL FROM:<b@x>\n.\r\n"
            + b"x" * 9000
            + b"\r\n.\r\n"
        )
        guess = b"a LOGIN alice@example.test wrong-password\r\n"
        jobs = [
            self.slow(f"127.1.{at % SLOW_ADDRESSES}.1", at * RAMP_S / slow)
            for at in range(slow)
        ]
        for at in range(10):
            for name, net, port, octets, pace_s in (
                ("junk", 2, 25, b"NOOP\r\nNOSUCH\r\nVRFY x\r\n" * 20, 0.2),
                ("guessing", 3, 143, guess, 0.5),
                ("names", 4, 25, names, 0.5),
                ("broken", 5, 25, broken, 0.3),
                ("browser", 6, 110, b"GET / HTTP/1.1\r\n\r\n", 0.5),
                ("long", 7, 143, b"a " + b"x" * 100_000, 0.5),
            ):
                source = f"127.{net}.{at}.1"
                jobs.append(self.attack(name, source, port, octets, pace_s))
        return jobs


async def _until_told(offset: int, slow: int) -> None:
    """Attack; print, and be gone: nobody waits for thousands to part."""
    mix = Mix(offset)
    tasks = [asyncio.ensure_future(job) for job in mix.attackers(slow)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(mix.heard), flush=True)
    # Kept until here: the loop itself does not hold its tasks.
    tasks.clear()
    os._exit(0)


def main() -> None:
    """Attack until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-offset", type=int, required=True)
    parser.add_argument("--slow", type=int, default=5000)
    told = parser.parse_args()
    os.nice(NICE)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_until_told(told.port_offset, told.slow))


if __name__ == "__main__":
    main()
