"""STORE, COPY, MOVE and EXPUNGE, by number and by UID."""

from __future__ import annotations

from collections.abc import Callable

from imailpy.protocol.imap.commands import (
    Command,
    Copy,
    Expunge,
    Move,
    Store,
)
from imailpy.protocol.imap.grammar.productions import (
    Parameters,
    flag,
    parameters,
    parenthesized,
    sequence_set,
    sort_flags,
)
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.names import read_mailbox
from imailpy.protocol.imap.refusal import bad

# Modifiers of STORE; each extension adds its own.
STORE_MODIFIERS: dict[str, Callable[[Lexer], tuple[bytes, ...]]] = {}

# As written -> mode, silent [RFC9051 6.4.6].
STORE_ITEMS = {
    b"FLAGS": ("replace", False),
    b"FLAGS.SILENT": ("replace", True),
    b"+FLAGS": ("add", False),
    b"+FLAGS.SILENT": ("add", True),
    b"-FLAGS": ("remove", False),
    b"-FLAGS.SILENT": ("remove", True),
}


def _store(tag: bytes, lexer: Lexer, by_uid: bool) -> Command:
    lexer.space()
    sequence = sequence_set(lexer)
    lexer.space()
    modifiers: Parameters = ()
    if lexer.peek() == b"(":
        modifiers = parameters(lexer, STORE_MODIFIERS)
        lexer.space()
    item = STORE_ITEMS.get(lexer.atom().upper())
    if item is None:
        raise bad("Want FLAGS, +FLAGS or -FLAGS here")
    lexer.space()
    if lexer.peek() == b"(":
        flags = parenthesized(lexer, flag)
    else:
        flags = [flag(lexer)]
        while lexer.maybe(b" "):
            flags.append(flag(lexer))
    lexer.end()
    system, keywords = sort_flags(flags)
    mode, silent = item
    return Store(
        tag, sequence, mode, system, keywords, silent, by_uid, modifiers
    )


def _copy(tag: bytes, lexer: Lexer, by_uid: bool) -> Command:
    lexer.space()
    sequence = sequence_set(lexer)
    lexer.space()
    return Copy(tag, sequence, read_mailbox(lexer), by_uid)


def _move(tag: bytes, lexer: Lexer, by_uid: bool) -> Command:
    """MOVE [RFC6851 3.1]."""
    lexer.space()
    sequence = sequence_set(lexer)
    lexer.space()
    return Move(tag, sequence, read_mailbox(lexer), by_uid)


def _uid_expunge(tag: bytes, lexer: Lexer) -> Command:
    """UID EXPUNGE [RFC4315 2.1]."""
    lexer.space()
    return Expunge(tag, sequence_set(lexer))


READERS = {
    "STORE": lambda tag, lexer: _store(tag, lexer, False),
    "UID STORE": lambda tag, lexer: _store(tag, lexer, True),
    "COPY": lambda tag, lexer: _copy(tag, lexer, False),
    "UID COPY": lambda tag, lexer: _copy(tag, lexer, True),
    "MOVE": lambda tag, lexer: _move(tag, lexer, False),
    "UID MOVE": lambda tag, lexer: _move(tag, lexer, True),
    "EXPUNGE": lambda tag, lexer: Expunge(tag),
    "UID EXPUNGE": _uid_expunge,
}
