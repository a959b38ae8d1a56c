"""
Honest users beside everything that attackers do, all at once.

    python -m tests.whole.attack [--seconds 60] [--slow 1000]

A demo server with its defences switched on. At first honest senders and
readers alone, then the same with slow connections from 50 addresses, junk
commands, wrong logins, tried names and malformed messages. Printed: how many
honest transactions went well, and how long they took, quiet and attacked;
what became of the attackers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.support.server import ALICE, BOB, Server

_SECTION = re.compile(r"(?ms)^\[(?:limits|bans|harvest)\]\n.*?(?=^\[)")
_LOGIN = re.compile(
    r"(?m)^(?:failure_windows|slow_after|failure_delay_s) .*\n"
)
_DEFENCES = """\
[bans]
exempt = []

[limits]
total = 1200

"""
PATIENCE_S = 20.0
_MESSAGE = b"Subject: hello\r\n\r\n" + b"text\r\n" * 50 + b".\r\n"


@define
class Tally:
    """What honest users found: seconds of each success, and failures."""

    took_s: list[float] = field(factory=list)
    failures: list[str] = field(factory=list)

    def p(self, share: float) -> float:
        """Give a percentile in milliseconds."""
        ordered = sorted(self.took_s) or [float("nan")]
        at = min(len(ordered) - 1, int(len(ordered) * share))
        return ordered[at] * 1000


@define
class Mix:
    """Everybody who talks to the server, and what they were told."""

    server: Server
    heard: Counter[str] = field(factory=Counter)
    running: bool = True

    async def open(self, standard: int, source: str) -> Any:
        """Connect from an address of ours."""
        return await asyncio.wait_for(
            asyncio.open_connection(
                "127.0.0.1",
                self.server.port(standard),
                local_addr=(source, 0),
            ),
            PATIENCE_S,
        )

    # Honest ones

    async def send(self, source: str) -> None:
        """Send a message to a user; raises what goes wrong."""
        reader, writer = await self.open(25, source)
        try:
            await _expect(reader, b"220")
            for line, code in (
                (b"EHLO client.example\r\n", b"250"),
                (b"MAIL FROM:<x@client.example>\r\n", b"250"),
                (f"RCPT TO:<{BOB[0]}>\r\n".encode(), b"250"),
                (b"DATA\r\n", b"354"),
                (
                    b"Subject: hello\r\n\r\n" + b"text\r\n" * 50 + b".\r\n",
                    b"250",
                ),
                (b"QUIT\r\n", b"221"),
            ):
                writer.write(line)
                await _expect(reader, code)
        finally:
            writer.close()

    async def read(self, source: str) -> None:
        """Sign in, look at the inbox, leave; raises what goes wrong."""
        reader, writer = await self.open(143, source)
        try:
            await _expect(reader, b"* OK")
            for number, line in enumerate(
                (
                    f"LOGIN {ALICE[0]} {ALICE[1]}",
                    "SELECT INBOX",
                    "UID FETCH 1:10 (FLAGS RFC822.SIZE)",
                    "LOGOUT",
                )
            ):
                tag = f"a{number}"
                writer.write(f"{tag} {line}\r\n".encode())
                await _tagged(reader, tag.encode())
        finally:
            writer.close()

    async def honest(self, seconds: float) -> dict[str, Tally]:
        """Four senders and two readers, at a steady pace."""
        tallies = {"send": Tally(), "read": Tally()}
        work: list[tuple[str, Callable[[str], Awaitable[None]], str, float]]
        work = [
            ("send", self.send, f"127.9.{at}.1", 0.5) for at in range(4)
        ] + [("read", self.read, f"127.8.{at}.1", 1.0) for at in range(2)]
        end = time.monotonic() + seconds

        async def one(
            name: str,
            act: Callable[[str], Awaitable[None]],
            source: str,
            pace_s: float,
        ) -> None:
            while time.monotonic() < end:
                began = time.monotonic()
                try:
                    await asyncio.wait_for(act(source), PATIENCE_S)
                except Exception as error:
                    tallies[name].failures.append(repr(error))
                else:
                    tallies[name].took_s.append(time.monotonic() - began)
                await asyncio.sleep(
                    max(0.0, began + pace_s - time.monotonic())
                )

        await asyncio.gather(*(one(*each) for each in work))
        return tallies

    # Attackers

    async def attack(
        self, name: str, source: str, port: int, octets: bytes, pace_s: float
    ) -> None:
        """Say the same again and again, on new connections when needed."""
        while self.running:
            try:
                reader, writer = await self.open(port, source)
                self.heard[f"{name} connected"] += 1
                try:
                    while self.running:
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

    async def slow(self, source: str) -> None:
        """One octet every ten seconds."""
        while self.running:
            try:
                reader, writer = await self.open(25, source)
                said = await asyncio.wait_for(reader.read(100), 5)
                if said.startswith(b"220"):
                    self.heard["slow let in"] += 1
                    while self.running and not reader.at_eof():
                        writer.write(b"E")
                        await asyncio.sleep(10)
                else:
                    self.heard["slow sent away"] += 1
                writer.close()
            except (OSError, TimeoutError):
                self.heard["slow cut"] += 1
            await asyncio.sleep(5)

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
        jobs = [self.slow(f"127.1.{at % 50}.1") for at in range(slow)]
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


async def _expect(reader: Any, code: bytes) -> None:
    """Read one reply, which must begin so."""
    while True:
        line = await reader.readline()
        if not line.startswith(code):
            raise ValueError(f"wanted {code!r}, heard {line!r}")
        if line[3:4] != b"-":
            return


async def _tagged(reader: Any, tag: bytes) -> None:
    while True:
        line = await reader.readline()
        if line.startswith(tag):
            if b" OK " not in line:
                raise ValueError(f"heard {line!r}")
            return
        if not line:
            raise ValueError("the server went away")


def control(server: Server, *words: str) -> Any:
    """Ask imailctl."""
    return json.loads(server.imailctl("--json", *words).stdout)


def defended() -> Server:
    """Start a demo server, and switch its defences on."""
    server = Server().start()
    path = Path(server.data, "imailpy.toml")
    text = _SECTION.sub("", path.read_text(encoding="utf-8"))
    path.write_text(_DEFENCES + _LOGIN.sub("", text), encoding="utf-8")
    control(server, "reload")
    return server


async def run(
    server: Server, seconds: float, slow: int
) -> tuple[dict[str, Tally], dict[str, Tally], Counter[str], list[Any]]:
    """Quiet, then attacked; gives both tallies and what attackers heard."""
    mix = Mix(server)
    await mix.read("127.8.0.1")
    await mix.read("127.8.1.1")
    quiet = await mix.honest(max(2.0, seconds / 3))
    tasks = [asyncio.ensure_future(job) for job in mix.attackers(slow)]
    await asyncio.sleep(1)
    status: list[Any] = []

    async def look() -> None:
        await asyncio.sleep(seconds * 0.7)
        loop = asyncio.get_running_loop()
        status.append(
            await loop.run_in_executor(None, control, server, "status")
        )

    attacked, _ = await asyncio.gather(mix.honest(seconds), look())
    mix.running = False
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return quiet, attacked, mix.heard, status


def report(name: str, quiet: Tally, attacked: Tally) -> None:
    """Print how honest users fared."""
    for when, tally in (("quiet", quiet), ("attacked", attacked)):
        count = len(tally.took_s) + len(tally.failures)
        print(
            f"{name:5} {when:9} {len(tally.took_s)}/{count} went well, "
            f"p50 {tally.p(0.5):.1f} ms, p99 {tally.p(0.99):.1f} ms"
        )
        for failure in tally.failures[:5]:
            print(f"      {failure}")
    print(f"{name:5} p99 {attacked.p(0.99) / quiet.p(0.99):.2f} x quiet")


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--slow", type=int, default=1000)
    told = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = defended()
    try:
        quiet, attacked, heard, status = asyncio.run(
            run(server, told.seconds, told.slow)
        )
        for name in quiet:
            report(name, quiet[name], attacked[name])
        for what, count in sorted(heard.items()):
            print(f"{what:22} {count}")
        why = Counter(
            str(ban["why"]).partition(",")[0]
            for ban in control(server, "ban", "list")
        )
        for what, count in sorted(why.items()):
            print(f"banned for {what:30} {count}")
        for each in status:
            print(
                f"connections {each['connections']}, "
                f"stress {each['stress']}, bans {each['bans']}, "
                f"longest turn {each['reactor_longest_ms']} ms"
            )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
