"""
SIGKILL at random moments under load, and an account of what was promised.

    python -m tests.whole.kills --kills 1000 --seed 7

Twenty senders, five IMAP writers and the queue are at work when the server
dies. After each start everything that was acknowledged must be there, once,
octet by octet; UIDs and UIDVALIDITY never go back. At the end the queue has
drained into the sink, with duplicates only of what was in flight.
"""

from __future__ import annotations

import argparse
import hashlib
import imaplib
import random
import re
import socket
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import apsw

from tests.support.server import HOST, Server, free_port, wait_for

SENDERS = 20
WRITERS = 5
# It reads every octet that was ever stored.
AUDIT_EVERY = 10
PASSWORD = "kill-test-password"
ID = re.compile(rb"X-Kill-Id: (\S+)")


def text_of(name: str, size: int) -> bytes:
    """A message that can be known again by its header and its hash."""
    line = hashlib.sha256(name.encode()).hexdigest().encode() + b"\r\n"
    body = line * (size // len(line) + 1)
    return (
        b"From: <alice@example.test>\r\nTo: <x@example.test>\r\n"
        b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        b"Message-ID: <%b@kill.test>\r\nX-Kill-Id: %b\r\n\r\n%b"
        % (name.encode(), name.encode(), body)
    )


def digest(octets: bytes) -> str:
    """Of what the sender wrote: from its own first field on."""
    start = octets.find(b"From: <alice")
    return hashlib.sha256(octets[start:]).hexdigest()


class Sink(threading.Thread):
    """The world: an SMTP server that takes all and remembers."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.port = free_port()
        self.listening = socket.create_server((HOST, self.port), backlog=200)
        self.came: Counter[str] = Counter()
        self.start()

    def run(self) -> None:
        while True:
            stream, _ = self.listening.accept()
            threading.Thread(
                target=self.serve, args=(stream,), daemon=True
            ).start()

    def serve(self, stream: socket.socket) -> None:
        lines = stream.makefile("rwb")
        try:
            self.talk(lines)
        except OSError:
            pass
        finally:
            stream.close()

    def talk(self, lines) -> None:
        def say(octets: bytes) -> None:
            lines.write(octets)
            lines.flush()

        say(b"220 sink\r\n")
        for line in lines:
            verb = line[:4].upper()
            if verb == b"QUIT":
                say(b"221 bye\r\n")
                return
            if verb == b"DATA":
                say(b"354 go\r\n")
                found = ""
                for part in lines:
                    if part == b".\r\n":
                        break
                    hit = ID.match(part)
                    if hit:
                        found = hit.group(1).decode()
                else:
                    return
                self.came[found] += 1
                say(b"250 ok\r\n")
            elif verb == b"EHLO":
                say(b"250-sink\r\n250 PIPELINING\r\n")
            else:
                say(b"250 ok\r\n")


@dataclass
class Ledger:
    """
    What was acknowledged.

    Attributes:
        stored: name -> (account, digest) of mail and drafts.
        uids: (account, mailbox, uid_validity, uid) -> name, by APPENDUID.
        gone: names whose EXPUNGE was acknowledged.
        maybe_gone: names whose EXPUNGE was asked for.
        outside: names accepted for the world.
    """

    stored: dict[str, tuple[str, str]] = field(default_factory=dict)
    uids: dict[tuple[str, str, int, int], str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    maybe_gone: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Campaign:
    """One run of so many kills."""

    def __init__(self, kills: int, seed: int) -> None:
        self.kills = kills
        self.random = random.Random(seed)
        self.sink = Sink()
        self.server = Server("--smarthost", f"{HOST}:{self.sink.port}")
        self.ledger = Ledger()
        self.serial = 0
        self.stopping = threading.Event()
        self.validity: dict[tuple[str, str], int] = {}
        self.highest: dict[tuple[str, str], int] = {}
        # (account, mailbox, uid) -> name of the message, "" for others.
        self.known: dict[tuple[str, str, int], str] = {}
        self.numbers: dict[str, list[int]] = {}
        self.starts_s: list[float] = []
        self.work_s: list[float] = []
        self.problems: list[str] = []
        self.errors: Counter[str] = Counter()

    def name(self, kind: str) -> str:
        with self.ledger.lock:
            self.serial += 1
            return f"{kind}{self.serial}"

    # The load

    def sender(self, number: int) -> None:
        chance = random.Random(number * 7919 + self.serial)
        account = f"u{number % WRITERS}@example.test"
        outside = number % 4 == 0
        try:
            with socket.create_connection(
                (HOST, self.server.port(24 if outside else 25)), 10
            ) as stream:
                self.send_all(stream, account, outside, chance)
        except (OSError, ValueError) as error:
            self.errors[type(error).__name__] += 1

    def send_all(self, stream, account: str, outside: bool, chance) -> None:
        lines = stream.makefile("rwb")

        def reply() -> bytes:
            while True:
                line = lines.readline()
                if not line:
                    raise OSError("gone")
                if line[3:4] != b"-":
                    return line

        def ask(octets: bytes) -> bytes:
            lines.write(octets)
            lines.flush()
            return reply()

        reply()
        # LMTP takes mail for an alias that leads to the world.
        target = "world@example.test" if outside else account
        ask(b"LHLO c.test\r\n" if outside else b"EHLO c.test\r\n")
        while not self.stopping.is_set():
            name = self.name("m")
            octets = text_of(name, chance.choice((500, 2000, 60_000)))
            ask(b"MAIL FROM:<alice@example.test>\r\n")
            ask(b"RCPT TO:<%b>\r\n" % target.encode())
            if not ask(b"DATA\r\n").startswith(b"354"):
                raise ValueError("DATA was refused")
            if ask(octets + b".\r\n").startswith(b"250"):
                with self.ledger.lock:
                    if outside:
                        self.ledger.outside.add(name)
                    else:
                        self.ledger.stored[name] = (account, digest(octets))

    def writer(self, number: int) -> None:
        account = f"u{number}@example.test"
        try:
            client = imaplib.IMAP4(HOST, self.server.port(143), timeout=10)
            client.login(account, PASSWORD)
            while not self.stopping.is_set():
                self.write_once(client, account)
        except (OSError, imaplib.IMAP4.error) as error:
            self.errors[type(error).__name__] += 1

    def write_once(self, client: imaplib.IMAP4, account: str) -> None:
        name = self.name("d")
        octets = text_of(name, 3000)
        kind, data = client.append("Drafts", "(\\Draft)", None, octets)
        if kind != "OK":
            return
        hit = re.search(rb"APPENDUID (\d+) (\d+)", data[0])
        if hit is None:
            raise imaplib.IMAP4.error("no APPENDUID")
        validity, uid = map(int, hit.groups())
        with self.ledger.lock:
            self.ledger.stored[name] = (account, digest(octets))
            self.ledger.uids[account, "Drafts", validity, uid] = name
        client.select("Drafts")
        client.uid("STORE", str(uid), "+FLAGS", "(\\Flagged)")
        if uid % 3 == 0:
            self.ledger.maybe_gone.add(name)
            client.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)")
            kind, _ = client.uid("EXPUNGE", str(uid))
            if kind == "OK":
                self.ledger.gone.add(name)

    # The account

    def audit(self, *, whole: bool = False) -> None:
        """
        Compare what is there with what was promised.

        Args:
            whole: Read every message again, not only those that are new.
        """
        if whole:
            self.known.clear()
        for number in range(WRITERS):
            account = f"u{number}@example.test"
            client = imaplib.IMAP4(HOST, self.server.port(143), timeout=30)
            client.login(account, PASSWORD)
            seen: Counter[str] = Counter()
            for mailbox in ("INBOX", "Drafts"):
                self.audit_mailbox(client, account, mailbox, seen)
            client.logout()
            self.compare(account, seen)
        self.audit_numbers()
        if whole or len(self.starts_s) % AUDIT_EVERY == 1:
            done = self.server.imailctl("audit", "--json", wait_s=600)
            if done.returncode:
                self.problems.append(f"audit: {done.stdout} {done.stderr}")

    def audit_numbers(self) -> None:
        """No UIDNEXT and no MODSEQ is lower than at the last start."""
        database = apsw.Connection(
            f"{self.server.data}/mail.db", apsw.SQLITE_OPEN_READONLY
        )
        try:
            rows = list(
                database.execute(
                    "SELECT id, uid_validity, uid_next, highest_modseq"
                    " FROM mailboxes"
                )
            )
        finally:
            database.close()
        for mailbox, *numbers in rows:
            before = self.numbers.get(mailbox, numbers)
            if any(b > n for b, n in zip(before, numbers, strict=True)):
                self.problems.append(f"{mailbox}: {before} became {numbers}")
            self.numbers[mailbox] = numbers

    def audit_mailbox(
        self, client, account: str, mailbox: str, seen: Counter[str]
    ) -> None:
        _, data = client.status(mailbox, "(UIDVALIDITY UIDNEXT MESSAGES)")
        validity, uid_next, count = map(
            int,
            (
                re.search(rb"%b (\d+)" % word, data[0]).group(1)
                for word in (b"UIDVALIDITY", b"UIDNEXT", b"MESSAGES")
            ),
        )
        key = (account, mailbox)
        if self.validity.setdefault(key, validity) != validity:
            self.problems.append(f"{key}: UIDVALIDITY changed")
        if uid_next < self.highest.get(key, 0):
            self.problems.append(f"{key}: UIDNEXT went back")
        self.highest[key] = uid_next
        if not count:
            return
        client.select(mailbox, readonly=True)
        _, data = client.uid("SEARCH", "ALL")
        uids = [int(word) for word in data[0].split()]
        new = [uid for uid in uids if (*key, uid) not in self.known]
        for at in range(0, len(new), 500):
            self.read(client, key, validity, new[at : at + 500])
        for uid in uids:
            name = self.known.get((*key, uid))
            if name is None:
                self.problems.append(f"{key}: UID {uid} cannot be read")
            elif name:
                seen[name] += 1

    def read(
        self, client, key: tuple[str, str], validity: int, uids: list[int]
    ) -> None:
        """Read messages, and look whether they are what was accepted."""
        _, data = client.uid(
            "FETCH", ",".join(map(str, uids)), "(UID BODY.PEEK[])"
        )
        for part in data:
            if not isinstance(part, tuple):
                continue
            uid = int(re.search(rb"UID (\d+)", part[0]).group(1))
            found = ID.search(part[1])
            name = found.group(1).decode() if found is not None else ""
            self.known[*key, uid] = name
            known = self.ledger.uids.get((*key, validity, uid))
            if known is not None and known != name:
                self.problems.append(f"{key}: UID {uid} is another message")
            promised = self.ledger.stored.get(name)
            if promised is not None and promised[1] != digest(part[1]):
                self.problems.append(f"{name}: other octets than accepted")

    def compare(self, account: str, seen: Counter[str]) -> None:
        for name, count in seen.items():
            if count > 1:
                self.problems.append(f"{name}: stored {count} times")
            if name in self.ledger.gone:
                self.problems.append(f"{name}: came back after EXPUNGE")
        for name, (owner, _) in self.ledger.stored.items():
            if (
                owner == account
                and name not in seen
                and name not in self.ledger.maybe_gone
            ):
                self.problems.append(f"{name}: acknowledged and lost")

    # The course of it

    def prepare(self) -> None:
        self.server.start()
        for number in range(WRITERS):
            made = self.server.imailctl(
                "account",
                "add",
                f"u{number}@example.test",
                "--password-stdin",
                text=PASSWORD + "\n",
            )
            if made.returncode:
                raise AssertionError(made.stderr)
        made = self.server.imailctl(
            "alias", "add", "world@example.test", "x@elsewhere.test"
        )
        if made.returncode:
            raise AssertionError(made.stderr)

    def once(self) -> None:
        self.stopping.clear()
        threads = [
            threading.Thread(target=self.sender, args=(n,), daemon=True)
            for n in range(SENDERS)
        ] + [
            threading.Thread(target=self.writer, args=(n,), daemon=True)
            for n in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(0.02, 2.0))
        self.server.kill()
        self.stopping.set()
        for thread in threads:
            thread.join(30)
        began = time.monotonic()
        self.server.start()
        self.starts_s.append(time.monotonic() - began)
        self.work_s.append(self.server.work_s())
        self.audit()

    @property
    def slowest_start_s(self) -> float:
        """From the start of the process, Python's own included, to 220."""
        return max(self.starts_s)

    def run(self) -> list[str]:
        """Give the problems; none is what was promised."""
        self.prepare()
        try:
            for number in range(self.kills):
                self.once()
                if self.problems:
                    self.problems.append(f"at kill {number + 1}")
                    return self.problems
            self.server.imailctl("queue", "retry", "all")
            wait_for("the queue to drain", self.drained, 60, 0.5)
            self.audit(whole=True)
        finally:
            self.server.stop()
        return self.problems

    def drained(self) -> bool:
        return all(self.sink.came[name] for name in self.ledger.outside)

    def figures(self) -> str:
        twice = sum(count - 1 for count in self.sink.came.values() if count)
        return (
            f"{self.kills} kills, {len(self.ledger.stored)} stored, "
            f"{len(self.ledger.outside)} sent on, {twice} remote duplicates, "
            f"start {statistics.median(self.starts_s):.2f} s, "
            f"slowest {self.slowest_start_s:.2f} s "
            f"(of CPU {max(self.work_s):.2f} s), "
            f"{len(self.problems)} problems"
        )


def main() -> int:
    """The long campaign, by hand."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    campaign = Campaign(options.kills, options.seed)
    problems = campaign.run()
    print(campaign.figures())
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
