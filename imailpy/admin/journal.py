"""
What happened: one line in the log, and the counters.

Everything goes through Twisted's logger, so that `twistd --logger` decides
where it ends; `text_lines` and `json_lines` are two observers for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any

from twisted.logger import (
    ILogObserver,
    Logger,
    LogLevel,
    eventAsText,
    formatEvent,
)
from zope.interface import directlyProvides, implementer

from imailpy.admin.flood import Flood
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.world import IClock
from imailpy.mail import Decision

_MOST_TEXT = 500
# Events that tell what becomes of a message.
_STORY = ("smtp.", "delivery.", "dsn.")
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def _spell(value: Any) -> Any:
    """Give a fact a form that JSON knows."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    text = str(value)
    if not text.isprintable():
        text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."


def spell_out(facts: dict[str, Any]) -> dict[str, Any]:
    """Turn facts into plain values; a decision into its parts."""
    plain: dict[str, Any] = {}
    for name, value in facts.items():
        if type(value) is int:
            plain[name] = value
        elif type(value) is str:
            # Most of what is told is this.
            if value:
                plain[name] = (
                    value
                    if len(value) <= _MOST_TEXT and value.isprintable()
                    else _spell(value)
                )
        elif isinstance(value, Decision):
            plain["verdict"] = value.verdict.value
            plain["rule"] = value.rule
            plain["reason"] = _spell(value.reason)
            if value.entry:
                plain["entry"] = _spell(value.entry)
            if value.reply is not None:
                plain["reply"] = _spell(value.reply)
        elif value is not None and value != "":
            plain[name] = _spell(value)
    return plain


def as_text(event: str, plain: dict[str, Any]) -> str:
    """Spell an event as `name key=value key="two words"`."""
    words = [event]
    for name, value in plain.items():
        if type(value) is not int:
            if type(value) is not str:
                value = str(value)
            # To look three times is faster than one regular expression.
            if " " in value or "=" in value or '"' in value or not value:
                value = _quoted(value)
        words.append(f"{name}={value}")
    return " ".join(words)


# The last word of an event -> its level; all others are information.
_LEVELS = {
    "begun": LogLevel.warn,
    "bug": LogLevel.error,
    "failed": LogLevel.error,
    "limit_alert": LogLevel.warn,
    "busy": LogLevel.warn,
    "disabled": LogLevel.error,
    "reload_refused": LogLevel.warn,
    "unavailable": LogLevel.warn,
    "unrecorded": LogLevel.warn,
    "unsendable": LogLevel.warn,
    "unstored": LogLevel.warn,
}


def level_of(event: str) -> Any:
    """Give the level of an event by its name."""
    if event == "policy.refused":
        # Ours, not a peer's.
        return LogLevel.error
    return _LEVELS.get(event.rpartition(".")[2], LogLevel.info)


Sink = Callable[[str, dict[str, Any]], None]


@implementer(IJournal)
class Journal:
    """
    Logs and counts.

    Args:
        sink: Gets (event, plain facts); Twisted's logger unless given.
        count: Called with the name of every event.
        verbose: Whether what was simply accepted has lines of its own, too.
        keep: Gets what becomes of mail, for the history.
        clock: Keeps a flood of like lines short; None: all are written.
    """

    log = Logger(namespace="imailpy")

    def __init__(
        self,
        sink: Sink | None = None,
        count: Callable[[str], None] | None = None,
        verbose: bool = False,
        *,
        keep: Callable[[str, dict[str, Any]], None] | None = None,
        clock: IClock | None = None,
    ) -> None:
        self._keep = keep
        self._sink = self._to_logger if sink is None else sink
        self.flood = None if clock is None else Flood(clock, self._sink)
        self._count = count
        self.verbose = verbose

    def record(
        self,
        event: str,
        *,
        session_id: str = "",
        message_id: str = "",
        **facts: Any,
    ) -> None:
        if self._count is not None:
            self._count(event)
        plain = spell_out(
            {"session": session_id, "message": message_id, **facts}
        )
        if self._keep is not None and event.startswith(_STORY):
            self._keep(event, plain)
        if self.flood is None or self.flood.passes(event, plain):
            self._sink(event, plain)

    def _to_logger(self, event: str, plain: dict[str, Any]) -> None:
        self.log.emit(
            level_of(event),
            "{happening}",
            happening=as_text(event, plain),
            imailpy_event=event,
            imailpy_facts=plain,
        )


class StreamSink:
    """
    Writes lines to a stream, those of one turn of the reactor together.

    Args:
        write: Takes octets.
        form: `text` or `json`.
    """

    def __init__(
        self, clock: IClock, write: Callable[[bytes], object], form: str
    ) -> None:
        self._clock = clock
        self._write = write
        self._as_json = form == "json"
        self._lines: list[str] = []
        self._second = -1
        self._stamp = ""

    def __call__(self, event: str, plain: dict[str, Any]) -> None:
        if not self._lines:
            self._clock.call_later(0.0, self.flush)
        now = self._clock.now()
        if int(now) != self._second:
            self._second = int(now)
            moment = datetime.fromtimestamp(self._second, UTC)
            self._stamp = moment.strftime("%Y-%m-%dT%H:%M:%S")
        stamp = f"{self._stamp}.{int(now % 1 * 1000):03}Z"
        if self._as_json:
            line = {"time": stamp, "level": level_of(event).name}
            line.update(event=event, **plain)
            self._lines.append(json.dumps(line, ensure_ascii=False))
        else:
            self._lines.append(f"{stamp} {as_text(event, plain)}")

    def flush(self) -> None:
        """Write what there is."""
        lines, self._lines = self._lines, []
        if lines:
            lines.append("")
            self._write("\n".join(lines).encode("utf-8", "replace"))


def _stamp(event: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(event: dict[str, Any]) -> str:
    return str(event.get("log_level", LogLevel.info).name)


def as_json_line(event: dict[str, Any]) -> str:
    """Spell a log event as one line of JSON."""
    line: dict[str, Any] = {"time": _stamp(event), "level": _level(event)}
    if "imailpy_event" in event:
        line["event"] = event["imailpy_event"]
        line.update(event["imailpy_facts"])
    else:
        line["event"] = "log"
        line["namespace"] = event.get("log_namespace", "")
        line["text"] = eventAsText(event, includeTimestamp=False)
    return json.dumps(line, ensure_ascii=False, default=str) + "\n"


def as_text_line(event: dict[str, Any]) -> str:
    """Spell a log event as one line of text (a traceback has more)."""
    if "imailpy_event" in event:
        text = formatEvent(event)
    else:
        text = eventAsText(event, includeTimestamp=False)
    return f"{_stamp(event)} {_level(event)} {text}\n"


def observer(
    write: Callable[[str], object], form: str, least: Any = LogLevel.debug
) -> Callable[[dict[str, Any]], None]:
    """
    Make a log observer.

    Args:
        write: Takes a line with its end.
        form: `text` or `json`.
        least: Events below this level are left out.
    """
    spell = as_json_line if form == "json" else as_text_line

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_level", LogLevel.info) >= least:
            write(spell(event))

    directlyProvides(observe, ILogObserver)
    return observe


def _standard_output(form: str) -> Callable[[dict[str, Any]], None]:
    import sys

    stream: IO[str] = sys.stdout

    def write(line: str) -> None:
        stream.write(line)
        stream.flush()

    return observer(write, form)


def json_lines() -> Callable[[dict[str, Any]], None]:
    """For `twistd --logger imailpy.admin.journal.json_lines`."""
    return _standard_output("json")


def text_lines() -> Callable[[dict[str, Any]], None]:
    """For `twistd --logger imailpy.admin.journal.text_lines`."""
    return _standard_output("text")
