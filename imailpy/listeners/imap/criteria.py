"""
Whether a message meets one key of a search.

Texts are compared case-folded and decoded, as substrings; dates by their day
alone, time and zone left out [RFC9051 6.4.4].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imailpy.interfaces.store import Column
from imailpy.listeners.imap import listed
from imailpy.protocol.imap.commands import (
    DateIs,
    HeaderHas,
    SearchKey,
    SizeIs,
)

LISTED = frozenset(name.decode("ascii") for name in listed.NAMES)

DAY_S = 86_400

RowTest = Callable[[Any], bool]


def row_test(key: SearchKey) -> tuple[Column, RowTest]:
    """Give the column that decides a key, and how."""
    if isinstance(key, SizeIs):
        octets = key.octets
        if key.relation == "larger":
            return Column.SIZE, lambda size: size > octets
        return Column.SIZE, lambda size: size < octets
    if isinstance(key, HeaderHas):
        return Column.LISTED_FIELDS, listed.field_test(key)
    if not isinstance(key, DateIs):
        raise ValueError(f"no column decides {key}")
    fits = _RELATIONS[key.relation]
    day = key.day
    if key.field == "sent":
        return Column.LISTED_FIELDS, lambda fields: _sent(fields, fits, day)
    column = Column.SAVE_DATE if key.field == "saved" else Column.INTERNAL_DATE
    return column, lambda seconds: fits(seconds // DAY_S, day)


_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "before": lambda day, limit: day < limit,
    "on": lambda day, limit: day == limit,
    "since": lambda day, limit: day >= limit,
}


def _sent(fields: bytes, fits: Callable[[int, int], bool], limit: int) -> bool:
    day = listed.sent_day(fields)
    return day is not None and fits(day, limit)
