"""
The words of a command: one cursor over its octets [RFC9051 9].

A command stands in one bytes object as it came, literals in place and its
last CRLF left out:

    a1 LOGIN {5}\\r\\nalice "sec ret"

Each method reads one thing at the cursor and moves behind it, or raises a
`Refusal`; none ever goes back, so reading a command costs its length. A
regular expression here is a run of one class of octets, never nested.
"""

from __future__ import annotations

import re

from imailpy.protocol.imap.refusal import bad

MAX_NUMBER = 2**32 - 1
MAX_NUMBER64 = 2**63 - 1

# ATOM-CHAR: no CTL, SP, ( ) { % * " \ ] nor 8-bit.
_ATOM = re.compile(rb"[!#$&'+-\[^-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+-\[\]^-z|}~]+")
_LIST_CHARS = re.compile(rb"[!#-'*-\[\]^-z|}~]+")
_QUOTED = re.compile(
    rb'"([^"\\\x00\r\n\x80-\xff]*+(?:\\["\\][^"\\\x00\r\n\x80-\xff]*+)*+)"'
)
_QUOTED_ESCAPE = re.compile(rb'\\(["\\])')
_LITERAL = re.compile(rb"\{(0|[1-9][0-9]{0,19})\+?\}\r\n")
_NUMBER = re.compile(rb"[0-9]{1,20}")
_WORD = re.compile(rb"[A-Za-z0-9.=\-]+")
_DIGITS = frozenset(b"0123456789")


class Incomplete(Exception):
    """A literal is announced whose octets are not there yet."""


class Lexer:
    """
    A cursor over one command.

    Attributes:
        octets: The command.
        at: Where the next thing begins.
    """

    __slots__ = ("at", "octets")

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self.octets = octets
        self.at = at

    # Single octets

    def peek(self) -> bytes:
        """Give the next octet without taking it; empty at the end."""
        return self.octets[self.at : self.at + 1]

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.octets)

    def end(self) -> None:
        """Nothing may follow."""
        if self.at < len(self.octets):
            raise bad("Something stands behind the command")

    def maybe(self, token: bytes) -> bool:
        """Take `token` if it is next."""
        if self.octets.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def expect(self, token: bytes) -> None:
        """Take `token`, which must be next."""
        if not self.maybe(token):
            raise bad(f"Want {token.decode('ascii')!r} here")

    def space(self) -> None:
        """Take the one blank between arguments."""
        if self.octets[self.at : self.at + 1] != b" ":
            raise bad("Argument missing")
        self.at += 1

    # Words

    def _match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        match = pattern.match(self.octets, self.at)
        if match is None:
            raise bad(f"Want {what} here")
        self.at = match.end()
        return match.group()

    def atom(self) -> bytes:
        """Read an atom."""
        return self._match(_ATOM, "an atom")

    def word(self) -> bytes:
        """Read letters, digits, `.`, `-`, `=`: a keyword, in capitals."""
        return self._match(_WORD, "a word").upper()

    def number(self, most: int = MAX_NUMBER) -> int:
        """Read a number of at most `most`; leading zeros are refused."""
        digits = self._match(_NUMBER, "a number")
        number = int(digits)
        if number > most or (digits[0] == 0x30 and len(digits) > 1):
            raise bad("Number out of range")
        return number

    def next_is_digit(self) -> bool:
        """Whether a number is next."""
        return self.at < len(self.octets) and self.octets[self.at] in _DIGITS

    # Strings

    def string(self) -> bytes:
        """Read a quoted string or a literal."""
        first = self.peek()
        if first == b'"':
            return self._quoted()
        if first == b"{":
            return self._literal()
        raise bad("Want a string here")

    def astring(self) -> bytes:
        """Read an atom-like word (`]` allowed) or a string."""
        first = self.peek()
        if first == b'"':
            return self._quoted()
        if first == b"{":
            return self._literal()
        return self._match(_ASTRING, "an atom or a string")

    def list_mailbox(self) -> bytes:
        """Read a pattern: as `astring`, `%` and `*` allowed."""
        first = self.peek()
        if first == b'"':
            return self._quoted()
        if first == b"{":
            return self._literal()
        return self._match(_LIST_CHARS, "a mailbox or pattern")

    def nstring(self) -> bytes | None:
        """Read a string, or None for NIL."""
        if self.octets[self.at : self.at + 3].upper() == b"NIL":
            self.at += 3
            return None
        return self.string()

    def _quoted(self) -> bytes:
        match = _QUOTED.match(self.octets, self.at)
        if match is None:
            raise bad("Broken quoted string")
        self.at = match.end()
        inside = match.group(1)
        if b"\\" in inside:
            return _QUOTED_ESCAPE.sub(rb"\1", inside)
        return inside

    def _literal(self) -> bytes:
        match = _LITERAL.match(self.octets, self.at)
        if match is None:
            raise bad("Broken literal")
        start = match.end()
        end = start + int(match.group(1))
        if end > len(self.octets):
            raise Incomplete
        octets = self.octets[start:end]
        if b"\x00" in octets:
            raise bad("NUL in a literal")
        self.at = end
        return octets
