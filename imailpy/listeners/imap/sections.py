"""
BODY[...] of a message [RFC9051 6.4.5.1].

Where a section is, the structure of the rendition tells; so a part of a
40 MB message costs what it holds, in chunks that go out as the client reads.
HEADER.FIELDS of what clients list is at hand without opening the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imailpy.interfaces.body import IBody
from imailpy.interfaces.store import Column, IMailbox
from imailpy.listeners.imap.listed import is_listed, picker
from imailpy.message.header import select_fields
from imailpy.message.structure import Structure
from imailpy.protocol.imap.commands import Section

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

_CRLF = b"\r\n"

# So much of a header section is searched for fields.
MAX_HEADER = 256 * 1024

# A piece of a section, handed to the transport at once.
PIECE = 64 * 1024

_FIELDS = ("HEADER.FIELDS", "HEADER.FIELDS.NOT")


class Truncated(Exception):
    """The store gave fewer octets than it said there were."""


def columns_for(sections: Sequence[Section]) -> list[Column]:
    """Give the columns that sections are found by."""
    if not sections:
        return []
    columns = [Column.SIZE, Column.STRUCTURE, Column.PREFIX_SIZE]
    if any(is_listed(section) for section in sections):
        columns += [Column.LISTED_FIELDS, Column.COMPLETE]
    return columns


class Message:
    """
    One message while its sections are given.

    Args:
        row: Of `columns_for` and UID.
    """

    def __init__(self, mailbox: IMailbox, row: Mapping[Column, Any]) -> None:
        self.uid: int = row[Column.UID]
        self.size_octets: int = row[Column.SIZE]
        self.prefix_octets: int = row[Column.PREFIX_SIZE]
        # None where they are not all of them.
        self.listed_fields: bytes | None = None
        if row.get(Column.COMPLETE):
            self.listed_fields = row[Column.LISTED_FIELDS]
        self._mailbox = mailbox
        self._packed: bytes = row[Column.STRUCTURE]
        self._structure: Structure | None = None
        self._body: IBody | None = None

    @property
    def structure(self) -> Structure:
        """Where its parts are."""
        if self._structure is None:
            self._structure = Structure.unpack(self._packed)
        return self._structure

    def find(self, part: tuple[int, ...], what: str) -> tuple[int, int] | None:
        """Give (start, end) of a section, None when there is none."""
        if not part and not what:
            return 0, self.size_octets
        return self.structure.section(
            part, what, prefix_octets=self.prefix_octets
        )

    def listed(self, section: Section) -> bool:
        """Whether a section can be given without the body."""
        return self.listed_fields is not None and is_listed(section)

    async def open_for(self, sections: Sequence[Section]) -> bool:
        """
        Open the body if one of the sections needs it.

        Returns:
            False when the message is gone.
        """
        if all(self.listed(section) for section in sections):
            return True
        self._body = await self._mailbox.body(self.uid)
        return self._body is not None

    def release(self) -> None:
        """Let go of the body."""
        if self._body is not None:
            self._body.release()
            self._body = None

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """Give octets of the body, which must be open."""
        if self._body is None:
            raise ValueError("the body is not open")
        return self._body.chunks(start, end)

    def fields(self, section: Section) -> bytes | None:
        """Give HEADER.FIELDS or HEADER.FIELDS.NOT, None without a header."""
        names = frozenset(section.fields)
        if self.listed(section):
            return picker(names)(self.listed_fields or b"") + _CRLF
        header = self.find(section.part, "HEADER")
        if header is None:
            return None
        start, end = header
        octets = b"".join(self.chunks(start, min(end, start + MAX_HEADER)))
        others = section.what == "HEADER.FIELDS.NOT"
        return select_fields(octets, names, others=others) + _CRLF


async def write_section(
    session: ImapConnection, message: Message, section: Section, blank: bytes
) -> None:
    """Say one section: its label and a literal, or NIL."""
    label = blank + section.label
    if section.start is not None:
        label += b"<%d>" % section.start
    if section.what in _FIELDS:
        octets = message.fields(section)
        if octets is None:
            session.write(label + b" NIL")
            return
        if section.start is not None:
            octets = octets[section.start : section.start + section.count]
        session.write(b"%b {%d}\r\n%b" % (label, len(octets), octets))
        return
    span = message.find(section.part, section.what)
    if span is None:
        session.write(label + b" NIL")
        return
    start, end = _partial(section, *span)
    session.write(b"%b {%d}\r\n" % (label, end - start))
    await _stream(session, message, start, end)


def _partial(section: Section, start: int, end: int) -> tuple[int, int]:
    """Cut a section as the client wants it [RFC9051 6.4.5]."""
    end = max(start, end)
    if section.start is None:
        return start, end
    first = min(start + section.start, end)
    return first, min(first + section.count, end)


async def _stream(
    session: ImapConnection, message: Message, start: int, end: int
) -> None:
    left = end - start
    for chunk in message.chunks(start, end):
        for at in range(0, len(chunk), PIECE):
            session.write(chunk[at : at + PIECE])
            if left > PIECE:
                await session.breathe()
        left -= len(chunk)
    if left:
        raise Truncated(f"{left} octets of a body are missing")
