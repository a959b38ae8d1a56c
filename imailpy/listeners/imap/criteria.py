"""
Whether a message meets one key of a search.

Texts are compared case-folded and decoded, as substrings; dates by their day
alone, time and zone left out [RFC9051 6.4.4].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from imailpy.interfaces.store import Column
from imailpy.listeners.imap import listed
from imailpy.listeners.imap.sections import MAX_HEADER, Message
from imailpy.message.header import raw_fields
from imailpy.message.structure import Part
from imailpy.message.text import (
    MOST_OF_MESSAGE,
    MOST_OF_PART,
    field_text,
    header_text,
    part_text,
)
from imailpy.protocol.imap.commands import (
    DateIs,
    HeaderHas,
    SearchKey,
    SizeIs,
    TextHas,
)

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

LISTED = frozenset(name.decode("ascii") for name in listed.NAMES)

DAY_S = 86_400

# A text up to here is decoded and searched at once, in some milliseconds;
# a longer one in a thread.
_AT_ONCE = 64 * 1024

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


async def header_matches(
    session: ImapConnection, message: Message, keys: Sequence[HeaderHas]
) -> list[bool]:
    """Tell which fields of the header section hold their texts."""
    octets = _read(message, *(message.find((), "HEADER") or (0, 0)))
    texts: dict[str, list[str]] = {key.field: [] for key in keys}
    for _, name, value in raw_fields(octets):
        found = texts.get(name.decode("ascii").lower())
        if found is not None:
            found.append(field_text(value).casefold())
    return [any(key.text in text for text in texts[key.field]) for key in keys]


async def text_matches(
    session: ImapConnection, message: Message, keys: Sequence[TextHas]
) -> list[bool]:
    """Tell which texts are in the body, or in body and header sections."""
    left = dict.fromkeys(keys, False)
    room = MOST_OF_MESSAGE
    shift = message.prefix_octets
    in_header = any(key.header for key in keys)
    for index, part in enumerate(message.structure.parts):
        if in_header:
            start = part.header_start + shift if index else 0
            head = _read(message, start, part.body_start + shift)
            if head:
                _look(header_text(head).casefold(), left, header=True)
        if part.is_text and room > 0:
            size = min(part.body_end - part.body_start, MOST_OF_PART, room)
            room -= size
            start = part.body_start + shift
            octets = b"".join(message.chunks(start, start + size))
            await _look_into(session, octets, part, left)
        if all(left.values()):
            break
        if session.turn_is_long():
            await session.breathe()
    return [left[key] for key in keys]


def _read(message: Message, start: int, end: int) -> bytes:
    return b"".join(message.chunks(start, min(end, start + MAX_HEADER)))


async def _look_into(
    session: ImapConnection,
    octets: bytes,
    part: Part,
    found: dict[TextHas, bool],
) -> None:
    open_ = [key for key, match in found.items() if not match]
    texts = tuple(key.text for key in open_)
    if len(octets) <= _AT_ONCE:
        matches = _in_part(octets, part, texts)
    else:
        matches = await session.shared.pool.run(_in_part, octets, part, texts)
    for key, match in zip(open_, matches, strict=True):
        found[key] = match


def _in_part(octets: bytes, part: Part, texts: tuple[str, ...]) -> list[bool]:
    text = part_text(octets, part).casefold()
    return [needle in text for needle in texts]


def _look(text: str, found: dict[TextHas, bool], *, header: bool) -> None:
    for key, match in found.items():
        if not match and key.header >= header and key.text in text:
            found[key] = True
