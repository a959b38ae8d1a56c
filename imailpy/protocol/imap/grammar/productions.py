"""What several commands are made of [RFC9051 9]."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from imailpy.mail import SystemFlag
from imailpy.mail.flags import BY_NAME
from imailpy.protocol.imap.commands import STAR, SequenceSet
from imailpy.protocol.imap.lexer import MAX_NUMBER, Lexer
from imailpy.protocol.imap.refusal import Refusal, bad

T = TypeVar("T")

# Nesting of parentheses, OR and NOT together (SECURITY B7).
MAX_NESTING = 50
# Keywords that one message may have; the length of one.
MAX_KEYWORDS = 64
MAX_KEYWORD = 128
# Extension parameters of one command.
MAX_PARAMETERS = 64

# name in capitals -> tokens as written.
Parameters = tuple[tuple[str, tuple[bytes, ...]], ...]

_SET = re.compile(rb"[0-9*:,]+")
_RANGE = re.compile(
    rb"(?:([1-9][0-9]{0,9})|\*)(?::(?:([1-9][0-9]{0,9})|(\*)))?"
)
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME = re.compile(
    rb'"([ 0-3][0-9])-([A-Za-z]{3})-([0-9]{4}) '
    rb'([0-2][0-9]):([0-5][0-9]):([0-6][0-9]) ([+-])([0-9]{2})([0-5][0-9])"'
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1
    )
}
_EPOCH = date(1970, 1, 1).toordinal()
# The last second of the year 9999; the first of the year 1.
_LATEST = (date.max.toordinal() + 1 - _EPOCH) * 86400 - 1
_EARLIEST = (date.min.toordinal() - _EPOCH) * 86400


def parenthesized(lexer: Lexer, one: Callable[[Lexer], T]) -> list[T]:
    """Read "(" things with one blank between ")"; there may be none."""
    lexer.expect(b"(")
    things: list[T] = []
    if lexer.maybe(b")"):
        return things
    while True:
        things.append(one(lexer))
        if lexer.maybe(b")"):
            return things
        lexer.space()


def sequence_set(lexer: Lexer) -> SequenceSet:
    """Read a sequence-set, or `$` [RFC5182 2.1]."""
    if lexer.maybe(b"$"):
        return SequenceSet((), saved=True)
    match = _SET.match(lexer.octets, lexer.at)
    if match is None:
        raise bad("Want a sequence set here")
    lexer.at = match.end()
    return SequenceSet(tuple(map(_range, match.group().split(b","))))


def _range(octets: bytes) -> tuple[int, int]:
    match = _RANGE.fullmatch(octets)
    if match is None:
        raise bad("Broken sequence set")
    first, last, star = match.groups()
    low = STAR if first is None else int(first)
    if star is not None:
        high = STAR
    else:
        high = low if last is None else int(last)
    if low > MAX_NUMBER or high > MAX_NUMBER:
        raise bad("Number out of range")
    return low, high


# Flags


def flag(lexer: Lexer) -> bytes:
    """Read one flag as written."""
    if lexer.maybe(b"\\"):
        return b"\\" + lexer.atom()
    return lexer.atom()


def flag_list(lexer: Lexer) -> tuple[SystemFlag, frozenset[str]]:
    """Read flags in parentheses."""
    return sort_flags(parenthesized(lexer, flag))


def sort_flags(
    flags: list[bytes],
) -> tuple[SystemFlag, frozenset[str]]:
    """
    Part system flags from keywords; the case of a keyword is kept.

    Raises:
        Refusal: BAD for a system flag that there is not (\\Recent cannot be
            set), NO [LIMIT] for too many or too long keywords.
    """
    system = SystemFlag(0)
    keywords: dict[str, str] = {}
    for octets in flags:
        name = octets.decode("ascii")
        if name[0] != "\\":
            keywords.setdefault(name.lower(), name)
            if len(name) > MAX_KEYWORD:
                raise Refusal("NO", "Keyword too long", b"LIMIT")
            continue
        bit = BY_NAME.get(name.upper())
        if bit is None:
            raise bad("No such system flag")
        system |= bit
    if len(keywords) > MAX_KEYWORDS:
        raise Refusal("NO", "Too many keywords", b"LIMIT")
    return system, frozenset(keywords.values())


def keyword(lexer: Lexer) -> str:
    """Read a keyword."""
    return lexer.atom().decode("ascii")


# Dates


def day(lexer: Lexer) -> int:
    """Read a date, quoted or not: days since 1970."""
    is_quoted = lexer.maybe(b'"')
    match = _DATE.match(lexer.octets, lexer.at)
    if match is None:
        raise bad("Want a date like 1-Feb-2003 here")
    lexer.at = match.end()
    if is_quoted:
        lexer.expect(b'"')
    return _days(*match.groups())


def date_time(lexer: Lexer) -> int:
    """Read a date-time with its quotes: seconds since 1970."""
    match = _DATE_TIME.match(lexer.octets, lexer.at)
    if match is None:
        raise bad('Want a date like " 1-Feb-2003 04:05:06 +0000" here')
    lexer.at = match.end()
    hour, minute, second = (int(match.group(n)) for n in (4, 5, 6))
    zone = int(match.group(8)) * 3600 + int(match.group(9)) * 60
    if hour > 23 or second > 60 or zone >= 86400:
        raise bad("No such time")
    seconds = _days(*match.group(1, 2, 3)) * 86400
    seconds += hour * 3600 + minute * 60 + second
    seconds += -zone if match.group(7) == b"+" else zone
    if not _EARLIEST <= seconds <= _LATEST:
        raise bad("No such time")
    return seconds


def _days(day_octets: bytes, month: bytes, year: bytes) -> int:
    try:
        when = date(int(year), _MONTHS[month.upper()], int(day_octets))
    except (KeyError, ValueError):
        raise bad("No such day") from None
    return when.toordinal() - _EPOCH


# Parameters of extensions [RFC4466 2.1]


def parameters(
    lexer: Lexer, known: dict[str, Callable[[Lexer], tuple[bytes, ...]]]
) -> Parameters:
    """
    Read "(" name [SP value] ... ")".

    Args:
        known: name -> reader of what follows the name, its blank included.
            Each extension adds its own; what no extension knows is BAD, as
            the standard wants it.
    """

    def one(lexer: Lexer) -> tuple[str, tuple[bytes, ...]]:
        name = lexer.atom().upper().decode("ascii")
        reader = known.get(name)
        if reader is None:
            raise bad("Unknown parameter")
        return name, reader(lexer)

    found = parenthesized(lexer, one)
    if not found or len(found) > MAX_PARAMETERS:
        raise bad("Want a few parameters")
    return tuple(found)
