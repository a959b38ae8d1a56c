"""
A message on its way out.

Byte for byte, but for a client without UTF8: a message whose header section
goes beyond ASCII is shown to it downgraded, with the header sections of its
parts [RFC6856 2.1] [RFC6858]. Whether it does is seen from the octets
themselves, which come by anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

from imailpy.interfaces.body import IBody
from imailpy.interfaces.store import Column, IMailbox
from imailpy.mail import UidSet
from imailpy.message.downgrade import downgrade_section
from imailpy.message.structure import Structure
from imailpy.protocol.pop3.top import HeaderEnd

# A header section past this is looked at only so far.
_MOST_HEADER = 1024 * 1024


def header_is_ascii(body: IBody) -> bool:
    """Whether the header section, as far as we look, is ASCII."""
    end = HeaderEnd()
    seen = 0
    for chunk in body.chunks():
        size = end.find(chunk)
        if not (chunk if size is None else chunk[:size]).isascii():
            return False
        seen += len(chunk)
        if size is not None or seen > _MOST_HEADER:
            break
    return True


async def header_sections(
    mailbox: IMailbox, uid: int
) -> list[tuple[int, int]]:
    """
    Give (start, end) of every header section of a message, ascending; none
    when the message is gone.
    """
    rows = await mailbox.rows(
        UidSet.of(uid), (Column.STRUCTURE, Column.PREFIX_SIZE)
    )
    if not rows:
        return []
    packed, prefix_octets = rows[0]
    sections = [
        (part.header_start + prefix_octets, part.body_start + prefix_octets)
        for part in Structure.unpack(packed).parts
    ]
    # Our own fields stand in front of the first one and belong to it.
    return [(0, sections[0][1]), *sections[1:]]


def downgraded(
    body: IBody, sections: list[tuple[int, int]]
) -> Iterator[bytes]:
    """Give a message's octets with its header sections downgraded."""
    at = 0
    for start, end in sections:
        if start < at:
            continue
        if start > at:
            yield from body.chunks(at, start)
        if end > start:
            yield downgrade_section(b"".join(body.chunks(start, end)))
        at = end
    if at < body.size_octets:
        yield from body.chunks(at)
