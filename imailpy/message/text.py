"""
The text of a message: for SEARCH BODY and TEXT, and for previews.

    for text in search_text(structure, read):
        if needle in text.casefold(): ...

`read(start, end)` gives octets of the message, counted like the structure's
offsets. What comes out is decoded; whoever compares folds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from imailpy.message.bounds import (
    MAX_FIELD,
    MAX_SECTION,
    PREVIEW_CHARACTERS,
)
from imailpy.message.charset import Decoding, decode
from imailpy.message.encoded_word import decode_words, one_line
from imailpy.message.entity import Kind
from imailpy.message.header import raw_fields, unfold
from imailpy.message.html_text import html_text, html_texts
from imailpy.message.structure import Part, Structure
from imailpy.message.transfer import decode_transfer, transfer_decoder

Read = Callable[[int, int], bytes]

# Octets of one part, as sent, that are searched: the rest of a longer one is
# data that calls itself text.
MOST_OF_PART = 4 * 1024 * 1024
# And of all parts of a message.
MOST_OF_MESSAGE = 16 * 1024 * 1024

# Octets that are decoded at once.
PIECE = 32 * 1024

# Characters of the text from which a preview may come.
_PREVIEW_STEPS = tuple(
    PREVIEW_CHARACTERS * tenths // 10 for tenths in (12, 20, 400)
)
_QUOTE_LINES = re.compile(r"(?m)^[ \t]*+>.*$")


def header_text(octets: bytes) -> str:
    """
    Give the fields of a header section decoded, a line each: what SEARCH
    TEXT and SEARCH HEADER look into.
    """
    fields = raw_fields(octets[:MAX_SECTION])
    return "\n".join(
        [
            f"{name.decode('ascii')}: {decode_words(unfold(value))}"
            for _, name, value in fields
        ]
    )


def field_text(raw_value: bytes) -> str:
    """Give one field's raw value decoded, on one line."""
    return one_line(decode_words(unfold(raw_value[:MAX_FIELD])))


def part_text(octets: bytes, part: Part) -> str:
    """
    Decode the text of a part.

    Args:
        octets: Its body as sent, or the beginning of it.
        part: What the structure says of it; markup is stripped of HTML.
    """
    text = decode(decode_transfer(octets, part.encoding), part.charset)
    return html_text(text) if part.is_html else text


def part_texts(octets: bytes, part: Part) -> Iterator[str]:
    """
    As `part_text`, a long text in pieces: no step of it takes more than
    some milliseconds.
    """
    if len(octets) <= PIECE:
        yield part_text(octets, part)
        return
    texts = _decoded(octets, part)
    yield from html_texts(texts) if part.is_html else texts


def _decoded(octets: bytes, part: Part) -> Iterator[str]:
    transfer = transfer_decoder(part.encoding)
    decoding = Decoding(part.charset)
    for at in range(0, len(octets), PIECE):
        yield decoding.feed(transfer.feed(octets[at : at + PIECE]))
    yield decoding.feed(transfer.finish(), last=True)


def search_text(
    structure: Structure,
    read: Read,
    *,
    header: bool = False,
    prefix_octets: int = 0,
    most_octets: int = MOST_OF_MESSAGE,
) -> Iterator[str]:
    """
    Give the text of all text parts, in their order.

    Args:
        read: Gives octets of the message, prefix in front if there is one.
        header: Give the header sections too, as SEARCH TEXT wants: of the
            message, of messages inside, and of parts.
        prefix_octets: What stands before the octets that were scanned.
        most_octets: After so many octets as sent it ends.
    """
    for index, part in enumerate(structure.parts):
        if header:
            start = part.header_start + prefix_octets if index else 0
            end = min(part.body_start + prefix_octets, start + MAX_SECTION)
            if end > start:
                yield header_text(read(start, end))
        if part.kind is not Kind.TEXT or most_octets <= 0:
            continue
        size = part.body_end - part.body_start
        size = min(size, MOST_OF_PART, most_octets)
        most_octets -= size
        if size:
            start = part.body_start + prefix_octets
            yield "".join(part_texts(read(start, start + size), part))


def preview(
    octets: bytes, *, encoding: str, charset: str, is_html: bool
) -> str:
    """
    Give the beginning of a text for a listing, 200 characters at most, on
    one line [RFC8970 3.3]. Quoted lines are left out unless all are.
    """
    text = decode(decode_transfer(octets, encoding), charset)
    if is_html:
        text = html_text(text)
    elif ">" in text:
        own = _QUOTE_LINES.sub("", text)
        text = own if own.strip() else text
    # Mostly the first few hundred characters are enough.
    for most in _PREVIEW_STEPS:
        shown = " ".join(text[:most].split())
        if len(shown) >= PREVIEW_CHARACTERS or most >= len(text):
            break
    return one_line(shown[:PREVIEW_CHARACTERS]).strip()
