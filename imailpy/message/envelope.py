"""
IMAP's ENVELOPE [RFC9051 7.5.2], rendered from header fields.

Encoded words stay as they were sent: the client decodes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from imailpy.message.address import (
    Address,
    Entry,
    GroupStart,
    parse_addresses,
)
from imailpy.message.bounds import (
    MAX_ADDRESSES,
    MAX_FIELD,
    MAX_FIELDS,
    MAX_SECTION,
)
from imailpy.message.header import raw_fields, section_end, unfold
from imailpy.message.imap_string import NIL, imap_nstring, imap_string

ENVELOPE_FIELDS = frozenset(
    (
        b"date",
        b"subject",
        b"from",
        b"sender",
        b"reply-to",
        b"to",
        b"cc",
        b"bcc",
        b"in-reply-to",
        b"message-id",
    )
)

_ADDRESS_FIELDS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")

# Octets of a list that is worth remembering.
_SHORT = 128

# Lower-case name -> unfolded values, in their order.
Values = Mapping[bytes, Sequence[bytes]]

# What stands for the missing half of an address: NIL would say "group".
_NO_DOMAIN = b'"MISSING_DOMAIN"'
_NO_LOCAL_PART = b'"MISSING_MAILBOX"'


class Envelope(NamedTuple):
    """
    A rendered ENVELOPE.

    Attributes:
        octets: With its parentheses.
        truncated: Addresses were left out: over 1,000 in a field, or more
            octets than there was room for.
        address_octets: What its longer lists took of the room.
    """

    octets: bytes
    truncated: bool = False
    address_octets: int = 0


def render_envelope(values: Values, room: int = MAX_FIELD) -> Envelope:
    """
    Render an ENVELOPE.

    Where a field came twice, the first text counts, and all addresses do:
    none of them is hidden from the reader.

    Args:
        room: Octets of address lists to look at; short lists are free.
    """
    get = values.get
    lists = _Lists(room)
    render = lists.render
    from_, sender, reply_to, to, cc, bcc = [
        render(values[name]) if name in values else NIL
        for name in _ADDRESS_FIELDS
    ]
    octets = b" ".join(
        (
            _text(get(b"date")),
            _text(get(b"subject")),
            from_,
            from_ if sender == NIL else sender,
            from_ if reply_to == NIL else reply_to,
            to,
            cc,
            bcc,
            _text(get(b"in-reply-to")),
            _text(get(b"message-id")),
        )
    )
    return Envelope(b"(%b)" % octets, lists.truncated, room - lists.room)


def envelope_of(section: bytes) -> bytes:
    """Render the ENVELOPE of a header section, a downgraded one perhaps."""
    values: dict[bytes, list[bytes]] = {}
    section = section[: min(section_end(section), MAX_SECTION)]
    for _, name, value in raw_fields(section, most=MAX_FIELDS):
        values.setdefault(name.lower(), []).append(unfold(value))
    return render_envelope(values).octets


def _text(values: Sequence[bytes] | None) -> bytes:
    return imap_string(values[0]) if values else NIL


class _Lists:
    """Renders address lists, within a room of octets for all of them."""

    __slots__ = ("room", "truncated")

    def __init__(self, room: int) -> None:
        self.room = room
        self.truncated = False

    def render(self, values: Sequence[bytes]) -> bytes:
        value = values[0]
        if len(values) == 1 and len(value) <= _SHORT:
            return _short_list(value)
        entries: list[Entry] = []
        for value in values:
            if len(value) > self.room:
                value = value[: self.room]
                self.truncated = True
            self.room -= len(value)
            found = parse_addresses(value)
            entries += found.entries
            self.truncated = self.truncated or found.truncated
            # Fields of one name share one bound.
            if len(entries) > MAX_ADDRESSES:
                self.truncated = True
                break
        return _rendered(entries)


def _rendered(entries: Sequence[Entry]) -> bytes:
    if not entries:
        return NIL
    return b"(%b)" % b"".join([_entry(entry) for entry in entries])


@lru_cache(maxsize=4096)
def _short_list(value: bytes) -> bytes:
    """The same people write to the same people all the time."""
    return _rendered(parse_addresses(value).entries)


def _entry(entry: Entry) -> bytes:
    if isinstance(entry, Address):
        return b"(%b %b %b %b)" % (
            imap_nstring(entry.display_name or None),
            imap_nstring(entry.route or None),
            imap_string(entry.local_part)
            if entry.local_part
            else _NO_LOCAL_PART,
            imap_string(entry.domain) if entry.domain else _NO_DOMAIN,
        )
    if isinstance(entry, GroupStart):
        return b"(NIL NIL %b NIL)" % imap_string(entry.name)
    return b"(NIL NIL NIL NIL)"
