"""
The commands' grammar [RFC9051 9].

One module a group of commands, each with its `READERS`: name in capitals ->
reader of the arguments. An extension is one more module, or one more entry
in the tables of one that stands.
"""

from __future__ import annotations

from collections.abc import Callable

from imailpy.protocol.imap.commands import Command
from imailpy.protocol.imap.grammar import (
    append,
    connection,
    fetch,
    listing,
    mailbox,
    message,
    search,
)
from imailpy.protocol.imap.lexer import Incomplete, Lexer
from imailpy.protocol.imap.refusal import bad

# The lexer stands behind the name, at the blank before the first argument.
Reader = Callable[[bytes, Lexer], Command]

READERS: dict[str, Reader] = {
    **connection.READERS,
    **mailbox.READERS,
    **listing.READERS,
    **append.READERS,
    **message.READERS,
    **fetch.READERS,
    **search.READERS,
}


def read_command(verb: str, tag: bytes, lexer: Lexer) -> Command:
    """
    Read one whole command.

    Args:
        verb: A key of `READERS`.

    Raises:
        Refusal: With the answer to give.
    """
    try:
        command = READERS[verb](tag, lexer)
    except Incomplete:
        raise bad("Broken literal") from None
    lexer.end()
    return command
