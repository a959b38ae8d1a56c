"""
What the IMAP engine costs, in microseconds of one core.

    python bench/engine_imap.py

The server's budget for NOOP is 12 us (23 with TLS), socket and reactor
included. The best of several rounds is told, because other work on the
machine only ever adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from imailpy.protocol.imap import responses
from imailpy.protocol.imap.grammar import read_command
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.patterns import Pattern
from imailpy.protocol.imap.session import Options, ServerSession
from imailpy.protocol.imap.state import State

MANY = 20_000
ROUNDS = 5


def best(work: Callable[[], None], times: int) -> float:
    """Give microseconds of one of `times` things that `work` does."""
    found = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        found = min(found, time.perf_counter() - start)
    return found / times * 1e6


def logged_in() -> ServerSession:
    """Give a session with a mailbox selected."""
    session = ServerSession(Options(tls=True))
    session.next_event()
    session.greet("ready")
    session.octets_to_send()
    session.set_state(State.SELECTED)
    return session


def one_by_one(line: bytes) -> Callable[[], None]:
    """Answer one command a turn, as a client that waits makes us."""

    def work() -> None:
        session = logged_in()
        for _ in range(MANY):
            session.receive(line)
            event = session.next_event()
            session.tagged(event.tag, "OK", "Done")
            session.next_event()
            session.octets_to_send()

    return work


def pipelined(line: bytes) -> Callable[[], None]:
    """Answer a thousand commands a turn."""

    def work() -> None:
        session = logged_in()
        octets = line * 1000
        for _ in range(MANY // 1000):
            session.receive(octets)
            while (event := session.next_event()) is not None:
                session.tagged(event.tag, "OK", "Done")
            session.octets_to_send()

    return work


def reading(verb: str, arguments: bytes) -> Callable[[], None]:
    """Read the arguments of one command."""

    def work() -> None:
        for _ in range(MANY):
            read_command(verb, b"a1", Lexer(arguments))

    return work


def matching(pattern: str) -> Callable[[], None]:
    """Hold ten thousand names of 40 characters against a pattern."""
    names = [
        f"Archive/2024/projects/number-{n:05d}/xyz-abc" for n in range(10_000)
    ]

    def work() -> None:
        compiled = Pattern(pattern)
        for name in names:
            compiled.matches(name)

    return work


def main() -> None:
    """Print the table."""
    rows: list[tuple[str, float]] = [
        ("NOOP, one by one", best(one_by_one(b"a1 NOOP\r\n"), MANY)),
        ("NOOP, pipelined", best(pipelined(b"a1 NOOP\r\n"), MANY)),
        (
            "UID FETCH, one by one",
            best(one_by_one(b"a1 UID FETCH 1:* (UID FLAGS)\r\n"), MANY),
        ),
    ]
    for verb, arguments in (
        ("FETCH", b" 1:* FLAGS"),
        (
            "UID FETCH",
            b" 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)",
        ),
        (
            "UID FETCH",
            b" 1,3:5 (UID BODY.PEEK[HEADER.FIELDS (From To Subject Date)])",
        ),
        ("SEARCH", b' UNSEEN OR FROM "ann" SUBJECT "hello" SINCE 1-Jan-2024'),
        ("STORE", b" 1:5 +FLAGS.SILENT (\\Seen \\Deleted)"),
        ("SELECT", b" INBOX"),
    ):
        name = f"read {verb}{arguments.decode()}"
        rows.append((name, best(reading(verb, arguments), MANY)))
    rows.append(("internal date", best(_dates, MANY)))
    for name, us in rows:
        print(f"{us:8.2f} us  {name}")
    for pattern in ("*", "%", "*%*%*%*%*%x", "*a%b*c", "*e*e*e*e*e*e"):
        ms = best(matching(pattern), 1) / 1000
        print(f"{ms:8.2f} ms  LIST {pattern} over 10,000 names")


def _dates() -> None:
    for n in range(MANY):
        responses.internal_date(1_700_000_000 + n * 100)


if __name__ == "__main__":
    main()
