"""
The header fields that clients list, as the rendition keeps them.

Listings and searches of these never open a body. They are complete fields,
each with its CRLF, so one expression finds those of some names: a line that
begins with the name, and the folded lines behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from imailpy.message.date import parse_date
from imailpy.message.rendition import LISTED_FIELDS
from imailpy.message.text import field_text
from imailpy.protocol.imap.commands import HeaderHas, Section

NAMES = frozenset(LISTED_FIELDS)

_WORD = re.compile(r"\S+")


def is_listed(section: Section) -> bool:
    """Whether the listed fields may hold all that a section asks for."""
    return (
        section.what == "HEADER.FIELDS"
        and not section.part
        and NAMES.issuperset(section.fields)
    )


@lru_cache(maxsize=256)
def picker(names: frozenset[bytes]) -> Callable[[bytes], bytes]:
    """Give what copies the fields of some names, in their order."""
    find = _expression(names, b"").findall
    return lambda fields: b"".join(find(fields))


@lru_cache(maxsize=256)
def _values(name: bytes) -> Callable[[bytes], list[bytes]]:
    """Give what finds the raw values of one field."""
    return _expression(frozenset({name}), b"(").findall


def _expression(names: frozenset[bytes], group: bytes) -> re.Pattern[bytes]:
    either = b"|".join(map(re.escape, sorted(names)))
    close = b")" if group else b""
    return re.compile(
        rb"(?im)^(?:%b)[ \t]*:%b[^\n]*\n(?:[ \t][^\n]*\n)*%b"
        % (either, group, close)
    )


def sent_day(fields: bytes) -> int | None:
    """Days since 1970 of Date, in its own zone."""
    for value in _values(b"date")(fields):
        sent = parse_date(value)
        return None if sent is None else sent.day
    return None


def field_test(key: HeaderHas) -> Callable[[bytes], bool]:
    """
    Give what tells whether a field holds a text.

    Most messages fall out by one look: where nothing is encoded or beyond
    ASCII, the longest word of the text must stand there as it is.
    """
    values = _values(key.field.encode("ascii"))
    needle = key.text
    whole = needle.encode()
    words = _WORD.findall(needle)
    word = max(words, key=len, default="").encode()

    def test(fields: bytes) -> bool:
        if _is_plain(fields) and word not in fields.lower():
            return False
        for value in values(fields):
            if not _is_plain(value):
                if needle in field_text(value).casefold():
                    return True
            elif word == whole:
                # No blank in it that a fold could stand for.
                if whole in value.lower():
                    return True
            elif word in value.lower() and (
                needle in field_text(value).casefold()
            ):
                return True
        return False

    return test


def _is_plain(octets: bytes) -> bool:
    """Whether octets are the text that they stand for."""
    return octets.isascii() and b"=?" not in octets
