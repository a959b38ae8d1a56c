"""
IMAP's ENVELOPE [RFC9051 7.5.2], rendered from header fields.

Encoded words stay as they were sent: the client decodes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

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
from imailpy.message.header import RawField, raw_fields, section_end, unfold
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

_ADDRESS_FIELDS = frozenset(
    (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
)

# Lower-case name -> unfolded values, in their order.
Values = Mapping[bytes, Sequence[bytes]]

# What stands for the missing half of an address: NIL would say "group".
_NO_DOMAIN = b'"MISSING_DOMAIN"'
_NO_LOCAL_PART = b'"MISSING_MAILBOX"'


def render_envelope(values: Values) -> bytes:
    """
    Render an ENVELOPE.

    Where a field came twice, the first text counts, and all addresses do:
    none of them is hidden from the reader.
    """
    get = values.get
    from_ = _addresses(get(b"from"))
    sender = _addresses(get(b"sender"))
    reply_to = _addresses(get(b"reply-to"))
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _text(get(b"date")),
        _text(get(b"subject")),
        from_,
        from_ if sender == NIL else sender,
        from_ if reply_to == NIL else reply_to,
        _addresses(get(b"to")),
        _addresses(get(b"cc")),
        _addresses(get(b"bcc")),
        _text(get(b"in-reply-to")),
        _text(get(b"message-id")),
    )


def past_bounds(fields: Sequence[RawField], values: Values) -> bool:
    """Tell whether a long header section has more than is rendered."""
    if any(len(value) > MAX_FIELD for _, _, value in fields):
        return True
    for name in _ADDRESS_FIELDS:
        lists = [parse_addresses(value) for value in values.get(name, ())]
        if any(one.truncated for one in lists):
            return True
        if sum(len(one.entries) for one in lists) > MAX_ADDRESSES:
            return True
    return False


def envelope_of(section: bytes) -> bytes:
    """Render the ENVELOPE of a header section, a downgraded one perhaps."""
    values: dict[bytes, list[bytes]] = {}
    section = section[: min(section_end(section), MAX_SECTION)]
    for _, name, value in raw_fields(section, most=MAX_FIELDS):
        values.setdefault(name.lower(), []).append(unfold(value))
    return render_envelope(values)


def _text(values: Sequence[bytes] | None) -> bytes:
    return imap_string(values[0]) if values else NIL


def _addresses(values: Sequence[bytes] | None) -> bytes:
    if not values:
        return NIL
    if len(values) == 1:
        value = values[0]
        if len(value) <= 128:
            return _short_list(value)
        return _rendered((value,))
    return _rendered(values)


def _rendered(values: Sequence[bytes]) -> bytes:
    entries: list[Entry] = []
    for value in values:
        entries += parse_addresses(value).entries
        # Fields of one name share one bound.
        if len(entries) >= MAX_ADDRESSES:
            break
    if not entries:
        return NIL
    return b"(%b)" % b"".join([_entry(entry) for entry in entries])


@lru_cache(maxsize=4096)
def _short_list(value: bytes) -> bytes:
    """The same people write to the same people all the time."""
    return _rendered((value,))


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
