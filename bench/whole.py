"""
What one message costs from the socket to the store, without both.

    python -m bench.whole [--directory DIR] [--steps]

Listener, engine, realm, journal, receiver, router and the SQLite store of one
process: fourteen connections, one command at a time, their messages one
group of the writer, which is called in the same thread. CPU microseconds a
message, best of twelve. With `--steps` the interpreter's steps (bytecode
instructions) a message, of each function: they are the same on a busy
machine, where times are not.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
from collections import Counter
from time import process_time
from types import CodeType, FrameType
from typing import Any

from bench import accept
from bench.listener_smtp import Wire
from imailpy.admin.journal import Journal, StreamSink
from imailpy.listeners.smtp import SmtpFactory, SmtpSettings
from imailpy.policy.settings import ConnectionLimits, PolicySettings
from imailpy.realm.realm import Realm
from imailpy.realm.settings import RealmSettings
from tests.support.settings import Fixed

CONNECTIONS = 14
OCTETS = 2048
# Counted as ever, and never too many: all come from one address in no time.
_LIMITS = ConnectionLimits(message_rate=10**9)


class Whole:
    """A house without network and threads, and its clients."""

    def __init__(self, directory: str) -> None:
        self._bench = accept.Bench(directory, OCTETS, CONNECTIONS)
        world: Any = self._bench.world
        counts: Counter[str] = Counter()
        self._sink = StreamSink(world.clock, lambda octets: None, "text")
        journal = Journal(self._sink, lambda event: counts.update((event,)))
        receiver: Any = self._bench.receiver
        receiver._journal = journal
        realm = Realm(
            world,
            Fixed(RealmSettings(policy=PolicySettings(limits=_LIMITS))),
            self._bench.store.directory,
            self._bench.router,
            journal,
        )
        factory = SmtpFactory(
            world, realm, receiver, journal, Fixed(SmtpSettings())
        )
        self._connections = [
            self._greeted(factory) for _ in range(CONNECTIONS)
        ]
        self._sent = 0

    def _greeted(self, factory: Any) -> Any:
        connection = factory.buildProtocol(None)
        connection.transport = Wire()
        connection.connectionMade()
        connection.dataReceived(b"EHLO client.example\r\n")
        return connection

    def group(self) -> float:
        """Take a message over each connection; gives the seconds spent."""
        messages = []
        for _ in self._connections:
            self._sent += 1
            text = accept.message(self._sent, OCTETS).rstrip(b"\r\n")
            messages.append(text + b"\r\n.\r\n")
        begun = process_time()
        for at, connection in enumerate(self._connections):
            connection.dataReceived(b"MAIL FROM:<sender@sender.test>\r\n")
            user = at % len(self._bench.users)
            connection.dataReceived(b"RCPT TO:<u%d@example.test>\r\n" % user)
            connection.dataReceived(b"DATA\r\n")
        for connection, octets in zip(
            self._connections, messages, strict=True
        ):
            connection.dataReceived(octets)
        self._bench.batch.run()
        self._sink.flush()
        spent = process_time() - begun
        for connection in self._connections:
            said = connection.transport.said
            if not said.startswith(b"250 2.0.0 OK "):
                raise SystemExit(f"refused: {said!r}")
        return spent


def measure(whole: Whole, groups: int = 60) -> None:
    """Print the best of twelve."""
    best = min(sum(whole.group() for _ in range(groups)) for _ in range(12))
    print(f"{best / groups / CONNECTIONS * 1e6:.1f} us a message")


def steps(whole: Whole, groups: int = 8, most: int = 60) -> None:
    """Print the interpreter's steps a message, the dearest functions first."""
    counted: Counter[CodeType] = Counter()
    called: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            called[frame.f_code] += 1
        elif event == "opcode":
            counted[frame.f_code] += 1
        return trace

    sys.settrace(trace)
    for _ in range(groups):
        whole.group()
    sys.settrace(None)
    messages = groups * CONNECTIONS
    print(
        f"{sum(counted.values()) / messages:.0f} steps,"
        f" {sum(called.values()) / messages:.0f} calls a message"
    )
    for code, count in counted.most_common(most):
        name = f"{code.co_filename.rpartition('/')[2]} {code.co_qualname}"
        calls = called[code] / messages
        print(f"{count / messages:8.0f} in {calls:5.2f} calls  {name}")


def main() -> None:
    """Print the time, or the steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", default="/dev/shm")
    parser.add_argument("--steps", action="store_true")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(dir=arguments.directory)
    try:
        whole = Whole(directory)
        for _ in range(20):
            whole.group()
        gc.collect()
        gc.freeze()
        if arguments.steps:
            steps(whole)
        else:
            measure(whole)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
