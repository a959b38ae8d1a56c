"""
Submission mending: make a header section what the world expects, or tell why
it cannot be [RFC6409 8].

    mended = mend_section(octets, now=..., message_id=..., authserv_ids=...)

One readable From with one mailbox is demanded, since the realm compares it
with who signed in and nobody may guess which of two is shown. Date and
Message-ID are added where they are missing. What must not leave the house or
cannot be true goes: Bcc, Return-Path, and Authentication-Results that bear
our own name [RFC8601 5].
"""

from __future__ import annotations

import re
from collections.abc import Collection

from attrs import frozen

from imailpy.errors import PeerError
from imailpy.mail import Path, Reply
from imailpy.mail.path import canonical_domain
from imailpy.message.address import parse_addresses
from imailpy.message.build import header_field
from imailpy.message.date import format_date, parse_date
from imailpy.message.header import Field, HeaderSection

_REMOVED = frozenset((b"bcc", b"resent-bcc", b"return-path"))
_RESULTS = b"authentication-results"
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)
_SERVICE = re.compile(rb'\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"()=]++))')
_UNESCAPE = re.compile(rb"\\(.)", re.DOTALL)


@frozen
class Mended:
    """
    A header section that may go out.

    Attributes:
        octets: All of it, its empty line included.
        author: The mailbox of From.
        sender: The mailbox of Sender, None when there is none.
        added: Names of the fields that were missing.
    """

    octets: bytes
    author: Path
    sender: Path | None
    added: tuple[str, ...]


def mend_section(
    octets: bytes,
    *,
    now: float,
    message_id: str,
    authserv_ids: Collection[str],
    zone_minutes: int = 0,
) -> Mended:
    """
    Mend a complete header section.

    Args:
        octets: Up to the body; the empty line may be missing.
        now: For a Date that is missing.
        message_id: Ours, without angle brackets, for a missing Message-ID.
        authserv_ids: Names under which we ourselves report results.

    Raises:
        PeerError: 550 5.6.0, its text says what is wrong.
    """
    section = HeaderSection(octets)
    if not section.complete:
        raise _refused("header section too large")
    author = _author(section)
    sender = _sender(section)
    _check_date(section)
    own = {_service_key(one.encode()) for one in authserv_ids}
    kept = [
        _raw(section, field)
        for field in section
        if field.name.lower() not in _REMOVED
        and not (field.name.lower() == _RESULTS and claims(field, own))
    ]
    added = []
    if section.first(b"date") is None:
        added.append("Date")
        kept.append(header_field("Date", format_date(now, zone_minutes)))
    if section.first(b"message-id") is None:
        added.append("Message-ID")
        kept.append(header_field("Message-ID", f"<{message_id}>"))
    mended = b"".join(kept) + b"\r\n"
    return Mended(mended, author, sender, tuple(added))


def _refused(why: str) -> PeerError:
    return PeerError(Reply(550, f"Message refused: {why}", "5.6.0"))


def _raw(section: HeaderSection, field: Field) -> bytes:
    raw = section.octets[field.start : field.end]
    return raw if raw.endswith(b"\n") else raw + b"\r\n"


def _author(section: HeaderSection) -> Path:
    fields = section.all(b"from")
    if not fields:
        raise _refused("no From field")
    if len(fields) > 1:
        raise _refused("more than one From field")
    return _one_mailbox(fields[0], "From")


def _sender(section: HeaderSection) -> Path | None:
    fields = section.all(b"sender")
    if not fields:
        return None
    if len(fields) > 1:
        raise _refused("more than one Sender field")
    return _one_mailbox(fields[0], "Sender")


def _one_mailbox(field: Field, name: str) -> Path:
    """Read a field that must hold exactly one mailbox and nothing odd."""
    if b"\0" in field.raw_value:
        raise _refused(f"NUL in the {name} field")
    found = parse_addresses(field.raw_value)
    if found.has_group:
        raise _refused(f"a group in the {name} field")
    if len(found.mailboxes) > 1:
        raise _refused(f"more than one address in the {name} field")
    path = found.mailboxes[0].path if found.mailboxes else None
    if path is None or not path.domain or not found.well_formed:
        raise _refused(f"malformed {name} field")
    return path


def _check_date(section: HeaderSection) -> None:
    fields = section.all(b"date")
    if len(fields) > 1:
        raise _refused("more than one Date field")
    if fields and parse_date(fields[0].value) is None:
        raise _refused("malformed Date field")


def claims(field: Field, own: Collection[bytes]) -> bool:
    """
    Tell whether an Authentication-Results field says it is from one of us.

    Args:
        own: Keys of our names, as `_service_key` gives them.

    One whose service cannot be read is taken for a forgery.
    """
    match = _SERVICE.match(_without_comments(field.value))
    if match is None:
        return True
    quoted, bare = match.groups()
    service = _UNESCAPE.sub(rb"\1", quoted) if quoted is not None else bare
    # A method number may stand behind the name: `example.test/1`.
    return _service_key(service.split(b"/", 1)[0]) in own


def _service_key(service: bytes) -> bytes:
    """Give a name the form in which it is compared."""
    try:
        return canonical_domain(service.decode().strip()).encode()
    except ValueError:
        return service.strip().lower()


def _without_comments(value: bytes) -> bytes:
    """Drop comments; they nest [RFC5322 3.2.2]."""
    if b"(" not in value:
        return value
    pieces = []
    depth = last = 0
    for match in _COMMENT_MARK.finditer(value):
        mark = match.group()
        if mark == b"(":
            if depth == 0:
                pieces.append(value[last : match.start()])
            depth += 1
        elif mark == b")" and depth:
            depth -= 1
            last = match.end()
    if depth == 0:
        pieces.append(value[last:])
    return b" ".join(pieces)
