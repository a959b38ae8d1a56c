"""
Where a command ends [RFC9051 2.2.1] [RFC7888].

A line that ends in a literal's announcement is followed by so many octets
and then by more of the same command. Who reads that wrongly takes octets of
a message for commands; so an announcement counts only in its exact form, in
the place of an argument, outside a quoted string, and what only looks like
one is fatal if its sender would not wait for us.
"""

from __future__ import annotations

import re

from attrs import frozen

KB = 1024

# Before login a command, its literals included. ID alone may be as long as
# its own standard lets it be [RFC2971 3.3].
MAX_COMMAND_BEFORE_LOGIN = 8 * KB
MAX_ID_BEFORE_LOGIN = 36 * KB
# After login: the text of a command without its literals; one literal
# outside APPEND; all of a command.
MAX_TEXT = 64 * KB
MAX_LITERAL = 64 * KB
MAX_COMMAND = 512 * KB
MAX_TAG = 128

# How much of a long line's end is kept to see a literal announced there.
TAIL = 64

_ANNOUNCED = re.compile(rb"(?:[ (]|^)(~?)\{(0|[1-9][0-9]{0,19})(\+?)\}\r\n\Z")
_LOOKS_LIKE_ONE = re.compile(rb"\{[^{}\"\s]{0,40}\+\}\r?\n\Z")
_OUTSIDE_QUOTES = re.compile(rb'(?:[^"]++|"(?:[^"\\\r\n]++|\\.)*+")*+')
# ASTRING-CHAR without "+", and without "]", which would end a response code
# where a tag is repeated.
_TAG = re.compile(rb"([!#$&',-\[^-z|}~]{1,%d}+)(?: |\Z)" % MAX_TAG)
_VERB = re.compile(rb"([A-Za-z]{1,32})(?= |\Z)")
_ID = re.compile(rb"[^ ]{1,%d} [Ii][Dd] " % MAX_TAG)

# A browser that was sent here by a hostile page (SECURITY B2.8).
_HTTP_VERBS = frozenset(
    (
        b"GET",
        b"POST",
        b"PUT",
        b"CONNECT",
        b"OPTIONS",
        b"HEAD",
        b"PATCH",
        b"TRACE",
        b"DELETE",
    )
)
_HEADER_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")


@frozen
class Announced:
    """
    A literal that follows its line.

    Attributes:
        size_octets: May be absurd.
        waits: The client waits for a continuation before it sends.
        binary: A literal8.
    """

    size_octets: int
    waits: bool
    binary: bool


class Unframed(Exception):
    """What follows can no longer be told from commands."""


def announced(line: bytes) -> Announced | None:
    """
    Look for a literal at the end of a line.

    Args:
        line: With its line end; it begins outside a quoted string.

    Returns:
        None when no literal follows.

    Raises:
        Unframed: It looks like a literal that the client sends unasked, but
            is none.
    """
    if not line.endswith((b"}\r\n", b"}\n")):
        return None
    match = _ANNOUNCED.search(line, max(0, len(line) - TAIL))
    if match is not None and _OUTSIDE_QUOTES.fullmatch(line):
        return Announced(
            int(match.group(2)), not match.group(3), bool(match.group(1))
        )
    if _LOOKS_LIKE_ONE.search(line, max(0, len(line) - TAIL)):
        raise Unframed
    return None


def announced_unasked(tail: bytes) -> Announced | None:
    """
    Look for a literal at the end of a line that was refused already.

    Args:
        tail: At most the last `TAIL` octets of the line: whether a quoted
            string is open is not known any more.

    Returns:
        The literal if the client sends it without waiting.

    Raises:
        Unframed: As `announced`.
    """
    match = _ANNOUNCED.search(tail)
    if match is None:
        if _LOOKS_LIKE_ONE.search(tail):
            raise Unframed
        return None
    if not match.group(3):
        return None
    return Announced(int(match.group(2)), False, bool(match.group(1)))


def tag_of(octets: bytes) -> tuple[bytes, int]:
    """
    Read the tag in front of a command.

    Returns:
        The tag, safe to repeat, and where the command's name begins; an
        empty tag when there is none that may be repeated.
    """
    match = _TAG.match(octets)
    if match is None:
        return b"", 0
    return match.group(1), match.end()


def verb_of(octets: bytes, at: int) -> tuple[str, int]:
    """
    Read the name of a command, `UID FETCH` being one name.

    Returns:
        The name in capitals and where its arguments begin; an empty name
        when there is none.
    """
    match = _VERB.match(octets, at)
    if match is None:
        return "", at
    verb = match.group(1).upper().decode("ascii")
    if verb != "UID":
        return verb, match.end()
    second = _VERB.match(octets, match.end() + 1)
    if second is None:
        return "UID", match.end()
    name = second.group(1).upper().decode("ascii")
    return f"UID {name}", second.end()


def is_http(line: bytes) -> bool:
    """Whether it is a request line or a header field of HTTP."""
    first, _, rest = line.partition(b" ")
    if first.upper() in _HTTP_VERBS:
        return rest[:1] in (b"/", b"*") or b"HTTP/" in rest or b":" in rest
    return _HEADER_FIELD.fullmatch(first) is not None


def is_id(octets: bytes) -> bool:
    """Whether the command is ID."""
    return _ID.match(octets) is not None
