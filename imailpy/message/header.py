"""
The header section: where it ends, and what is a field of it.

    section = [mbox-line] *field [CRLF]
    field   = name *WSP ":" *octet CRLF *(WSP *octet CRLF)
    name    = 1*256(%d33-57 / %d59-126)            [RFC5322 2.2, 4.5]

This one grammar serves filters, signatures, IMAP and display, so that no two
of them can see different fields. The section ends behind the first empty
line, or *before* the first line that is neither a field nor a continuation:
one without colon, with an empty name, with a control or 8-bit octet in its
name. Such a line is the first of the body, and so is all behind it. White
space between name and colon is obsolete but legal. A first line `From ...`
without a field's form is the separator of an mbox file and is passed over.

Lines end with LF; a CR before it belongs to the line end. Use
`HeaderSection(octets)` where fields are looked at, `select_fields` where they
are only copied, `SectionReader` where the octets come in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from attrs import frozen

from imailpy.message.bounds import (
    MAX_FIELD,
    MAX_FIELD_NAME,
    MAX_FIELDS,
    MAX_SECTION,
)

# (raw with its line end, name, raw value without the last LF)
RawField = tuple[bytes, bytes, bytes]

_NAME = rb"[!-9;-~]{1,%d}+" % MAX_FIELD_NAME
_COLON = rb"[ \t]{0,%d}+:" % MAX_FIELD_NAME
_START = _NAME + _COLON
_MBOX = rb">?From "
_REST = rb"[^\n]*+\n"
# Complete lines of a section, from its first line on or further down.
_FIRST_LINES = re.compile(
    rb"(?:(?:%s|%s)%s(?:(?:%s|[ \t])%s)*+)?+"
    % (_START, _MBOX, _REST, _START, _REST)
)
_MORE_LINES = re.compile(rb"(?:(?:%s|[ \t])%s)*+" % (_START, _REST))
_FIRST_START = re.compile(rb"%s|%s" % (_START, _MBOX))
_MORE_START = re.compile(rb"%s|[ \t]" % _START)
# A section up to this size is looked for in one step.
_AT_ONCE = 16 * 1024
# So many octets of a line decide what it is.
_DECIDES = 2 * MAX_FIELD_NAME + 2

_FIELD = re.compile(
    rb"((%s)%s([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?)" % (_NAME, _COLON)
)
# Of octets that may be no section: what is no field is taken line by line.
_FIELD_OR_LINE = re.compile(
    rb"((%s)%s([^\n]*+(?:\n[ \t][^\n]*+)*+)\n)|[^\n]*+\n" % (_NAME, _COLON)
)
_MBOX_LINE = re.compile(
    rb"(?!%s)%s%s(?:[ \t]%s)*+" % (_START, _MBOX, _REST, _REST)
)
_FOLD = re.compile(rb"\r*\n")
_ODD = re.compile(rb"[\r\n\0]+")

# To look for an octet by its number is five times as fast as `b"x" in`,
# which first fails to see a number.
NUL, LF, CR = b"\0\n\r"


class SectionReader:
    """
    Finds the end of a header section whose octets come in pieces.

    Attributes:
        done: The end was found; `take` is not called any more.
        size_octets: Of the section so far, its empty line included.
        octets: The section, its first 256 KB at most.
        overlong: Whether `octets` is not all of it.
        fields: As `raw_fields` gives them, when they were seen on the way;
            else None.
    """

    __slots__ = (
        "_begun",
        "_inside_line",
        "_pieces",
        "done",
        "fields",
        "overlong",
        "size_octets",
    )

    def __init__(self) -> None:
        self.done = False
        self.fields: list[RawField] | None = None
        self.overlong = False
        self.size_octets = 0
        self._begun = False
        # Inside a long line that is known to belong to the section.
        self._inside_line = False
        self._pieces: list[bytes] = []

    @property
    def octets(self) -> bytes:
        if len(self._pieces) == 1:
            return self._pieces[0]
        return b"".join(self._pieces)

    @property
    def inside_line(self) -> bool:
        """Whether the next octet goes on with a line."""
        return self._inside_line

    def take(self, data: bytes, at: int, final: bool) -> int:
        """
        Take lines from `data[at:]`.

        Args:
            final: Nothing comes behind `data`.

        Returns:
            Behind what was taken. What is left when `done` is unset is the
            beginning of a line (at most 514 octets) and must be offered
            again, with more behind it.
        """
        if not self._begun:
            end = self._take_whole(data, at)
            if end:
                return end
        start = at
        if self._inside_line:
            newline = data.find(b"\n", at)
            if newline < 0:
                self._keep(data, at, len(data))
                self.done = final
                return len(data)
            at = newline + 1
            self._inside_line = False
        end = self._take_lines(data, at, final)
        self._keep(data, start, end)
        return end

    def _take_whole(self, data: bytes, at: int) -> int:
        """
        Take the whole section at once, fields and all, as is mostly
        possible; 0 when it is not.
        """
        empty = data.find(b"\r\n\r\n", at, at + _AT_ONCE) + 2
        if empty < 2:
            return 0
        fields = _FIELD_OR_LINE.findall(data, at, empty)
        size = 0
        for raw, _, _ in fields:
            if not raw:
                return 0
            size += len(raw)
        if size != empty - at:
            return 0
        self.done = True
        self.fields = fields
        self._keep(data, at, empty + 2)
        return empty + 2

    def _take_lines(self, data: bytes, at: int, final: bool) -> int:
        pattern = _MORE_LINES if self._begun else _FIRST_LINES
        found = pattern.match(data, at)
        end = found.end() if found else at
        self._begun = self._begun or end > at
        newline = data.find(b"\n", end)
        if newline >= 0:
            # A complete line, and no line of the section.
            self.done = True
            if newline == end or data[end:newline] == b"\r":
                return newline + 1
            return end
        rest = len(data) - end
        if not final and rest <= _DECIDES:
            return end
        start = _MORE_START if self._begun else _FIRST_START
        if start.match(data, end):
            self._begun = self._inside_line = True
            self.done = final
            return len(data)
        self.done = True
        return end

    def _keep(self, data: bytes, start: int, end: int) -> None:
        if end > start:
            room = MAX_SECTION - min(self.size_octets, MAX_SECTION)
            if end - start > room:
                self.overlong = True
            if room:
                self._pieces.append(data[start : min(end, start + room)])
            self.size_octets += end - start


def raw_fields(octets: bytes, *, most: int | None = None) -> list[RawField]:
    """
    Give the fields of a header section.

    Args:
        octets: The section as `SectionReader` found it, or its beginning.
        most: Fields at most; None for all.
    """
    start = fields_start(octets)
    if most is None or octets.count(b"\n") < most:
        return _FIELD.findall(octets, start)
    matches = islice(_FIELD.finditer(octets, start), most)
    return [(match[1], match[2], match[3]) for match in matches]


def fields_start(octets: bytes) -> int:
    """Tell where the first field begins: behind an mbox line, mostly 0."""
    if octets.startswith((b"From ", b">From ")):
        mbox = _MBOX_LINE.match(octets)
        return mbox.end() if mbox else 0
    return 0


def unfold(value: bytes) -> bytes:
    """
    Give a raw value on one line, without the white space around it.

    CR and LF that belong to no fold become a blank, NUL goes
    [RFC5322 2.2.3].
    """
    if len(value) > MAX_FIELD:
        value = value[:MAX_FIELD]
    value = value.strip(b" \t\r\n")
    if LF in value:
        value = _FOLD.sub(b"", value)
    if CR in value or NUL in value:
        value = _ODD.sub(_odd, value)
    return value


def _odd(match: re.Match[bytes]) -> bytes:
    return b"" if match.group().strip(b"\0") == b"" else b" "


def section_end(octets: bytes) -> int:
    """Tell where the header section of a complete message ends."""
    return SectionReader().take(octets, 0, True)


def select_fields(
    octets: bytes, names: frozenset[bytes], *, others: bool = False
) -> bytes:
    """
    Copy fields of a header section: IMAP's HEADER.FIELDS [RFC9051 6.4.5.1].

    Args:
        octets: The section, or fields alone.
        names: Lower-case names.
        others: Give what is *not* named: HEADER.FIELDS.NOT.

    Returns:
        The raw fields in their order; no empty line behind.
    """
    return b"".join(
        [
            raw if raw.endswith(b"\n") else raw + b"\r\n"
            for raw, name, _ in raw_fields(octets)
            if (name.lower() in names) is not others
        ]
    )


@frozen
class Field:
    """
    One field.

    Attributes:
        name: As it is spelt.
        raw_value: Behind the colon, folds included, without the last CRLF.
        start: Offset in the section.
        end: Behind its last line end.
    """

    name: bytes
    raw_value: bytes
    start: int
    end: int

    @property
    def value(self) -> bytes:
        """On one line, at most 64 KB, still encoded."""
        return unfold(self.raw_value)


class HeaderSection:
    """
    A header section with its fields.

    Attributes:
        octets: The section, its empty line included; a body that was given
            with it is not part of it.
        fields: In order, at most 1,000, of the first 256 KB.
        complete: Whether `fields` holds them all.
    """

    __slots__ = ("complete", "fields", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets[: section_end(octets)]
        section = self.octets[:MAX_SECTION]
        at = fields_start(section)
        fields = []
        for raw, name, value in raw_fields(section, most=MAX_FIELDS):
            end = at + len(raw)
            fields.append(Field(name, value.removesuffix(b"\r"), at, end))
            at = end
        self.fields = tuple(fields)
        self.complete = self.octets[at:] in (b"", b"\n", b"\r\n")

    def all(self, name: bytes) -> list[Field]:
        """Give the fields of that name, whatever its case."""
        name = name.lower()
        return [field for field in self.fields if field.name.lower() == name]

    def first(self, name: bytes) -> Field | None:
        """Give the first field of that name."""
        name = name.lower()
        for field in self.fields:
            if field.name.lower() == name:
                return field
        return None

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)
