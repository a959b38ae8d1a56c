"""
Address lists: From, To, Reply-To and the like [RFC5322 3.4, 4.4] [RFC6532].

    "Ann A." <ann@a.example>, bob@b.example (Bob), team: c@d.example;, ;

Octets are parsed first and decoded after, never the other way round: an
encoded word can be a display name, and never makes an address [RFC2047 5].
Whatever the value says, something comes back; `well_formed` tells whether it
was what the standard (its obsolete syntax included) allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from attrs import frozen

from imailpy.mail import Path
from imailpy.mail.path import quote_local_part
from imailpy.message.bounds import MAX_ADDRESSES, MAX_FIELD
from imailpy.message.encoded_word import decode_words

_TOKEN = re.compile(
    rb"([ \t\r\n]++)"
    rb'|"((?:[^"\\]|\\.)*+)("?+)'
    rb"|(\[[^\[\]\\]*+\]?+)"
    rb'|([^\s"()<>@,;:\\\[\]]++)'
    rb"|(.)",
    re.DOTALL,
)
_PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)
_UNESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_BLANK, _QUOTED, _ATOM, _COMMENT, _MARK = range(5)


@frozen
class Address:
    """
    A mailbox of an address list; octets as sent, without quoting.

    Attributes:
        display_name: Still with encoded words; empty for none.
        local_part: Before the last `@`.
        domain: Behind it; empty when there is none.
        route: Obsolete source route such as `@a,@b`; empty for none.
        well_formed: Whether the standard allows it like this.
    """

    display_name: bytes
    local_part: bytes
    domain: bytes
    route: bytes = b""
    well_formed: bool = True

    @property
    def name(self) -> str:
        """The display name for people."""
        return decode_words(self.display_name)

    @property
    def path(self) -> Path | None:
        """
        The address as the envelope would have it; None if it is none, or
        not well formed: nobody may guess which address was meant.
        """
        if not self.well_formed:
            return None
        try:
            local_part = quote_local_part(self.local_part.decode())
            return Path.parse(f"{local_part}@{self.domain.decode()}")
        except ValueError:
            return None


@frozen
class GroupStart:
    """The name of a group; its members follow until `GroupEnd`."""

    name: bytes


@frozen
class GroupEnd:
    """Where a group ends."""


Entry = Address | GroupStart | GroupEnd


@frozen
class AddressList:
    """
    What an address list says.

    Attributes:
        entries: Mailboxes and group markers, in order; every start of a
            group has its end.
        well_formed: Whether all of it is as the standard allows.
        truncated: There were more than 1,000 addresses, or 64 KB.
    """

    entries: tuple[Entry, ...] = ()
    well_formed: bool = True
    truncated: bool = False

    @property
    def mailboxes(self) -> tuple[Address, ...]:
        """The mailboxes, those in groups too."""
        return tuple(e for e in self.entries if isinstance(e, Address))

    @property
    def has_group(self) -> bool:
        """Whether there is group syntax in it."""
        return any(isinstance(e, GroupStart) for e in self.entries)


def parse_addresses(value: bytes) -> AddressList:
    """Read an address list; folds may still be in it."""
    truncated = len(value) > MAX_FIELD
    reader = _Reader(value[:MAX_FIELD])
    reader.read()
    return AddressList(
        tuple(reader.entries),
        reader.well_formed and not truncated,
        truncated or reader.truncated,
    )


def _tokens(value: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Give (kind, octets, whether it is closed as it should)."""
    at = 0
    while at < len(value):
        match = _TOKEN.match(value, at)
        if match is None:  # never: the last alternative takes anything
            return
        at = match.end()
        blank, quoted, closing, literal, atom, mark = match.groups()
        if atom is not None:
            yield _ATOM, atom, not _CONTROL.search(atom)
        elif blank is not None:
            yield _BLANK, blank, True
        elif quoted is not None:
            text = quoted
            if quoted.find(b"\\") >= 0:
                text = _UNESCAPE.sub(rb"\1", quoted)
            yield _QUOTED, text, closing == b'"'
        elif literal is not None:
            yield _ATOM, literal, literal.endswith(b"]")
        elif mark == b"(":
            end, closed = _comment_end(value, at)
            yield _COMMENT, value[at : end - closed], closed
            at = end
        else:
            yield _MARK, mark, mark not in (b"\\", b"]", b")")


def _comment_end(value: bytes, at: int) -> tuple[int, bool]:
    """Find the end of a comment; comments nest [RFC5322 3.2.2]."""
    depth = 1
    for match in _PARENTHESIS.finditer(value, at):
        mark = match.group()
        if mark == b"(":
            depth += 1
        elif mark == b")":
            depth -= 1
            if depth == 0:
                return match.end(), True
    return len(value), False


# (octets, whether a blank stands before it, whether it was quoted)
_Word = tuple[bytes, bool, bool]


class _Reader:
    """One pass over the tokens of a list."""

    def __init__(self, value: bytes) -> None:
        self.entries: list[Entry] = []
        self.well_formed = True
        self.truncated = False
        self._tokens = _tokens(value)
        self._in_group = False
        self._count = 0
        self._start()

    def _start(self) -> None:
        """Begin the next mailbox."""
        self._words: list[_Word] = []
        # Words behind "@", None before one was seen.
        self._domain: list[_Word] | None = None
        self._comment = b""
        self._gap = False
        # The part in angle brackets, once it was read.
        self._angle: Address | None = None
        self._sound = True

    def read(self) -> None:
        for kind, octets, closed in self._tokens:
            if not closed:
                self._sound = False
            if kind == _BLANK:
                self._gap = True
            elif kind == _COMMENT:
                self._comment = octets
                self._gap = True
            elif kind == _MARK:
                self._mark(octets)
                if self._count >= MAX_ADDRESSES:
                    self.truncated = True
                    break
            else:
                self._word(octets, kind == _QUOTED)
        self._end_mailbox()
        if self._in_group:
            self.well_formed = False
            self.entries.append(GroupEnd())

    def _word(self, octets: bytes, quoted: bool) -> None:
        word = (octets, self._gap, quoted)
        self._gap = False
        if self._angle is not None:
            # Something behind the angle bracket: shown with the name.
            self._sound = False
        if self._angle is None and self._domain is not None:
            self._domain.append(word)
        else:
            self._words.append(word)

    def _mark(self, mark: bytes) -> None:
        if mark == b",":
            self._end_mailbox()
        elif mark == b"<":
            self._read_angle()
        elif mark == b"@" and self._angle is None:
            if self._domain is not None:
                self._sound = False
                self._words += [(b"@", False, False), *self._domain]
            self._domain = []
            self._gap = False
        elif mark == b":" and not (
            self._in_group or self._domain is not None or self._angle
        ):
            self._start_group()
        elif mark == b";":
            self._end_mailbox()
            if self._in_group:
                self._in_group = False
                self.entries.append(GroupEnd())
            else:
                # Some programs write ";" between addresses.
                self.well_formed = False
        else:
            self._sound = False
            self._word(mark, False)

    def _start_group(self) -> None:
        name = _phrase(self._words)
        if not name:
            self.well_formed = False
        self.well_formed = self.well_formed and self._sound
        self.entries.append(GroupStart(name))
        self._count += 1
        self._in_group = True
        self._start()

    def _read_angle(self) -> None:
        if self._angle is not None or self._domain is not None:
            # `<a@b> <c@d>`, `a@b <c@d>`: no address is dropped, so that
            # nobody can be shown one and hide the other.
            self._sound = False
            if self._angle is not None:
                self._end_mailbox()
                self._sound = False
            else:
                self._words += [(b"@", False, False), *(self._domain or ())]
                self._domain = None
        words: list[_Word] = []
        gap = closed = False
        for kind, octets, sound in self._tokens:
            self._sound = self._sound and sound
            if kind in (_BLANK, _COMMENT):
                gap = True
                continue
            if kind == _MARK and octets == b">":
                closed = True
                break
            words.append((octets, gap, kind == _QUOTED))
            if kind == _MARK:
                words[-1] = (octets, gap, False)
            gap = False
        self._sound = self._sound and closed
        self._angle = _angle_address(words)

    def _end_mailbox(self) -> None:
        if self._angle is not None:
            angle = self._angle
            name = _phrase(self._words) or self._comment.strip()
            self._add(name, angle.local_part, angle.domain, angle.route)
        elif self._domain is not None or self._words:
            self._end_bare()
        elif not self._sound:
            self.well_formed = False
        self._start()

    def _end_bare(self) -> None:
        words = self._words
        local = len(words) - 1
        # Words that a dot or nothing parts are the local part.
        while local > 0 and _joined(words[local - 1], words[local]):
            local -= 1
        if self._domain is None:
            self._sound = False
            local = 0
        elif local > 0:
            self._sound = False
        shown = words[:local] if local > 0 else []
        domain = self._domain or []
        for at, (before, word) in enumerate(pairwise(domain), 1):
            if not _joined(before, word):
                # Something behind the domain: shown with the name.
                shown = shown + domain[at:]
                domain = domain[:at]
                self._sound = False
                break
        self._add(
            _phrase(shown) or self._comment.strip(),
            _concatenated(words[max(local, 0) :]),
            _concatenated(domain),
        )

    def _add(
        self,
        name: bytes,
        local_part: bytes,
        domain: bytes,
        route: bytes = b"",
    ) -> None:
        sound = self._sound and bool(local_part) and bool(domain)
        if self._angle is not None:
            sound = sound and self._angle.well_formed
        self.well_formed = self.well_formed and sound
        self.entries.append(Address(name, local_part, domain, route, sound))
        self._count += 1


def _joined(before: _Word, word: _Word) -> bool:
    return not word[1] or before[0][-1:] == b"." or word[0][:1] == b"."


def _concatenated(words: list[_Word]) -> bytes:
    return b"".join([octets for octets, _, _ in words])


def _phrase(words: list[_Word]) -> bytes:
    """Put the words of a display name together, one blank for any gap."""
    pieces: list[bytes] = []
    for octets, gap, _ in words:
        if gap and pieces:
            pieces.append(b" ")
        pieces.append(octets)
    return b"".join(pieces).strip()


def _angle_address(words: list[_Word]) -> Address:
    """Read what stands between angle brackets."""
    route = b""
    sound = True
    if words and words[0][0] == b"@" and not words[0][2]:
        for at, (octets, _, quoted) in enumerate(words):
            if octets == b":" and not quoted:
                route = _concatenated(words[:at])
                words = words[at + 1 :]
                break
    ats = [
        at
        for at, (octets, _, quoted) in enumerate(words)
        if octets == b"@" and not quoted
    ]
    if len(ats) != 1:
        sound = False
    split = ats[-1] if ats else len(words)
    local, domain = words[:split], words[split + 1 :]
    for before, word in (*pairwise(local), *pairwise(domain)):
        sound = sound and _joined(before, word)
    sound = sound and not any(
        octets in (b"<", b",", b";", b":", b"@") and not quoted
        for octets, _, quoted in (*local, *domain)
    )
    return Address(
        b"", _concatenated(local), _concatenated(domain), route, sound
    )
