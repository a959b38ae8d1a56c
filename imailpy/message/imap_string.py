"""
Strings as IMAP writes them [RFC9051 4.3, 9].

A rendition is what a client without UTF8=ACCEPT may see. So a string is
quoted where that is possible, and a literal where it holds 8-bit octets or a
line end; NUL has no place in either and is left out.
"""

from __future__ import annotations

import re
from functools import lru_cache

# What needs no more than quotes: one pass of `translate` tells.
_PLAIN = bytes(set(range(128)) - set(b'\0\r\n"\\'))
_LITERAL = re.compile(rb"[\x00\r\n\x80-\xff]")
_ESCAPE = re.compile(rb'(["\\])')

NIL = b"NIL"


def imap_string(octets: bytes) -> bytes:
    """Write a string."""
    if not octets.translate(None, _PLAIN):
        return b'"' + octets + b'"'
    if _LITERAL.search(octets):
        octets = octets.replace(b"\0", b"")
        return b"{%d}\r\n%b" % (len(octets), octets)
    return b'"%b"' % _ESCAPE.sub(rb"\\\1", octets)


def imap_nstring(octets: bytes | None) -> bytes:
    """Write a string, or NIL for None."""
    return NIL if octets is None else imap_string(octets)


@lru_cache(maxsize=1024)
def imap_token(octets: bytes) -> bytes:
    """Write a short string that comes again and again, in upper case."""
    return imap_string(octets.upper())
