"""
Read one POP3 command line.

Octets in, a value out; whether a message exists is for the session to say.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from attrs import frozen

from imailpy.protocol.pop3.state import VERBS

# RFC 2449 allows 255 octets; names and passwords are longer at times.
MOST_LINE = 1024
# What SMTP allows for a SASL response [RFC4954 4]; POP3 says nothing.
MOST_AUTH_LINE = 12288

# A browser that was led here, and the header fields it sends
# [SECURITY B2.8].
_FOREIGN = re.compile(
    rb"(?i)(?:(?:GET|POST|PUT|CONNECT|OPTIONS|HEAD|DELETE|TRACE|PATCH)(?: |$)"
    rb"|[A-Za-z0-9-]+:)"
)
_FORBIDDEN = re.compile(rb"[\0\r\n]")
_NUMBER = re.compile(r"[0-9]{1,10}")
_MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")

# More is no number of lines, and no message.
_MOST_NUMBER = 2**32 - 1


class Malformed(Exception):
    """The line cannot be read; the text is for the client."""


class NotInClear(Exception):
    """Nobody signs in without TLS here; the text is for the client."""


class Foreign(Exception):
    """The line is of another protocol: hang up."""


@frozen
class Command:
    """
    A verb that we know with arguments of the right form.

    Attributes:
        verb: In capitals.
        text: USER, PASS, LANG: the argument as sent. AUTH: the mechanism.
        numbers: LIST, UIDL, RETR, DELE, TOP: message, then lines.
        initial: AUTH: decoded, None when there was none.
    """

    verb: str
    text: bytes = b""
    numbers: tuple[int, ...] = ()
    initial: bytes | None = None


def parse_command(line: bytes) -> Command:
    """
    Read one command line.

    Args:
        line: Without its CRLF.

    Raises:
        Malformed: An unknown verb or a bad argument.
        Foreign: It is HTTP, or a header field of it.
    """
    if _FOREIGN.match(line) is not None:
        raise Foreign
    if _FORBIDDEN.search(line) is not None:
        raise Malformed("Invalid character in the line")
    word, _, argument = line.partition(b" ")
    verb = word.decode("latin-1").upper()
    if verb not in VERBS:
        raise Malformed("Unknown command")
    return _READERS[verb](verb, argument)


def decode_response(text: bytes) -> bytes:
    """Read base64 of AUTH; `Malformed` for anything else."""
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed("Invalid base64") from None
    if base64.b64encode(octets) != text:
        raise Malformed("Invalid base64")
    return octets


def _bare(verb: str, argument: bytes) -> Command:
    if argument.strip(b" "):
        raise Malformed(f"{verb} takes no argument")
    return Command(verb)


def _text(verb: str, argument: bytes) -> Command:
    if not argument:
        raise Malformed(f"{verb} wants an argument")
    # Blanks belong to it: a password may have them anywhere [RFC1939 7].
    return Command(verb, text=argument)


def _lang(verb: str, argument: bytes) -> Command:
    return Command(verb, text=argument.strip(b" "))


def _numbers(argument: bytes) -> tuple[int, ...]:
    numbers = []
    for word in argument.decode("latin-1").split(" "):
        if not word:
            continue
        if _NUMBER.fullmatch(word) is None or int(word) > _MOST_NUMBER:
            raise Malformed("Invalid number")
        numbers.append(int(word))
    return tuple(numbers)


def _message(verb: str, argument: bytes) -> Command:
    numbers = _numbers(argument)
    if len(numbers) != 1:
        raise Malformed(f"{verb} wants a message number")
    return Command(verb, numbers=numbers)


def _maybe_message(verb: str, argument: bytes) -> Command:
    numbers = _numbers(argument)
    if len(numbers) > 1:
        raise Malformed(f"{verb} takes one message number")
    return Command(verb, numbers=numbers)


def _top(verb: str, argument: bytes) -> Command:
    numbers = _numbers(argument)
    if len(numbers) != 2:
        raise Malformed("TOP wants a message number and lines")
    return Command(verb, numbers=numbers)


def _auth(verb: str, argument: bytes) -> Command:
    if not argument:
        return Command(verb)
    mechanism, blank, initial = argument.partition(b" ")
    name = mechanism.decode("latin-1")
    if _MECHANISM.fullmatch(name) is None:
        raise Malformed("Invalid mechanism")
    text = name.upper().encode()
    if not blank:
        return Command(verb, text=text)
    # "=" is an initial response of no octets [RFC5034 4].
    octets = b"" if initial == b"=" else decode_response(initial)
    return Command(verb, text=text, initial=octets)


_READERS: dict[str, Callable[[str, bytes], Command]] = {
    "AUTH": _auth,
    "CAPA": _bare,
    "DELE": _message,
    "LANG": _lang,
    "LIST": _maybe_message,
    "NOOP": _bare,
    "PASS": _text,
    "QUIT": _bare,
    "RETR": _message,
    "RSET": _bare,
    "STAT": _bare,
    "STLS": _bare,
    "TOP": _top,
    "UIDL": _maybe_message,
    "USER": _text,
    "UTF8": _bare,
}
