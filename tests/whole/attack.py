"""
Honest users beside everything that attackers do, all at once.

    python -m tests.whole.attack [--seconds 30] [--slow 5000]

A demo server with its defences switched on. First honest senders and readers
alone, then the same ones for as long beside slow connections from 50
addresses, junk commands, wrong logins, tried names and malformed messages
[SECURITY L5]. Printed: how many honest transactions went well, and how long
they took, quiet and attacked; what became of the attackers.

Server, honest users and attackers are a process each. The attackers' is nice
(`attackers.NICE`): where all share a few cores, the figures tell of the
server, not of the cost of attacking it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.support.server import ALICE, BOB, HOUSE, Server
from tests.whole.attackers import NICE

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
# Each honest user comes once in so many seconds.
PACE_S = 0.5
WARM_S = 2.0
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
class Honest:
    """The honest ones, each at an address of its own."""

    server: Server

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
                (_MESSAGE, b"250"),
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

    async def work(self, seconds: float) -> dict[str, Tally]:
        """Four senders and four readers, twice a second each."""
        tallies = {"send": Tally(), "read": Tally()}
        users: list[tuple[str, Callable[[str], Awaitable[None]], str]]
        users = [("send", self.send, f"127.9.{at}.1") for at in range(4)]
        users += [("read", self.read, f"127.8.{at}.1") for at in range(4)]
        end = time.monotonic() + seconds

        async def one(
            name: str,
            act: Callable[[str], Awaitable[None]],
            source: str,
            first_s: float,
        ) -> None:
            await asyncio.sleep(first_s)
            while time.monotonic() < end:
                began = time.monotonic()
                try:
                    await asyncio.wait_for(act(source), PATIENCE_S)
                except Exception as error:
                    tallies[name].failures.append(repr(error))
                else:
                    tallies[name].took_s.append(time.monotonic() - began)
                await asyncio.sleep(
                    max(0.0, began + PACE_S - time.monotonic())
                )

        # Not all of them in the same moment.
        await asyncio.gather(
            *(
                one(*user, at * PACE_S / len(users))
                for at, user in enumerate(users)
            )
        )
        return tallies


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


def attackers(server: Server, slow: int) -> subprocess.Popen[str]:
    """Start them; they end with their input, and print what they heard."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.whole.attackers",
            f"--port-offset={server.offset}",
            f"--slow={slow}",
        ],
        cwd=HOUSE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@define
class Outcome:
    """Both tallies, what the attackers heard, and the server's figures."""

    quiet: dict[str, Tally]
    attacked: dict[str, Tally]
    heard: Counter[str]
    # After the quiet time, and at the end of the attack.
    status: list[Any]


def run(server: Server, seconds: float, slow: int) -> Outcome:
    """Quiet, then attacked, each for `seconds`."""
    honest = Honest(server)
    asyncio.run(honest.work(WARM_S))
    quiet = asyncio.run(honest.work(seconds))
    status = [control(server, "status")]
    enemies = attackers(server, slow)
    try:
        time.sleep(WARM_S)
        attacked = asyncio.run(honest.work(seconds))
        status.append(control(server, "status"))
        said, _ = enemies.communicate(timeout=60)
    finally:
        enemies.kill()
        enemies.wait()
    return Outcome(quiet, attacked, Counter(json.loads(said)), status)


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
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--slow", type=int, default=5000)
    told = parser.parse_args()
    server = defended()
    try:
        came = run(server, told.seconds, told.slow)
        print(f"attackers: a process of their own, nice {NICE}")
        for name in came.quiet:
            report(name, came.quiet[name], came.attacked[name])
        for what, count in sorted(came.heard.items()):
            print(f"{what:28} {count}")
        why = Counter(
            str(ban["why"]).partition(",")[0]
            for ban in control(server, "ban", "list")
        )
        for what, count in sorted(why.items()):
            print(f"banned for {what:30} {count}")
        for when, each in zip(("quiet", "attacked"), came.status, strict=True):
            print(
                f"{when:9} connections {each['connections']}, "
                f"stress {each['stress']}, bans {each['bans']}, "
                f"longest turn {each['reactor_longest_ms']} ms"
            )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
