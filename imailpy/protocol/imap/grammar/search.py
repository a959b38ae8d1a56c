"""
SEARCH and UID SEARCH [RFC9051 6.4.4] [RFC3501 6.4.4] [RFC4731].

    OR and NOT and parentheses nest at most `MAX_NESTING` deep, so reading
    may recurse. A new key is one more entry of `KEYS`.
"""

from __future__ import annotations

from collections.abc import Callable

from imailpy.mail import SystemFlag
from imailpy.protocol.imap.commands import (
    And,
    Command,
    DateIs,
    HasFlag,
    HasKeyword,
    HeaderHas,
    InSet,
    IsRecent,
    Not,
    Or,
    Search,
    SearchKey,
    SizeIs,
    TextHas,
)
from imailpy.protocol.imap.grammar.productions import (
    MAX_NESTING,
    day,
    keyword,
    parenthesized,
    sequence_set,
)
from imailpy.protocol.imap.lexer import MAX_NUMBER64, Lexer
from imailpy.protocol.imap.refusal import Refusal, bad

RETURN_OPTIONS = {"MIN", "MAX", "ALL", "COUNT", "SAVE"}
_CHARSETS = {b"US-ASCII": "ascii", b"ASCII": "ascii", b"UTF-8": "utf-8"}


class Keys:
    """
    Reads search keys.

    Attributes:
        lexer: Where from.
        depth: How deep the key at hand is nested.
    """

    __slots__ = ("_codec", "depth", "lexer")

    def __init__(self, lexer: Lexer, codec: str) -> None:
        self.lexer = lexer
        self.depth = 0
        self._codec = codec

    def one(self) -> SearchKey:
        """Read one key."""
        lexer = self.lexer
        first = lexer.peek()
        if first == b"(":
            return self._nested(self._group)
        if first in (b"*", b"$") or lexer.next_is_digit():
            return InSet(sequence_set(lexer), False)
        reader = KEYS.get(lexer.word())
        if reader is None:
            raise bad("Unknown search key")
        return reader(self)

    def _nested(self, read: Callable[[], SearchKey]) -> SearchKey:
        if self.depth >= MAX_NESTING:
            raise bad("Nested too deeply")
        self.depth += 1
        key = read()
        self.depth -= 1
        return key

    def _group(self) -> SearchKey:
        keys = parenthesized(self.lexer, lambda lexer: self.one())
        if not keys:
            raise bad("Want a search key here")
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def next_key(self) -> SearchKey:
        """Read a blank and one key, a level deeper."""
        self.lexer.space()
        return self._nested(self.one)

    def text(self) -> str:
        """Read a blank and a string, case-folded."""
        self.lexer.space()
        octets = self.lexer.astring()
        try:
            return octets.decode(self._codec).casefold()
        except UnicodeDecodeError:
            raise bad("String is not in that charset") from None


def _fixed(key: SearchKey) -> Callable[[Keys], SearchKey]:
    return lambda keys: key


def _date(field: str, relation: str) -> Callable[[Keys], SearchKey]:
    def read(keys: Keys) -> SearchKey:
        keys.lexer.space()
        return DateIs(field, relation, day(keys.lexer))

    return read


def _size(relation: str) -> Callable[[Keys], SearchKey]:
    def read(keys: Keys) -> SearchKey:
        keys.lexer.space()
        return SizeIs(relation, keys.lexer.number(MAX_NUMBER64))

    return read


def _field(name: str) -> Callable[[Keys], SearchKey]:
    return lambda keys: HeaderHas(name, keys.text())


def _header(keys: Keys) -> SearchKey:
    keys.lexer.space()
    octets = keys.lexer.astring()
    if not octets or not octets.isascii():
        raise bad("Not a field name")
    return HeaderHas(octets.decode("ascii").lower(), keys.text())


def _keyword(keys: Keys) -> SearchKey:
    keys.lexer.space()
    return HasKeyword(keyword(keys.lexer))


def _uid(keys: Keys) -> SearchKey:
    keys.lexer.space()
    return InSet(sequence_set(keys.lexer), True)


def _or(keys: Keys) -> SearchKey:
    left = keys.next_key()
    return Or(left, keys.next_key())


def _flags() -> dict[bytes, Callable[[Keys], SearchKey]]:
    readers: dict[bytes, Callable[[Keys], SearchKey]] = {}
    for flag in SystemFlag:
        name = str(flag.name).encode("ascii")
        readers[name] = _fixed(HasFlag(flag))
        readers[b"UN" + name] = _fixed(Not(HasFlag(flag)))
    return readers


KEYS: dict[bytes, Callable[[Keys], SearchKey]] = {
    **_flags(),
    b"ALL": _fixed(And(())),
    b"RECENT": _fixed(IsRecent()),
    b"OLD": _fixed(Not(IsRecent())),
    b"NEW": _fixed(And((IsRecent(), Not(HasFlag(SystemFlag.SEEN))))),
    b"KEYWORD": _keyword,
    b"UNKEYWORD": lambda keys: Not(_keyword(keys)),
    b"UID": _uid,
    b"NOT": lambda keys: Not(keys.next_key()),
    b"OR": _or,
    b"BEFORE": _date("internal", "before"),
    b"ON": _date("internal", "on"),
    b"SINCE": _date("internal", "since"),
    b"SENTBEFORE": _date("sent", "before"),
    b"SENTON": _date("sent", "on"),
    b"SENTSINCE": _date("sent", "since"),
    b"LARGER": _size("larger"),
    b"SMALLER": _size("smaller"),
    b"HEADER": _header,
    b"FROM": _field("from"),
    b"TO": _field("to"),
    b"CC": _field("cc"),
    b"BCC": _field("bcc"),
    b"SUBJECT": _field("subject"),
    b"BODY": lambda keys: TextHas(keys.text(), False),
    b"TEXT": lambda keys: TextHas(keys.text(), True),
}


def _search(tag: bytes, lexer: Lexer, by_uid: bool) -> Command:
    lexer.space()
    returns = _returns(lexer)
    keys = Keys(lexer, _charset(lexer))
    found = [keys.one()]
    while not lexer.at_end():
        lexer.space()
        found.append(keys.one())
    key = found[0] if len(found) == 1 else And(tuple(found))
    return Search(tag, key, by_uid, returns)


def _returns(lexer: Lexer) -> frozenset[str] | None:
    if lexer.octets[lexer.at : lexer.at + 7].upper() != b"RETURN ":
        return None
    lexer.at += 7
    options = frozenset(parenthesized(lexer, _return_option))
    lexer.space()
    return options


def _return_option(lexer: Lexer) -> str:
    option = lexer.word().decode("ascii")
    if option not in RETURN_OPTIONS:
        raise bad("Unknown return option")
    return option


def _charset(lexer: Lexer) -> str:
    """
    Read CHARSET; a literal without one is UTF-8, as in [RFC9051 6.4.4].

    Raises:
        Refusal: NO [BADCHARSET].
    """
    if lexer.octets[lexer.at : lexer.at + 8].upper() != b"CHARSET ":
        return "utf-8"
    lexer.at += 8
    codec = _CHARSETS.get(lexer.astring().upper())
    if codec is None:
        code = b"BADCHARSET (US-ASCII UTF-8)"
        raise Refusal("NO", "Charset not supported", code)
    lexer.space()
    return codec


READERS = {
    "SEARCH": lambda tag, lexer: _search(tag, lexer, False),
    "UID SEARCH": lambda tag, lexer: _search(tag, lexer, True),
}
