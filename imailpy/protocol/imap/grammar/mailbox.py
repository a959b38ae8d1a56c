"""Commands that name a mailbox, but LIST."""

from __future__ import annotations

from collections.abc import Callable

from imailpy.protocol.imap.commands import (
    Close,
    Command,
    Create,
    Delete,
    Rename,
    Select,
    Status,
    Subscribe,
    Unselect,
)
from imailpy.protocol.imap.grammar.productions import (
    Parameters,
    parameters,
    parenthesized,
)
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.names import DELIMITER, read_mailbox, to_name
from imailpy.protocol.imap.refusal import Refusal, bad

# What STATUS may ask for [RFC9051 6.3.11] [RFC3501 6.3.10] [RFC8438 2].
STATUS_ITEMS = {
    "MESSAGES",
    "RECENT",
    "UIDNEXT",
    "UIDVALIDITY",
    "UNSEEN",
    "DELETED",
    "SIZE",
}

# Parameters of SELECT and EXAMINE; each extension adds its own.
SELECT_PARAMETERS: dict[str, Callable[[Lexer], tuple[bytes, ...]]] = {}

# Special uses that a client may give a new mailbox [RFC6154 3]; \All and
# \Flagged are views, which there are none here.
CREATABLE_USES = {
    name.upper(): name
    for name in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
}


def _select(tag: bytes, lexer: Lexer, read_only: bool) -> Command:
    lexer.space()
    octets = lexer.astring()
    given: Parameters = ()
    if lexer.maybe(b" "):
        given = parameters(lexer, SELECT_PARAMETERS)
    lexer.end()
    return Select(tag, to_name(octets), read_only, given)


def _create(tag: bytes, lexer: Lexer) -> Command:
    """CREATE, with USE of [RFC6154 3]."""
    lexer.space()
    octets = lexer.astring()
    special_use = None
    if lexer.maybe(b" "):
        lexer.expect(b"(")
        if lexer.word() != b"USE":
            raise bad("Unknown parameter")
        lexer.space()
        special_use = _special_use(parenthesized(lexer, _use))
        lexer.expect(b")")
    lexer.end()
    # A trailing delimiter says that children will follow; they may anyway
    # [RFC9051 6.3.4].
    name = to_name(octets.removesuffix(DELIMITER.encode("ascii")))
    return Create(tag, name, special_use)


def _use(lexer: Lexer) -> str:
    lexer.expect(b"\\")
    return "\\" + lexer.atom().decode("ascii")


def _special_use(uses: list[str]) -> str | None:
    if not uses:
        return None
    name = CREATABLE_USES.get(uses[0].upper())
    if name is None or len(uses) > 1:
        raise Refusal("NO", "No mailbox for such a use", b"USEATTR")
    return name


def _delete(tag: bytes, lexer: Lexer) -> Command:
    lexer.space()
    return Delete(tag, read_mailbox(lexer))


def _rename(tag: bytes, lexer: Lexer) -> Command:
    lexer.space()
    old = lexer.astring()
    lexer.space()
    new = lexer.astring()
    lexer.end()
    return Rename(tag, to_name(old), to_name(new))


def _subscribe(tag: bytes, lexer: Lexer) -> Command:
    lexer.space()
    return Subscribe(tag, read_mailbox(lexer), True)


def _unsubscribe(tag: bytes, lexer: Lexer) -> Command:
    lexer.space()
    return Subscribe(tag, read_mailbox(lexer), False)


def status_items(lexer: Lexer) -> tuple[str, ...]:
    """Read what STATUS asks for, each once."""
    items = dict.fromkeys(parenthesized(lexer, _status_item))
    if not items:
        raise bad("Want a status item here")
    return tuple(items)


def _status_item(lexer: Lexer) -> str:
    item = lexer.word().decode("ascii")
    if item not in STATUS_ITEMS:
        raise bad("Unknown status item")
    return item


def _status(tag: bytes, lexer: Lexer) -> Command:
    lexer.space()
    octets = lexer.astring()
    lexer.space()
    items = status_items(lexer)
    lexer.end()
    return Status(tag, to_name(octets), items)


READERS = {
    "SELECT": lambda tag, lexer: _select(tag, lexer, False),
    "EXAMINE": lambda tag, lexer: _select(tag, lexer, True),
    "CREATE": _create,
    "DELETE": _delete,
    "RENAME": _rename,
    "SUBSCRIBE": _subscribe,
    "UNSUBSCRIBE": _unsubscribe,
    "STATUS": _status,
    "CLOSE": lambda tag, lexer: Close(tag),
    "UNSELECT": lambda tag, lexer: Unselect(tag),
}
