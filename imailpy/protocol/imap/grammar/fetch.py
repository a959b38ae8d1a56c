"""
FETCH and UID FETCH [RFC9051 6.4.5] [RFC3501 6.4.5].

A new data item is one more entry of `ITEMS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import Command, Fetch, FetchItem, Item
from imailpy.protocol.imap.commands import Section as BodySection
from imailpy.protocol.imap.grammar.productions import (
    Parameters,
    parameters,
    parenthesized,
    sequence_set,
)
from imailpy.protocol.imap.lexer import MAX_NUMBER64, Lexer
from imailpy.protocol.imap.refusal import bad

# Depth of a part specifier; names in one HEADER.FIELDS: its label comes
# back with every message. Items of one FETCH, duplicates left out.
MAX_PART_DEPTH = 50
MAX_FIELDS = 256
MAX_ITEMS = 256

# Modifiers of FETCH; each extension adds its own.
FETCH_MODIFIERS: dict[str, Callable[[Lexer], tuple[bytes, ...]]] = {}

_MACROS = {
    b"FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    b"ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    b"FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_FIELD_NAME = re.compile(rb"[!-9;-~]+")
_WHATS = {"HEADER", "TEXT", "MIME", "HEADER.FIELDS", "HEADER.FIELDS.NOT"}


def _plain(name: str) -> Callable[[Lexer], FetchItem]:
    item = Item(name)
    return lambda lexer: item


def _body(lexer: Lexer) -> FetchItem:
    if lexer.peek() != b"[":
        return Item("BODY")
    return _section(lexer, peek=False)


def _peek(lexer: Lexer) -> FetchItem:
    return _section(lexer, peek=True)


# Name in capitals -> reader of what follows it. Those of RFC822 are of rev1.
ITEMS: dict[bytes, Callable[[Lexer], FetchItem]] = {
    b"UID": _plain("UID"),
    b"FLAGS": _plain("FLAGS"),
    b"INTERNALDATE": _plain("INTERNALDATE"),
    b"RFC822.SIZE": _plain("RFC822.SIZE"),
    b"ENVELOPE": _plain("ENVELOPE"),
    b"BODYSTRUCTURE": _plain("BODYSTRUCTURE"),
    b"BODY": _body,
    b"BODY.PEEK": _peek,
    b"RFC822": lambda lexer: BodySection(b"RFC822"),
    b"RFC822.HEADER": lambda lexer: BodySection(
        b"RFC822.HEADER", what="HEADER", peek=True
    ),
    b"RFC822.TEXT": lambda lexer: BodySection(b"RFC822.TEXT", what="TEXT"),
}


def _fetch(tag: bytes, lexer: Lexer, by_uid: bool) -> Command:
    lexer.space()
    sequence = sequence_set(lexer)
    lexer.space()
    if lexer.peek() == b"(":
        items = parenthesized(lexer, _item)
    else:
        items = _macro_or_item(lexer)
    # Asked for twice is answered once (SECURITY B7.6).
    items = list(dict.fromkeys(items))
    if not items or len(items) > MAX_ITEMS:
        raise bad("Want some items, not too many")
    modifiers: Parameters = ()
    if lexer.maybe(b" "):
        modifiers = parameters(lexer, FETCH_MODIFIERS)
    return Fetch(tag, sequence, tuple(items), by_uid, modifiers)


def _macro_or_item(lexer: Lexer) -> list[FetchItem]:
    at = lexer.at
    macro = _MACROS.get(lexer.word())
    if macro is not None:
        return [Item(name) for name in macro]
    lexer.at = at
    return [_item(lexer)]


def _item(lexer: Lexer) -> FetchItem:
    reader = ITEMS.get(lexer.word())
    if reader is None:
        raise bad("Unknown item")
    return reader(lexer)


# BODY[...]


def _section(lexer: Lexer, peek: bool) -> FetchItem:
    """Read `[section]` and `<start.count>`."""
    lexer.expect(b"[")
    part = _part(lexer)
    what = ""
    fields: tuple[bytes, ...] = ()
    if lexer.peek() != b"]":
        what, fields = _what(lexer, bool(part))
    lexer.expect(b"]")
    start: int | None = None
    count = 0
    if lexer.maybe(b"<"):
        start = lexer.number(MAX_NUMBER64)
        lexer.expect(b".")
        count = lexer.number(MAX_NUMBER64)
        lexer.expect(b">")
        if not count:
            raise bad("A partial of nothing")
    folded = tuple(name.lower() for name in fields)
    return BodySection(
        _label(part, what, fields), part, what, folded, peek, start, count
    )


def _part(lexer: Lexer) -> tuple[int, ...]:
    """Read `1.2.3`, and the dot behind it where more follows."""
    part: list[int] = []
    while lexer.next_is_digit():
        number = lexer.number()
        if not number or len(part) >= MAX_PART_DEPTH:
            raise bad("No such part")
        part.append(number)
        if not lexer.maybe(b"."):
            if lexer.peek() != b"]":
                raise bad("Want a section here")
            return tuple(part)
    if part and lexer.peek() == b"]":
        raise bad("Want a section here")
    return tuple(part)


def _what(lexer: Lexer, of_part: bool) -> tuple[str, tuple[bytes, ...]]:
    what = lexer.word().decode("ascii")
    if what not in _WHATS or (what == "MIME" and not of_part):
        raise bad("Unknown section")
    if not what.startswith("HEADER.FIELDS"):
        return what, ()
    lexer.space()
    # Told back as written, duplicates too: clients compare it.
    names = tuple(parenthesized(lexer, _field_name))
    if not names or len(names) > MAX_FIELDS:
        raise bad("Want some field names, not too many")
    return what, names


def _field_name(lexer: Lexer) -> bytes:
    name = lexer.astring()
    if not _FIELD_NAME.fullmatch(name):
        raise bad("Not a field name")
    return name


def _label(
    part: tuple[int, ...], what: str, fields: tuple[bytes, ...]
) -> bytes:
    parts = [str(number) for number in part]
    if what:
        parts.append(what)
    label = b"BODY[" + ".".join(parts).encode("ascii")
    if fields:
        names = b" ".join(responses.astring(name) for name in fields)
        label += b" (" + names + b")"
    return label + b"]"


READERS = {
    "FETCH": lambda tag, lexer: _fetch(tag, lexer, False),
    "UID FETCH": lambda tag, lexer: _fetch(tag, lexer, True),
}
