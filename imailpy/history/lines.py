"""
From what was told to a line of JSON, and the keys to find it by.

An entry is one of two things, `kind` tells which:

    passage   session, message, client, listener, service, helo, tls, user,
              size_octets, left_out, steps: [{stage, about, verdict, rule,
              reason, entry, reply, snapshot}]
    event     event, session, message and the facts of that line of the log

Both have `at`, seconds since 1970. On the disk names are one letter, and
what is empty is left out: see `_SHORT`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imailpy.interfaces.history import Passage

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False
).encode

# On the disk -> in an entry, in their order.
_SHORT = {
    "t": "at",
    "s": "session",
    "m": "message",
    "c": "client",
    "l": "listener",
    "v": "service",
    "h": "helo",
    "x": "tls",
    "u": "user",
    "z": "size_octets",
    "o": "left_out",
}
_STEP = (
    "stage",
    "about",
    "verdict",
    "rule",
    "reason",
    "entry",
    "reply",
    "snapshot",
)
# Facts of an event, and of a passage, that it can be found by.
_KEYS = (
    "session",
    "message",
    "client",
    "user",
    "recipient",
    "reverse_path",
    "row",
    "first",
)
_MAIL_STAGES = frozenset(("mail", "rcpt", "auth"))


def passage_line(passage: Passage, message: str) -> tuple[str, list[str]]:
    """Give (line, keys) of a passage that made this message, or none."""
    client = passage.client
    values = (
        round(passage.at, 3),
        client.session_id,
        message,
        client.address,
        client.listener,
        client.service,
        passage.helo,
        passage.tls,
        passage.user,
        passage.size_octets,
        passage.left_out,
    )
    kept: dict[str, Any] = {
        short: value
        for short, value in zip(_SHORT, values, strict=True)
        if value
    }
    keys = [client.session_id, client.address]
    if message:
        keys.append(message)
    if passage.user:
        keys.append(passage.user.lower())
    steps = []
    for stage, about, decision in passage.steps:
        reply = decision.reply
        steps.append(
            (
                stage,
                about,
                decision.verdict.value,
                decision.rule,
                decision.reason,
                decision.entry,
                None if reply is None else str(reply),
                decision.snapshot,
            )
        )
        if about and stage in _MAIL_STAGES:
            keys.append(about.lower())
    kept["d"] = steps
    return _encode(kept), keys


def event_line(
    at: float, event: str, facts: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """Give (line, keys) of an event."""
    kept = {"t": round(at, 3), "e": event, **facts}
    return _encode(kept), _keys_of(facts)


def _keys_of(facts: Mapping[str, Any]) -> list[str]:
    return [
        str(facts[name]).strip("<>").lower()
        for name in _KEYS
        if facts.get(name)
    ]


def read_line(line: str) -> dict[str, Any]:
    """Read a line back into an entry."""
    kept: dict[str, Any] = json.loads(line)
    steps = kept.pop("d", None)
    if steps is None:
        at, event = kept.pop("t"), kept.pop("e")
        return {"kind": "event", "at": at, "event": event, **kept}
    entry: dict[str, Any] = {"kind": "passage"}
    for short, name in _SHORT.items():
        if short in kept:
            entry[name] = kept[short]
    entry["steps"] = [dict(zip(_STEP, step, strict=True)) for step in steps]
    return entry


def keys_of(entry: Mapping[str, Any]) -> set[str]:
    """Give the keys of an entry that was read back."""
    return {*_keys_of(entry), *_about(entry.get("steps", ()))}


def _about(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        if step["about"] and step["stage"] in _MAIL_STAGES:
            yield step["about"].lower()
