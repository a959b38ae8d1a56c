"""
Simplified downgrade: a header section with UTF-8 for clients that cannot have
it [RFC6858].

Octets in, ASCII out. An address beyond ASCII becomes one that belongs to
nobody, with the real one in its display name; a Subject becomes encoded
words; a MIME parameter that cannot be shown is left out, and so is any other
field. Fields that are ASCII stay byte for byte.
"""

from __future__ import annotations

import re

from imailpy.message.address import (
    Address,
    GroupStart,
    parse_addresses,
)
from imailpy.message.build import header_field, phrase
from imailpy.message.charset import guess
from imailpy.message.encoded_word import decode_words, one_line
from imailpy.message.header import raw_fields, section_end, unfold
from imailpy.message.parameters import (
    ContentField,
    parse_content_type,
    parse_disposition,
)

NOBODY = "invalid@internationalized-address.invalid"

_ADDRESS_FIELDS = frozenset(
    (
        b"bcc",
        b"cc",
        b"from",
        b"reply-to",
        b"resent-bcc",
        b"resent-cc",
        b"resent-from",
        b"resent-sender",
        b"resent-to",
        b"sender",
        b"to",
    )
)
_QUOTABLE = re.compile(r'(["\\])')


def downgrade_section(octets: bytes) -> bytes:
    """
    Downgrade a header section, of a message or of a part.

    Args:
        octets: The section; its empty line, if it is there, stays.

    Returns:
        The same octets when they are ASCII.
    """
    if octets.isascii():
        return octets
    section = octets[: section_end(octets)]
    written = [
        raw if raw.isascii() else _field(name, value)
        for raw, name, value in raw_fields(section)
    ]
    fields = b"".join(written)
    if written and not fields.endswith(b"\n"):
        fields += b"\r\n"
    for empty in (b"\r\n", b"\n"):
        if section == empty or section.endswith(b"\n" + empty):
            return fields + empty
    return fields


def _field(name: bytes, value: bytes) -> bytes:
    """Downgrade one field; empty when it has to go."""
    key = name.lower()
    text = name.decode("ascii")
    value = unfold(value)
    if key == b"subject":
        return _written(text, one_line(decode_words(value)))
    if key in _ADDRESS_FIELDS:
        return _written(text, _addresses(value))
    if key == b"return-path":
        return _written(text, f"<{NOBODY}>")
    content: ContentField | None = None
    if key == b"content-type":
        content = parse_content_type(value)
    elif key == b"content-disposition":
        content = parse_disposition(value)
    return _written(text, _content(content)) if content else b""


def _written(name: str, value: str) -> bytes:
    try:
        return header_field(name, value)
    except ValueError:
        # Controls that nobody should have to see.
        return b""


def _addresses(value: bytes) -> str:
    pieces: list[str] = []
    separator = ""
    for entry in parse_addresses(value).entries:
        if isinstance(entry, Address):
            pieces.append(separator + _address(entry))
            separator = ", "
        elif isinstance(entry, GroupStart):
            name = phrase(one_line(decode_words(entry.name)) or "group")
            pieces.append(f"{separator}{name}: ")
            separator = ""
        else:
            pieces.append(";")
            separator = ", "
    return "".join(pieces)


def _address(address: Address) -> str:
    path = address.path
    name = one_line(address.name)
    if path is not None and not path.needs_smtputf8:
        # Its domain is in A-labels here: ASCII, and the same domain still,
        # so that it can be answered.
        return f"{phrase(name)} <{path}>" if name else str(path)
    shown = guess(address.local_part + b"@" + address.domain)
    label = f"{name} ({shown})" if name else shown
    return f"{phrase(one_line(label))} <{NOBODY}>"


def _content(content: ContentField) -> str:
    """Write a content field without the parameters beyond ASCII."""
    kind = content.kind.decode("ascii")
    if content.subtype:
        kind = f"{kind}/{content.subtype.decode('ascii')}"
    words = [kind]
    for parameter in content.parameters:
        name = parameter.name.decode("ascii", "replace")
        if not name.isascii():
            continue
        if parameter.extended:
            value = parameter.extended_value.decode("ascii")
            words.append(f"{name}*={value}")
        elif parameter.octets.isascii():
            text = _QUOTABLE.sub(r"\\\1", parameter.octets.decode("ascii"))
            words.append(f'{name}="{text}"')
    return "; ".join(words)
