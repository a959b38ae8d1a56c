"""
SEARCH in the octets of messages: header sections and texts.

All of this runs in the thread for searching, many small messages or one
large one at a time: it reads, decodes and compares. Long texts are decoded
in pieces, so that no single call keeps the interpreter to itself for long.

Decoding is what costs. Where the octets are the text (ASCII, nothing
encoded), a message falls out by one look: the longest word of what is
searched must stand there as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from imailpy.listeners.imap.sections import MAX_HEADER, Message
from imailpy.message.charset import codec
from imailpy.message.header import raw_fields
from imailpy.message.structure import Part
from imailpy.message.text import (
    MOST_OF_MESSAGE,
    MOST_OF_PART,
    field_text,
    header_text,
    part_texts,
)
from imailpy.protocol.imap.commands import HeaderHas, TextHas

_WORD = re.compile(rb"[a-z0-9]+")

# Charsets in which ASCII octets are ASCII.
_ASCII_INSIDE = ("us-ascii", "utf-8", "iso-8859-", "windows-12")


def look(
    find: Any, messages: Sequence[Message], keys: Sequence[Any]
) -> list[list[bool]]:
    """Tell for each message which keys match; `find` is one of those below."""
    return [find(message, keys) for message in messages]


def header_matches(message: Message, keys: Sequence[HeaderHas]) -> list[bool]:
    """Tell which fields of the header section hold their texts."""
    octets = _read(message, *(message.find((), "HEADER") or (0, 0)))
    texts: dict[str, list[str]] = {key.field: [] for key in keys}
    for _, name, value in raw_fields(octets):
        found = texts.get(name.decode("ascii").lower())
        if found is not None:
            found.append(field_text(value).casefold())
    return [any(key.text in text for text in texts[key.field]) for key in keys]


def text_matches(message: Message, keys: Sequence[TextHas]) -> list[bool]:
    """Tell which texts are in the body, or in body and header sections."""
    left = dict.fromkeys(keys, False)
    room = MOST_OF_MESSAGE
    shift = message.prefix_octets
    in_header = any(key.header for key in keys)
    for index, part in enumerate(message.structure.parts):
        if in_header:
            start = part.header_start + shift if index else 0
            _look_into_header(
                _read(message, start, part.body_start + shift), left
            )
        if part.is_text and room > 0:
            size = min(part.body_end - part.body_start, MOST_OF_PART, room)
            room -= size
            start = part.body_start + shift
            octets = b"".join(message.chunks(start, start + size))
            _look_into_part(octets, part, left)
        if all(left.values()):
            break
    return [left[key] for key in keys]


def _read(message: Message, start: int, end: int) -> bytes:
    return b"".join(message.chunks(start, min(end, start + MAX_HEADER)))


def _look_into_header(octets: bytes, found: dict[TextHas, bool]) -> None:
    keys = [key for key, match in found.items() if key.header and not match]
    if not keys:
        return
    if octets.isascii():
        possible = _possible(octets, keys)
        if b"=?" in octets and len(possible) < len(keys):
            # For the others only what is encoded counts.
            octets_of = b"".join(
                raw for raw, _, value in raw_fields(octets) if b"=?" in value
            )
            others = [key for key in keys if key not in possible]
            _compare([header_text(octets_of)], others, found)
        keys = possible
    if keys:
        _compare([header_text(octets)], keys, found)


def _look_into_part(
    octets: bytes, part: Part, found: dict[TextHas, bool]
) -> None:
    keys = [key for key, match in found.items() if not match]
    if _is_plain(octets, part):
        keys = _possible(octets, keys)
    if keys:
        _compare(part_texts(octets, part), keys, found)


def _is_plain(octets: bytes, part: Part) -> bool:
    """Whether the octets of a part are its text."""
    if part.is_html or part.encoding == "base64" or not octets.isascii():
        return False
    if part.encoding == "quoted-printable" and b"=" in octets:
        return False
    return (codec(part.charset) or "us-ascii").startswith(_ASCII_INSIDE)


def _possible(octets: bytes, keys: list[TextHas]) -> list[TextHas]:
    """Leave out the keys that cannot be in a text of ASCII."""
    lower = octets.lower()
    words = ((key, _longest_word(key.text)) for key in keys)
    return [key for key, word in words if word is not None and word in lower]


@lru_cache(maxsize=256)
def _longest_word(text: str) -> bytes | None:
    """Give what no folding of lines can part; None when it is not ASCII."""
    if not text.isascii():
        return None
    return max(_WORD.findall(text.encode()), key=len, default=b"")


def _compare(
    texts: Iterable[str], keys: list[TextHas], found: dict[TextHas, bool]
) -> None:
    most = max(len(key.text) for key in keys)
    for window in _windows(texts, most):
        for key in keys:
            if not found[key] and key.text in window:
                found[key] = True
        if all(found[key] for key in keys):
            return


def _windows(texts: Iterable[str], overlap: int) -> Iterator[str]:
    """Fold pieces of one text; each begins with the end of the last."""
    end = ""
    for text in texts:
        window = end + text.casefold()
        yield window
        end = window[-overlap:] if overlap else ""
