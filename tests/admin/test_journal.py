"""What the log looks like."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.journal import (
    Journal,
    StreamSink,
    as_json_line,
    as_text_line,
    level_of,
    observer,
    spell_out,
)
from imailpy.mail import Decision, Reply, Verdict

REFUSED = Decision(
    Verdict.REJECT,
    "relay.stranger",
    "no login",
    Reply(550, "Relaying denied", "5.7.1"),
)


class _Clock:
    """A world's clock on Twisted's."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.now = lambda: 1_750_000_000.25 + self.clock.seconds()
        self.call_later = self.clock.callLater


class SpellTests(SynchronousTestCase):
    """Facts become plain values."""

    def test_decision(self) -> None:
        """A decision is told by its parts."""
        self.assertEqual(
            spell_out({"decision": REFUSED, "none": None, "empty": ""}),
            {
                "verdict": "reject",
                "rule": "relay.stranger",
                "reason": "no login",
                "reply": "550 5.7.1 Relaying denied",
            },
        )

    def test_no_line_is_forged(self) -> None:
        """Line ends and controls of a stranger stay in their field."""
        lines: list[tuple[str, dict[str, Any]]] = []
        journal = Journal(lambda *both: lines.append(both))
        evil = "x\r\n2026 server.stopped\x1b[2J\u2028y"
        journal.record("smtp.offence", said=evil, octets=evil.encode())
        [(_, plain)] = lines
        for text in plain.values():
            self.assertTrue(text.isprintable(), text)
        long = spell_out({"long": "x" * 5000})["long"]
        self.assertLess(len(long), 600)

    def test_levels(self) -> None:
        """Bugs are errors, what we could not do is a warning."""
        for event, level in (
            ("delivery.bug", LogLevel.error),
            ("smtp.failed", LogLevel.error),
            ("login.unavailable", LogLevel.warn),
            ("server.reload_refused", LogLevel.warn),
            ("login.refused", LogLevel.info),
            ("delivery.stored", LogLevel.info),
        ):
            self.assertIs(level_of(event), level, event)


class StreamTests(SynchronousTestCase):
    """Lines on a stream."""

    def lines(self, form: str) -> list[str]:
        """Two events in one turn, and what is written."""
        written: list[bytes] = []
        world: Any = _Clock()
        counted: list[str] = []
        journal = Journal(
            StreamSink(world, written.append, form), counted.append
        )
        journal.record("a.b", session_id="s1", text='two "words"', n=1)
        journal.record("c.failed", decision=REFUSED)
        self.assertEqual(written, [])
        world.clock.advance(0)
        self.assertEqual(len(written), 1)
        self.assertEqual(counted, ["a.b", "c.failed"])
        return written[0].decode().splitlines()

    def test_text(self) -> None:
        """One line an event: stamp, name, facts."""
        first, second = self.lines("text")
        self.assertEqual(
            first,
            "2025-06-15T15:06:40.250Z a.b session=s1 "
            'text="two \\"words\\"" n=1',
        )
        self.assertIn("c.failed verdict=reject rule=relay.stranger", second)

    def test_json(self) -> None:
        """One object an event."""
        first, second = map(json.loads, self.lines("json"))
        self.assertEqual(
            first,
            {
                "time": "2025-06-15T15:06:40.250Z",
                "level": "info",
                "event": "a.b",
                "session": "s1",
                "text": 'two "words"',
                "n": 1,
            },
        )
        self.assertEqual(second["level"], "error")
        self.assertEqual(second["rule"], "relay.stranger")


class ObserverTests(SynchronousTestCase):
    """What goes through Twisted's logger."""

    def events(self, **facts: Any) -> list[dict[str, Any]]:
        """The log events of one record."""
        seen: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        Journal().record("queue.unavailable", **facts)
        return [e for e in seen if "imailpy_event" in e]

    def test_journal(self) -> None:
        """An event has its level, and braces in a fact are harmless."""
        [event] = self.events(said="{0} {event[x]}")
        self.assertIs(event["log_level"], LogLevel.warn)
        self.assertIn('said="{0} {event[x]}"', as_text_line(event))
        plain = json.loads(as_json_line(event))
        self.assertEqual(plain["event"], "queue.unavailable")
        self.assertEqual(plain["level"], "warn")

    def test_least(self) -> None:
        """An observer leaves out what is below its level."""
        lines: list[str] = []
        observe = observer(lines.append, "json", LogLevel.info)
        for level in (LogLevel.debug, LogLevel.info, LogLevel.critical):
            observe({"log_level": level, "log_format": "x", "log_time": 1.0})
        found = [json.loads(line)["level"] for line in lines]
        self.assertEqual(found, ["info", "critical"])
