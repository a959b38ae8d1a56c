"""
From what was told to a block of JSON, and the keys to find it by.

An entry is one of two things, `kind` tells which:

    passage   session, message, client, listener, service, helo, tls, user,
              size_octets, left_out, steps: [{stage, about, verdict, rule,
              reason, entry, reply, snapshot}]
    event     event, session, message and the facts of that line of the log

Both have `at`, seconds since 1970. In a block a passage is a list of its
values and an event is (at, name, facts); decisions stand once at the front:
most clients are told one and the same thing. All that is done for an entry
costs the reactor's thread its time, too, so little is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from imailpy.interfaces.history import Passage
from imailpy.mail import Decision

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False
).encode

# When, an event's name (None: a passage), its facts or the passage.
Told = tuple[float, str | None, Any]

# The values of a passage, in their order.
_PASSAGE = (
    "at",
    "session",
    "message",
    "client",
    "listener",
    "service",
    "helo",
    "tls",
    "user",
    "size_octets",
    "left_out",
)
_DECISION = ("verdict", "rule", "reason", "entry", "reply", "snapshot")
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
_ADDRESS_STAGES = frozenset(("mail", "rcpt", "auth"))


@frozen
class Block:
    """
    Entries that are kept together.

    Attributes:
        text: JSON.
        keys: In small letters, each once.
    """

    first_at: float
    last_at: float
    count: int
    text: str
    keys: frozenset[str]


def block(told: Sequence[Told], messages: dict[str, str]) -> Block:
    """
    Spell entries.

    The message of a passage is told by the events around it: the gate that
    decides does not know its id.

    Args:
        messages: Session -> message that waits for its passage; is changed.
    """
    # A decision's identity -> its place; all of them are alive by now.
    places: dict[int, int] = {}
    decisions: list[Any] = []
    entries: list[Any] = []
    keys: set[str] = set()
    for at, event, what in told:
        if event is not None:
            entries.append((round(at, 3), event, what))
            for name in _KEYS:
                value = what.get(name)
                if value:
                    keys.add(value)
            if event.startswith("smtp."):
                session, message = what.get("session"), what.get("message")
                if session and message:
                    messages[session] = message
            continue
        passage: Passage = what
        client = passage.client
        session = client.session_id
        message = messages.pop(session, None)
        steps = []
        for stage, about, decision in passage.steps:
            place = places.get(id(decision))
            if place is None:
                place = places[id(decision)] = len(decisions)
                decisions.append(_spelt(decision))
            steps.append((stage, about, place))
            if stage in _ADDRESS_STAGES:
                keys.add(about)
        entries.append(
            (
                round(passage.at, 3),
                session,
                message,
                client.address,
                client.listener,
                client.service,
                passage.helo,
                passage.tls,
                passage.user,
                passage.size_octets,
                passage.left_out,
                steps,
            )
        )
        keys.add(session)
        keys.add(client.address)
        if message:
            keys.add(message)
        if passage.user:
            keys.add(passage.user)
    return Block(
        told[0][0],
        told[-1][0],
        len(told),
        _encode((decisions, entries)),
        frozenset(_plain(key) for key in keys if key),
    )


def _spelt(decision: Decision) -> tuple[Any, ...]:
    reply = decision.reply
    return (
        decision.verdict.value,
        decision.rule,
        decision.reason,
        decision.entry,
        None if reply is None else str(reply),
        decision.snapshot,
    )


def _plain(key: Any) -> str:
    return str(key).strip("<>").lower()


def entries_of(text: str) -> Iterator[dict[str, Any]]:
    """Read a block, from its last entry to its first."""
    decisions, entries = json.loads(text)
    told = [dict(zip(_DECISION, each, strict=True)) for each in decisions]
    read: dict[str, Any]
    for entry in reversed(entries):
        if len(entry) == 3:
            at, event, facts = entry
            read = {"kind": "event", "at": at, "event": event}
            for name, value in facts.items():
                # A fact may bear a name of ours: an offence has its kind.
                read[f"{name}_" if name in read else name] = value
            yield read
            continue
        *values, steps = entry
        read = {"kind": "passage"}
        for name, value in zip(_PASSAGE, values, strict=True):
            if value:
                read[name] = value
        read["steps"] = [
            {"stage": stage, "about": about, **told[place]}
            for stage, about, place in steps
        ]
        yield read


def keys_of(entry: Mapping[str, Any]) -> set[str]:
    """Give the keys of an entry that was read."""
    keys = {_plain(entry[name]) for name in _KEYS if entry.get(name)}
    for step in entry.get("steps", ()):
        if step["about"] and step["stage"] in _ADDRESS_STAGES:
            keys.add(_plain(step["about"]))
    return keys
