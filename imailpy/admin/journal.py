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

from imailpy.interfaces.journal import IJournal
from imailpy.mail import Decision

_MOST_TEXT = 500


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
        if isinstance(value, Decision):
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
        text = str(value)
        if not text or any(c in text for c in ' "='):
            text = json.dumps(text, ensure_ascii=False)
        words.append(f"{name}={text}")
    return " ".join(words)


@implementer(IJournal)
class Journal:
    """
    Logs and counts.

    Args:
        count: Called with the name of every event.
    """

    log = Logger(namespace="imailpy")

    def __init__(self, count: Callable[[str], None] | None = None) -> None:
        self._count = count

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
        self.log.info(
            "{happening}",
            happening=as_text(event, plain),
            imailpy_event=event,
            imailpy_facts=plain,
        )


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
    write: Callable[[str], object], form: str
) -> Callable[[dict[str, Any]], None]:
    """
    Make a log observer.

    Args:
        write: Takes a line with its end.
        form: `text` or `json`.
    """
    spell = as_json_line if form == "json" else as_text_line

    def observe(event: dict[str, Any]) -> None:
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
