"""
What an IMAP server says, as octets [RFC9051 7] [RFC3501 7].

Functions named after a response give it without "* " and CRLF, ready for
`ServerSession.untagged`; those that begin with `code_` give a response code
without its brackets, ready for `code=`. Many FETCH responses are rendered
into one block and handed to `ServerSession.write` instead: `fetch` does one
line of it, complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from imailpy.mail import SystemFlag, UidSet
from imailpy.mail.flags import WIRE_NAME
from imailpy.protocol.imap import mutf7

CRLF = b"\r\n"

_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
# What a quoted string cannot hold without UTF8=ACCEPT [RFC9051 9].
_UNQUOTABLE = re.compile(rb"[\x00\r\n\x80-\xff]")
_ESCAPE = re.compile(rb'(["\\])')
# A quoted string that is too long makes some clients stumble.
_LONGEST_QUOTED = 1024
_NOT_TEXT = re.compile(r"[^ -~]+")
_MONTHS = (
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
)
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_S = 86400

# Strings


def quoted(octets: bytes) -> bytes:
    """Quote; the octets must be 7-bit without NUL, CR and LF."""
    return b'"' + _ESCAPE.sub(rb"\\\1", octets) + b'"'


def literal(octets: bytes) -> bytes:
    """Give a literal."""
    return b"{%d}\r\n%b" % (len(octets), octets)


def string(octets: bytes) -> bytes:
    """Quote where that is possible, else give a literal."""
    if len(octets) > _LONGEST_QUOTED or _UNQUOTABLE.search(octets):
        return literal(octets)
    return quoted(octets)


def nstring(octets: bytes | None) -> bytes:
    """Give NIL for None, else a string."""
    return b"NIL" if octets is None else string(octets)


def astring(octets: bytes) -> bytes:
    """Give an atom where that is possible, else a string."""
    if _ATOM.fullmatch(octets) and octets.upper() != b"NIL":
        return octets
    return string(octets)


@lru_cache(maxsize=4096)
def mailbox(name: str) -> bytes:
    """Spell the name of a mailbox."""
    return astring(mutf7.encode(name))


def internal_date(seconds: int) -> bytes:
    """Give a date-time with its quotes, in UTC; `seconds` since 1970."""
    day, second = divmod(seconds, _DAY_S)
    return b'"%b %02d:%02d:%02d +0000"' % (
        _day(day),
        second // 3600,
        second // 60 % 60,
        second % 60,
    )


@lru_cache(maxsize=512)
def _day(day: int) -> bytes:
    when = date.fromordinal(day + _EPOCH)
    return b"%2d-%b-%04d" % (when.day, _MONTHS[when.month - 1], when.year)


# Flags

_SYSTEM_FLAGS = tuple(
    b" ".join(
        WIRE_NAME[flag].encode("ascii")
        for flag in SystemFlag
        if flag & SystemFlag(bits)
    )
    for bits in range(32)
)
_SYSTEM_LISTS = tuple(b"(" + flags + b")" for flags in _SYSTEM_FLAGS)


def flag_list(flags: int, keywords: str = "", recent: bool = False) -> bytes:
    """
    Give a flag list with its parentheses.

    Args:
        flags: `SystemFlag` bits.
        keywords: Blank between; empty for none.
        recent: Whether to add \\Recent of rev1 [RFC3501 2.3.2].
    """
    if not keywords and not recent:
        return _SYSTEM_LISTS[flags]
    parts = [_SYSTEM_FLAGS[flags]] if flags else []
    if recent:
        parts.append(b"\\Recent")
    if keywords:
        parts.append(keywords.encode("ascii"))
    return b"(" + b" ".join(parts) + b")"


def flags(keywords: Iterable[str] = ()) -> bytes:
    """FLAGS: what may be set in the mailbox [RFC9051 7.3.5]."""
    return b"FLAGS " + flag_list(31, " ".join(sorted(keywords)))


# Response codes


def code_permanent_flags(
    keywords: Iterable[str] = (), *, more: bool = True, none: bool = False
) -> bytes:
    """
    PERMANENTFLAGS [RFC9051 7.1].

    Args:
        more: Whether new keywords may be made (`\\*`).
        none: Nothing may be changed: read-only.
    """
    if none:
        return b"PERMANENTFLAGS ()"
    names = sorted(keywords) + (["\\*"] if more else [])
    return b"PERMANENTFLAGS " + flag_list(31, " ".join(names))


def code_number(name: bytes, number: int) -> bytes:
    """UIDVALIDITY, UIDNEXT, UNSEEN, HIGHESTMODSEQ."""
    return b"%b %d" % (name, number)


def code_append_uid(uid_validity: int, uids: Iterable[int]) -> bytes:
    """APPENDUID [RFC4315 3]; `uids` in the order of the messages."""
    return b"APPENDUID %d %b" % (uid_validity, uid_list(uids))


def code_copy_uid(
    uid_validity: int, source: Iterable[int], target: Iterable[int]
) -> bytes:
    """COPYUID [RFC4315 3]; both in the same order."""
    return b"COPYUID %d %b %b" % (
        uid_validity,
        uid_list(source),
        uid_list(target),
    )


def uid_list(uids: Iterable[int]) -> bytes:
    """Spell UIDs in their order, what is in a row as a range."""
    parts: list[bytes] = []
    first = last = -1
    for uid in uids:
        if uid == last + 1 and first >= 0:
            last = uid
            continue
        if first >= 0:
            parts.append(_range(first, last))
        first = last = uid
    if first >= 0:
        parts.append(_range(first, last))
    return b",".join(parts)


def _range(first: int, last: int) -> bytes:
    return b"%d" % first if first == last else b"%d:%d" % (first, last)


# Status responses


def text_of(text: str) -> bytes:
    """Make text fit for a line: printable ASCII, never empty."""
    octets = _NOT_TEXT.sub("?", text).encode("ascii")
    # A bracket in front would be read as a response code.
    return octets.lstrip(b"[ ") or b"-"


# The same few answers are given all day.
@lru_cache(maxsize=512)
def condition(status: str, text: str, code: bytes | None = None) -> bytes:
    """OK, NO, BAD, BYE or PREAUTH with its text [RFC9051 7.1]."""
    if code is None:
        return b"%b %b" % (status.encode("ascii"), text_of(text))
    return b"%b [%b] %b" % (status.encode("ascii"), code, text_of(text))


# Server and mailbox data


def capability(names: Iterable[str]) -> bytes:
    """CAPABILITY [RFC9051 7.2.2]; fits as a response code too."""
    return b"CAPABILITY " + " ".join(names).encode("ascii")


def enabled(names: Iterable[str]) -> bytes:
    """ENABLED [RFC5161 3.2]."""
    return b" ".join([b"ENABLED", *(name.encode("ascii") for name in names)])


def identity(fields: Sequence[tuple[str, str | None]]) -> bytes:
    """ID [RFC2971 3.2]."""
    if not fields:
        return b"ID NIL"
    parts: list[bytes] = []
    for name, value in fields:
        parts.append(string(name.encode()))
        parts.append(nstring(None if value is None else value.encode()))
    return b"ID (" + b" ".join(parts) + b")"


def namespace(prefix: str = "", delimiter: str = "/") -> bytes:
    """NAMESPACE with one personal namespace and no other [RFC2342 5]."""
    return b"NAMESPACE ((%b %b)) NIL NIL" % (
        quoted(mutf7.encode(prefix)),
        quoted(delimiter.encode("ascii")),
    )


def listing(
    name: str,
    attributes: Iterable[str] = (),
    *,
    delimiter: str = "/",
    child_info: Iterable[str] = (),
    verb: bytes = b"LIST",
) -> bytes:
    """
    LIST, or LSUB as `verb` says [RFC9051 7.3.1] [RFC3501 7.2.3].

    Args:
        attributes: Such as `\\HasChildren`, `\\Sent`.
        child_info: Selection options for CHILDINFO [RFC5258 6].
    """
    # The root, asked for with an empty pattern, has an empty name.
    spelt = mailbox(name) if name else b'""'
    line = b"%b (%b) %b %b" % (
        verb,
        " ".join(attributes).encode("ascii"),
        quoted(delimiter.encode("ascii")),
        spelt,
    )
    options = b" ".join(b'"' + o.encode("ascii") + b'"' for o in child_info)
    return line + b' ("CHILDINFO" (' + options + b"))" if options else line


def status(name: str, items: Iterable[tuple[str, int]]) -> bytes:
    """STATUS [RFC9051 7.3.4]."""
    return b"STATUS %b (%b)" % (
        mailbox(name),
        b" ".join(b"%b %d" % (item.encode("ascii"), n) for item, n in items),
    )


def search(numbers: Iterable[int]) -> bytes:
    """SEARCH of rev1 [RFC3501 7.2.5]."""
    return b" ".join([b"SEARCH", *(b"%d" % number for number in numbers)])


def esearch(
    tag: bytes,
    *,
    by_uid: bool,
    minimum: int | None = None,
    maximum: int | None = None,
    count: int | None = None,
    found: UidSet | None = None,
) -> bytes:
    """
    ESEARCH [RFC9051 7.3.6] [RFC4731 3.1].

    What is None was not asked for; MIN, MAX and ALL of nothing are left out
    as the standard wants it: give None.
    """
    parts = [b"ESEARCH (TAG %b)" % quoted(tag)]
    if by_uid:
        parts.append(b"UID")
    if minimum is not None:
        parts.append(b"MIN %d" % minimum)
    if maximum is not None:
        parts.append(b"MAX %d" % maximum)
    if count is not None:
        parts.append(b"COUNT %d" % count)
    if found:
        parts.append(b"ALL " + bytes(found))
    return b" ".join(parts)


def exists(messages: int) -> bytes:
    """EXISTS [RFC9051 7.4.1]."""
    return b"%d EXISTS" % messages


def recent(messages: int) -> bytes:
    """RECENT of rev1 [RFC3501 7.3.2]."""
    return b"%d RECENT" % messages


def expunge(number: int) -> bytes:
    """EXPUNGE [RFC9051 7.5.1]; `number` as of this very moment."""
    return b"%d EXPUNGE" % number


def fetch(number: int, items: bytes) -> bytes:
    """
    One whole FETCH line, with "* " and CRLF, for `write`.

    Args:
        items: Names and values, blank between, without parentheses.
    """
    return b"* %d FETCH (%b)\r\n" % (number, items)
