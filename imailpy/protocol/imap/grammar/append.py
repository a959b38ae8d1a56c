"""
APPEND, which is read piece by piece [RFC9051 6.3.12] [RFC3502].

    APPEND mailbox [(flags)] ["date-time"] {n}   then n octets, then
                   [(flags)] ["date-time"] {n}   once more, or the end
"""

from __future__ import annotations

from imailpy.protocol.imap.commands import AppendMessage, Command
from imailpy.protocol.imap.framing import Announced
from imailpy.protocol.imap.grammar.productions import (
    date_time,
    flag,
    parenthesized,
    sort_flags,
)
from imailpy.protocol.imap.lexer import Incomplete, Lexer
from imailpy.protocol.imap.names import to_name
from imailpy.protocol.imap.refusal import bad


def read_first(
    tag: bytes, lexer: Lexer, literal: Announced
) -> AppendMessage | None:
    """
    Read an APPEND up to the announcement of its first message.

    Returns:
        None when the literal is not the message but the mailbox's name.
    """
    lexer.space()
    try:
        mailbox = lexer.astring()
    except Incomplete:
        return None
    return read_message(tag, lexer, literal, to_name(mailbox), first=True)


def read_message(
    tag: bytes,
    lexer: Lexer,
    literal: Announced,
    mailbox: str,
    *,
    first: bool = False,
) -> AppendMessage:
    """Read flags, date and announcement of a message."""
    lexer.space()
    flags: list[bytes] = []
    internal_date = None
    if lexer.peek() == b"(":
        flags = parenthesized(lexer, flag)
        lexer.space()
    if lexer.peek() == b'"':
        internal_date = date_time(lexer)
        lexer.space()
    rest = lexer.octets[lexer.at :]
    if not rest.startswith((b"{", b"~{")) or rest.count(b"{") > 1:
        raise bad("Want flags, a date or a literal here")
    system, keywords = sort_flags(flags)
    return AppendMessage(
        tag,
        mailbox,
        system,
        keywords,
        internal_date,
        literal.size_octets,
        first,
        literal.binary,
    )


def _no_literal(tag: bytes, lexer: Lexer) -> Command:
    raise bad("A message to append comes as a literal")


READERS = {"APPEND": _no_literal}
