"""
Who a user's message claims to be from, and whether that is the user.

The fields are read by the one grammar of `imailpy.message`. What that finds
odd is refused rather than interpreted: a reader at the other end may take
another author out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from imailpy.interfaces.body import IBody
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.realm import IAvatar
from imailpy.mail import Path
from imailpy.message.address import parse_addresses
from imailpy.message.bounds import MAX_SECTION
from imailpy.message.header import raw_fields, section_end, unfold
from imailpy.policy.facts import Authorship
from imailpy.realm.avatar import owns

# Each may cost a look-up; nobody writes with more people than this.
MOST_AUTHORS = 100
# Octets of a field that is kept with what was read out of it.
_MOST_KEPT = 512


class _Unreadable(Exception):
    """A field that is not as [RFC5322 3.6.2] wants it."""


async def read_authorship(
    directory: IDirectory, avatar: IAvatar, body: IBody
) -> Authorship:
    """Read From and Sender, and find those that are not the avatar's."""
    try:
        fields = _fields(body)
        authors = _mailboxes("From", _only("From", fields[b"from"]))
        sender = _sender(fields[b"sender"])
    except _Unreadable as error:
        return Authorship(readable=False, complaint=str(error))
    claimed = authors if sender is None else (*authors, sender)
    foreign = [
        path for path in claimed if not await owns(directory, avatar, path)
    ]
    return Authorship(authors=authors, sender=sender, foreign=tuple(foreign))


def _fields(body: IBody) -> dict[bytes, list[bytes]]:
    """Give the values of From and of Sender, in order."""
    found: dict[bytes, list[bytes]] = {b"from": [], b"sender": []}
    for _, name, value in raw_fields(_section(body)):
        values = found.get(name.lower())
        if values is not None:
            values.append(value)
    return found


def _section(body: IBody) -> bytes:
    """Give the header section, or what of it has these fields."""
    rendition = body.rendition
    if rendition is not None and rendition.header_complete:
        return rendition.listed_fields
    octets = b"".join(body.chunks(0, MAX_SECTION + 1))
    end = section_end(octets)
    if end > MAX_SECTION:
        raise _Unreadable(f"the header section is over {MAX_SECTION} octets")
    return octets[:end]


def _only(name: str, values: Sequence[bytes]) -> bytes:
    if len(values) != 1:
        raise _Unreadable(f"{len(values)} {name} fields, there must be one")
    return values[0]


def _sender(values: Sequence[bytes]) -> Path | None:
    if not values:
        return None
    paths = _mailboxes("Sender", _only("Sender", values))
    if len(paths) != 1:
        raise _Unreadable(f"{len(paths)} mailboxes in Sender")
    return paths[0]


def _mailboxes(name: str, value: bytes) -> tuple[Path, ...]:
    if len(value) <= _MOST_KEPT:
        return _kept(name, value)
    return _read(name, value)


def _read(name: str, value: bytes) -> tuple[Path, ...]:
    listed = parse_addresses(unfold(value))
    mailboxes = listed.mailboxes
    if not listed.well_formed or listed.truncated or not mailboxes:
        raise _Unreadable(f"{name} is malformed")
    if len(mailboxes) > MOST_AUTHORS:
        raise _Unreadable(f"{len(mailboxes)} mailboxes in {name}")
    paths = []
    for mailbox in mailboxes:
        path = mailbox.path
        if path is None:
            raise _Unreadable(f"{name} has something that is no address")
        paths.append(path)
    return tuple(paths)


# A user writes the same From again and again.
_kept = lru_cache(maxsize=1024)(_read)
