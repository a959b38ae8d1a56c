"""
How fast mail is read: IMAP on one big mailbox, POP3 on a thousand messages.

    python -m bench.reading [--messages N] [--rounds N]
        [--beside imap=PORT,pop3=PORT,user=NAME,user2=NAME,password=WORD]

A server of its own is started and filled. With `--beside` the same mail goes
to another server on this machine, and both take the same steps in turn, so
that what else the machine does hits both alike: what counts is the ratio.
The mailbox there must be one that may be emptied.

Meanwhile a second session says NOOP every few milliseconds: the longest that
it waits is the longest that the server keeps its other clients waiting.
"""

from __future__ import annotations

import argparse
import base64
import random
import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from tests.support.server import ALICE, BOB, HOST, Server

LISTING = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
FIELDS = "(BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"
TEXT = (
    "report meeting schedule invoice project budget review release draft "
    "contract attached figures team office travel order delivery customer "
    "account request update version patch branch test network and the of to"
)
WORDS = TEXT.split()
NAMES = ("Ada Lovelace", "=?utf-8?q?J=C3=BCrgen?= Weiss", "Mary Watson")
POP_MESSAGES = 1000
PAUSE_S = 0.005


def message(number: int) -> bytes:
    """Always the same message of 2 to 10 KB for a number."""
    chance = random.Random(number)
    lines = [
        " ".join(chance.choices(WORDS, k=10))
        for _ in range(chance.randrange(25, 110))
    ]
    text = "\r\n".join(lines)
    if number % 1000 == 77:
        text += "\r\nxylotomous"
    kind = "text/plain; charset=us-ascii"
    if number % 3 == 1:
        octets = base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
        text = (
            f"--b\r\nContent-Type: text/plain\r\n\r\n{lines[0]}\r\n--b\r\n"
            "Content-Type: application/pdf; name=a.pdf\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\n"
            f"{octets.decode()}\r\n--b--"
        )
        kind = "multipart/mixed; boundary=b"
    name = NAMES[number % len(NAMES)]
    return (
        f"From: {name} <p{number % 97}@client.example>\r\n"
        f"To: Alice <alice@example.test>\r\nSubject: {lines[0][:40]}\r\n"
        f"Date: Thu, {number % 28 + 1} Jan 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{number}@client.example>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: {kind}\r\n\r\n{text}\r\n"
    ).encode()


@frozen
class Target:
    """A server under test."""

    name: str
    imap: int
    pop3: int
    reader: tuple[str, str]
    popper: tuple[str, str]


class Imap:
    """A client that looks for nothing but the end of each answer."""

    def __init__(self, port: int, user: tuple[str, str]) -> None:
        self._socket = socket.create_connection((HOST, port), 120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.recv(65536)
        self._tags = 0
        self.say(f'LOGIN "{user[0]}" "{user[1]}"')

    def say(self, command: str, *literals: bytes) -> bytes:
        """
        Say a command and hear the whole answer.

        Args:
            literals: Each is put behind an announcement of its size.
        """
        self._tags += 1
        tag = b"b%dx" % self._tags
        octets = [tag + b" " + command.encode()]
        for literal in literals:
            octets.append(b" {%d+}\r\n%b" % (len(literal), literal))
        self._socket.sendall(b"".join(octets) + b"\r\n")
        return self._answer(tag)

    def _answer(self, tag: bytes) -> bytes:
        heard = []
        end = b""
        while True:
            octets = self._socket.recv(1 << 20)
            if not octets:
                raise ConnectionError(end)
            heard.append(octets)
            end = (end + octets)[-4096:]
            last = end[end[:-2].rfind(b"\n") + 1 :]
            if end.endswith(b"\r\n") and last.startswith(tag + b" "):
                if not last.startswith(tag + b" OK"):
                    raise ValueError(last)
                return b"".join(heard)

    def exists(self, mailbox: str) -> int:
        """Select a mailbox; gives how many messages there are."""
        found = re.findall(rb"\* (\d+) EXISTS", self.say(f"SELECT {mailbox}"))
        return int(found[-1])


class Pop3:
    """The same for POP3."""

    def __init__(self, port: int, user: tuple[str, str]) -> None:
        self._socket = socket.create_connection((HOST, port), 120)
        self._heard = self._socket.makefile("rb", 1 << 18)
        self._heard.readline()
        self.say(f"USER {user[0]}")
        self.say(f"PASS {user[1]}")

    def say(self, command: str) -> bytes:
        self._socket.sendall(command.encode() + b"\r\n")
        line = self._heard.readline()
        if not line.startswith(b"+OK"):
            raise ValueError(line)
        return line

    def retrieve(self, numbers: range) -> None:
        """Fetch messages, all asked for at once."""
        self._socket.sendall(b"".join(b"RETR %d\r\n" % n for n in numbers))
        for _ in numbers:
            for line in self._heard:
                if line == b".\r\n":
                    break


def fill(target: Target, user: tuple[str, str], count: int) -> None:
    """Bring INBOX to `count` messages."""
    client = Imap(target.imap, user)
    if client.exists("INBOX"):
        client.say("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.say("EXPUNGE")
    multiple = b"MULTIAPPEND" in client.say("CAPABILITY")
    step = 50 if multiple else 1
    for start in range(0, count, step):
        some = range(start, min(start + step, count))
        client.say("APPEND INBOX", *map(message, some))


Step = tuple[str, Callable[[], Any]]


def steps(target: Target, count: int) -> Iterator[Step]:
    """What is timed, in order."""
    c = Imap(target.imap, target.reader)
    yield "SELECT", lambda: c.say("SELECT INBOX")
    yield "listing", lambda: c.say(f"UID FETCH 1:* {LISTING}")
    yield "flags", lambda: c.say("UID FETCH 1:* (FLAGS)")
    yield "three fields", lambda: c.say(f"FETCH 1:* {FIELDS}")
    yield "1,000 bodies", lambda: c.say("FETCH 1:1000 (BODY.PEEK[])")
    yield (
        "200 bodies one by one",
        lambda: [c.say(f"FETCH {n} (BODY.PEEK[])") for n in range(1, 201)],
    )
    yield "1,000 NOOP", lambda: [c.say("NOOP") for _ in range(1000)]
    yield "SEARCH TEXT", lambda: c.say("SEARCH TEXT xylotomous")
    yield "SEARCH SUBJECT", lambda: c.say("SEARCH SUBJECT invoice")
    yield "SEARCH UNSEEN", lambda: c.say("SEARCH UNSEEN FLAGGED")
    yield "STORE +", lambda: c.say("STORE 1:* +FLAGS.SILENT ($Bench)")
    yield "STORE -", lambda: c.say("STORE 1:* -FLAGS.SILENT ($Bench)")
    for name in ("Bench1", "Bench2"):
        c.say(f"CREATE {name}")
    new = [message(count + n) for n in range(1000)]
    last = f"{count + 1}:{count + 1000}"
    yield "APPEND 1,000", lambda: [c.say("APPEND INBOX", m) for m in new]
    c.say("NOOP")
    yield "COPY 1,000", lambda: c.say(f"COPY {last} Bench1")
    yield "MOVE 1,000", lambda: c.say(f"MOVE {last} Bench2")
    c.say("SELECT Bench1")
    yield "delete 1,000", lambda: c.say("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    yield "EXPUNGE 1,000", lambda: c.say("EXPUNGE")
    c.say("SELECT INBOX")
    for name in ("Bench1", "Bench2"):
        c.say(f"DELETE {name}")
    yield from _pop3_steps(target)


def _pop3_steps(target: Target) -> Iterator[Step]:
    p = Pop3(target.pop3, target.popper)
    every = range(1, POP_MESSAGES + 1)
    yield (
        "POP3 one by one",
        lambda: [p.retrieve(range(n, n + 1)) for n in every],
    )
    yield (
        "POP3 50 pipelined",
        lambda: [p.retrieve(range(n, n + 50)) for n in every[::50]],
    )


class Watch:
    """
    A second session that wants an answer all the time.

    Attributes:
        longest_s: The longest that it waited, since asked last.
    """

    def __init__(self, target: Target) -> None:
        self._client = Imap(target.imap, target.popper)
        self.longest_s = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._running = True
        self._thread.start()

    def _run(self) -> None:
        while self._running:
            begun = time.perf_counter()
            self._client.say("NOOP")
            waited = time.perf_counter() - begun
            self.longest_s = max(self.longest_s, waited)
            time.sleep(PAUSE_S)

    def stop(self) -> None:
        self._running = False
        self._thread.join()


def once(target: Target, count: int, took: dict[str, list[float]]) -> None:
    """All steps, timed."""
    for name, work in steps(target, count):
        begun = time.perf_counter()
        work()
        took.setdefault(name, []).append(time.perf_counter() - begun)


def waits(target: Target, count: int) -> dict[str, float]:
    """All steps, with somebody else who waits meanwhile."""
    longest = {}
    watch = Watch(target)
    for name, work in steps(target, count):
        watch.longest_s = 0.0
        work()
        # One that waits has had its answer by now.
        time.sleep(4 * PAUSE_S)
        longest[name] = watch.longest_s
    watch.stop()
    return longest


def beside(text: str) -> Target:
    """Read `--beside`: user has the big mailbox, user2 that of POP3."""
    given = dict(part.split("=", 1) for part in text.split(","))
    user = (given["user"], given["password"])
    other = (given["user2"], given["password"])
    return Target(
        "beside", int(given["imap"]), int(given["pop3"]), user, other
    )


def report(
    targets: list[Target],
    took: dict[str, dict[str, list[float]]],
    longest: dict[str, float],
) -> None:
    ours = took[targets[0].name]
    head = "".join(f"{t.name:>10} s" for t in targets)
    print(f"{'':24}{head}{'ratio':>8}{'others wait ms':>16}")
    for name in ours:
        medians = [statistics.median(took[t.name][name]) for t in targets]
        ratio = f"{medians[0] / medians[1]:8.2f}" if medians[1:] else " " * 8
        columns = "".join(f"{median:12.4f}" for median in medians)
        print(f"{name:24}{columns}{ratio}{longest[name] * 1000:16.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=beside)
    options = parser.parse_args()
    server = Server().start()
    try:
        ports = server.port(143), server.port(110)
        targets = [Target("imailpy", *ports, ALICE, BOB)]
        if options.beside is not None:
            targets.append(options.beside)
        for target in targets:
            fill(target, target.popper, POP_MESSAGES)

            fill(target, target.reader, options.messages)
        took: dict[str, dict[str, list[float]]] = {t.name: {} for t in targets}
        for _ in range(options.rounds):
            for target in targets:
                once(target, options.messages, took[target.name])
        report(targets, took, waits(targets[0], options.messages))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
