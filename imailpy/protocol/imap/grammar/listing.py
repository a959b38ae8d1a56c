"""LIST with its extensions, and LSUB [RFC9051 6.3.9] [RFC5258]."""

from __future__ import annotations

from imailpy.protocol.imap.commands import Command, List, Lsub
from imailpy.protocol.imap.grammar.mailbox import status_items
from imailpy.protocol.imap.grammar.productions import parenthesized
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.names import to_pattern
from imailpy.protocol.imap.patterns import MAX_PATTERN, MAX_WILDCARDS, squeeze
from imailpy.protocol.imap.refusal import Refusal, bad

SELECTION_OPTIONS = {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"}
# RECURSIVEMATCH needs one of these beside it [RFC5258 3.1]; SPECIAL-USE is
# none of them [RFC6154 6].
BASE_OPTIONS = {"SUBSCRIBED"}
RETURN_OPTIONS = {"SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS"}
# Each name of the account is held against each pattern.
MAX_PATTERNS = 64


def _list(tag: bytes, lexer: Lexer) -> Command:
    lexer.space()
    extended = False
    selection: frozenset[str] = frozenset()
    if lexer.peek() == b"(":
        extended = True
        selection = _selection(lexer)
        lexer.space()
    reference = to_pattern(lexer.astring())
    lexer.space()
    if lexer.peek() == b"(":
        extended = True
        patterns = parenthesized(lexer, _pattern)
        if not patterns or len(patterns) > MAX_PATTERNS:
            raise bad("Want some patterns, not too many")
    else:
        patterns = [_pattern(lexer)]
    returns: dict[str, tuple[str, ...]] = {}
    if lexer.maybe(b" "):
        extended = True
        returns = _returns(lexer)
    return List(
        tag,
        reference,
        tuple(patterns),
        selection,
        frozenset(returns),
        returns.get("STATUS", ()),
        extended,
    )


def _selection(lexer: Lexer) -> frozenset[str]:
    options = frozenset(parenthesized(lexer, _selection_option))
    if "RECURSIVEMATCH" in options and not options & BASE_OPTIONS:
        raise bad("RECURSIVEMATCH stands alone")
    return options


def _selection_option(lexer: Lexer) -> str:
    option = lexer.word().decode("ascii")
    if option not in SELECTION_OPTIONS:
        raise bad("Unknown selection option")
    return option


def _returns(lexer: Lexer) -> dict[str, tuple[str, ...]]:
    if lexer.word() != b"RETURN":
        raise bad("Want RETURN here")
    lexer.space()
    return dict(parenthesized(lexer, _return_option))


def _return_option(lexer: Lexer) -> tuple[str, tuple[str, ...]]:
    option = lexer.word().decode("ascii")
    if option not in RETURN_OPTIONS:
        raise bad("Unknown return option")
    if option != "STATUS":
        return option, ()
    lexer.space()
    return option, status_items(lexer)


def _pattern(lexer: Lexer) -> str:
    pattern = squeeze(to_pattern(lexer.list_mailbox()))
    wildcards = pattern.count("*") + pattern.count("%")
    if len(pattern) > MAX_PATTERN or wildcards > MAX_WILDCARDS:
        raise Refusal("NO", "Pattern too complicated", b"LIMIT")
    return pattern


def _lsub(tag: bytes, lexer: Lexer) -> Command:
    """LSUB [RFC3501 6.3.9]."""
    lexer.space()
    reference = to_pattern(lexer.astring())
    lexer.space()
    return Lsub(tag, reference, _pattern(lexer))


READERS = {"LIST": _list, "LSUB": _lsub}
