"""
What a FETCH comes down to: a line template and what fills it.

    UID FETCH ... (FLAGS ENVELOPE)
    -> b"* %d FETCH (UID %d FLAGS %b ENVELOPE %b)\\r\\n", UID, FLAGS, ENVELOPE

The list of items is read once; what is left for each message are a few maps
over columns of rows. Header fields that clients list are one more column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from attrs import evolve, frozen

from imailpy.interfaces.store import Column
from imailpy.listeners.imap.listed import is_listed, picker
from imailpy.listeners.imap.sections import columns_for
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import FetchItem, Item, Section

Render = Callable[[Any], bytes]

# Plans with so many items and field names are kept for the next time.
_MOST_KEPT = 32

# Stands for the column of a place that is filled from the shared mailbox.
FLAGS = -1


@frozen
class Plan:
    """
    How the messages of a FETCH are told.

    Attributes:
        line: Template, the number in front; without its end.
        fills: For each place behind the number: the column's index in a row,
            or `FLAGS`, and what renders it.
        columns: Of the rows, UID first; nothing but UID needs no rows.
        flags: FLAGS is among the items.
        sections: To be streamed behind the line.
        marks_seen: A section without PEEK is among them.
        slow: Sections stand among the places: the plan without that, for
            messages whose listed fields are not complete.
    """

    line: bytes
    fills: tuple[tuple[int, Render | None], ...]
    columns: tuple[Column, ...]
    flags: bool
    sections: tuple[Section, ...]
    marks_seen: bool
    slow: Plan | None = None


# Item -> its place in the template, the column, how a value is rendered.
_ITEMS: dict[str, tuple[bytes, Column, Render | None]] = {
    "UID": (b"UID %d", Column.UID, None),
    "INTERNALDATE": (
        b"INTERNALDATE %b",
        Column.INTERNAL_DATE,
        responses.internal_date,
    ),
    "RFC822.SIZE": (b"RFC822.SIZE %d", Column.SIZE, None),
    "ENVELOPE": (b"ENVELOPE %b", Column.ENVELOPE, None),
    "BODY": (b"BODY %b", Column.BODY, None),
    "BODYSTRUCTURE": (b"BODYSTRUCTURE %b", Column.BODYSTRUCTURE, None),
}


class _Places:
    """The places of a line, and the columns that they need."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.fills: list[tuple[int, Render | None]] = []
        self.columns: list[Column] = [Column.UID]

    def add(
        self, text: bytes, column: Column, render: Render | None = None
    ) -> None:
        if column not in self.columns:
            self.columns.append(column)
        self.texts.append(text)
        self.fills.append((self.columns.index(column), render))

    def add_item(self, name: str) -> None:
        if name == "FLAGS":
            self.texts.append(b"FLAGS %b")
            self.fills.append((FLAGS, None))
        else:
            self.add(*_ITEMS[name])

    def add_listed(self, section: Section) -> None:
        pick = picker(frozenset(section.fields))
        self.add(
            section.label + b" %b",
            Column.LISTED_FIELDS,
            lambda fields: responses.literal(pick(fields) + b"\r\n"),
        )


def plan_for(items: Sequence[FetchItem], *, by_uid: bool) -> Plan:
    """
    Make a plan; what is asked for twice is given once.

    Args:
        by_uid: UID is part of the answer, asked for or not [RFC9051 6.4.9].
    """
    fields = sum(len(i.fields) for i in items if isinstance(i, Section))
    if len(items) + fields > _MOST_KEPT:
        return _new_plan(items, by_uid)
    return _kept_plan(tuple(items), by_uid)


@lru_cache(maxsize=256)
def _kept_plan(items: tuple[FetchItem, ...], by_uid: bool) -> Plan:
    """Clients ask for the same things again and again."""
    return _new_plan(items, by_uid)


def _new_plan(items: Sequence[FetchItem], by_uid: bool) -> Plan:
    names = [item.name for item in items if isinstance(item, Item)]
    if by_uid:
        names.insert(0, "UID")
    names = list(dict.fromkeys(names))
    sections = _distinct(items)
    if not sections:
        return _plan(names, ())
    slow = _plan(names, sections)
    if not all(_at_hand(section) for section in sections):
        return slow
    return evolve(_plan(names, (), sections), slow=slow)


def _plan(
    names: Sequence[str],
    sections: tuple[Section, ...],
    listed: tuple[Section, ...] = (),
) -> Plan:
    places = _Places()
    for name in names:
        places.add_item(name)
    for section in listed:
        places.add_listed(section)
    needed = [Column.COMPLETE] if listed else columns_for(sections)
    for column in needed:
        if column not in places.columns:
            places.columns.append(column)
    return Plan(
        line=b"* %d FETCH (" + b" ".join(places.texts),
        fills=tuple(places.fills),
        columns=tuple(places.columns),
        flags="FLAGS" in names,
        sections=sections,
        marks_seen=any(not section.peek for section in sections),
    )


def _at_hand(section: Section) -> bool:
    """Whether a section is a part of the row, most of the time."""
    return is_listed(section) and section.peek and section.start is None


def _distinct(items: Sequence[FetchItem]) -> tuple[Section, ...]:
    """Each section once; it is a peek only where every mention is one."""
    found: dict[Section, bool] = {}
    for item in items:
        if isinstance(item, Section):
            bare = evolve(item, peek=True)
            found[bare] = found.get(bare, True) and item.peek
    return tuple(evolve(bare, peek=peek) for bare, peek in found.items())
