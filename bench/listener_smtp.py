"""
What a message costs between the socket and the receiver: microseconds of CPU.

    python -m bench.listener_smtp [MESSAGES] [--calls]

One connection in memory: listener, engine, realm and journal are real, the
directory knows everybody, the receiver forgets what it gets. The client says
one command at a time, or pipelines them. Best of seven; with `--calls` the
calls of functions for a message, by cProfile.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from time import process_time
from typing import Any

from imailpy.admin.journal import Journal, StreamSink
from imailpy.interfaces.realm import Standing
from imailpy.listeners.smtp import SmtpFactory, SmtpSettings
from imailpy.mail import Path, Reply
from imailpy.realm.realm import Realm
from imailpy.realm.settings import RealmSettings
from tests.support.receiver import KeptBody
from tests.support.settings import Fixed
from tests.support.still_world import StillWorld

OCTETS = b"Subject: x\r\n\r\n" + (b"y" * 68 + b"\r\n") * 29
ENVELOPE = (
    b"MAIL FROM:<ann@client.example>\r\n",
    b"RCPT TO:<bob@server.example>\r\n",
    b"DATA\r\n",
)
ONE_BY_ONE = (*ENVELOPE, OCTETS + b".\r\n")
PIPELINED = (b"".join(ENVELOPE), OCTETS + b".\r\n")
TAKEN = [Reply(250, "Taken", "2.0.0")]


class Wire:
    """A transport that remembers what was said last."""

    disconnecting = False

    def __init__(self) -> None:
        self.said = b""

    def write(self, octets: bytes) -> None:
        self.said = octets

    def nothing(self, *_: Any) -> None:
        pass

    setTcpNoDelay = registerProducer = unregisterProducer = nothing
    pauseProducing = resumeProducing = loseConnection = nothing
    abortConnection = nothing


class Everybody:
    """`IRecipients`: everybody is here and has room."""

    known = Standing(True, True)

    async def standing(self, path: Path) -> Standing:
        return self.known


class Forgetful:
    """`IReceiver` and `IReceiving` that keep nothing."""

    body = KeptBody(OCTETS)

    def new_delivery_id(self) -> str:
        return "delivery"

    def begin(self, transaction: Any) -> Forgetful:
        return self

    def write(self, octets: bytes) -> None:
        pass

    def finish(self) -> KeptBody:
        return self.body

    async def accept(self, decisions: Any) -> Any:
        return TAKEN

    def discard(self) -> None:
        pass


def greeted() -> tuple[Any, Wire]:
    """A connection that has said EHLO."""
    world: Any = StillWorld()
    counts: dict[str, int] = {}

    def count(event: str) -> None:
        counts[event] = counts.get(event, 0) + 1

    def forget(octets: bytes) -> None:
        pass

    sink = StreamSink(world.clock, forget, "text")
    journal = Journal(sink, count)
    nobody: Any = None
    realm = Realm(world, Fixed(RealmSettings()), nobody, Everybody(), journal)
    factory = SmtpFactory(
        world, realm, Forgetful(), journal, Fixed(SmtpSettings())
    )
    connection = factory.buildProtocol(None)
    wire = Wire()
    connection.transport = wire
    connection.connectionMade()
    connection.dataReceived(b"EHLO client.example\r\n")
    connection.written = sink.flush
    return connection, wire


def send(
    receive: Callable[[bytes], None], pieces: tuple[bytes, ...], count: int
) -> None:
    """Send the message `count` times."""
    for _ in range(count):
        for piece in pieces:
            receive(piece)


def measure(pieces: tuple[bytes, ...], count: int) -> float:
    """Microseconds of CPU for one of `count` messages."""
    connection, wire = greeted()
    begun = process_time()
    send(connection.dataReceived, pieces, count)
    connection.written()
    spent = process_time() - begun
    if wire.said != b"250 2.0.0 Taken\r\n":
        raise SystemExit(f"refused: {wire.said!r}")
    return spent / count * 1e6


def calls(pieces: tuple[bytes, ...]) -> None:
    """Print the calls for a message, the dearest functions first."""
    connection, _ = greeted()
    profile = cProfile.Profile()
    profile.runcall(send, connection.dataReceived, pieces, 1000)
    figures = pstats.Stats(profile)
    print(f"{figures.total_calls / 1000:.0f} calls a message")  # type: ignore[attr-defined]
    figures.sort_stats("tottime").print_stats(50)


def main() -> None:
    """Print both."""
    words = [word for word in sys.argv[1:] if word != "--calls"]
    count = int(words[0]) if words else 3000
    for name, pieces in (("one by one", ONE_BY_ONE), ("piped", PIPELINED)):
        best = min(measure(pieces, count) for _ in range(7))
        print(f"{name:10} {best:6.1f} us a message of {len(OCTETS)} octets")
    if "--calls" in sys.argv:
        calls(ONE_BY_ONE)


if __name__ == "__main__":
    main()
