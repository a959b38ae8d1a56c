"""A mailbox as a maildrop: the snapshot at sign-in."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable

from imailpy.interfaces.store import Column, IMailbox
from imailpy.mail import UidSet
from imailpy.protocol.pop3 import Maildrop

_LARGEST_UID = 2**32 - 1


async def snapshot(
    mailbox: IMailbox, breathe: Callable[[], Awaitable[None]]
) -> Maildrop:
    """
    Take the snapshot of a session: 12 octets a message.

    Args:
        breathe: Awaited between batches: a large mailbox must not hold the
            reactor.
    """
    uids, sizes = array("I"), array("Q")
    validity = mailbox.info.uid_validity
    after = 0
    while after < _LARGEST_UID:
        rest = UidSet(((after + 1, _LARGEST_UID),))
        rows = await mailbox.rows(rest, (Column.UID, Column.SIZE))
        if not rows:
            break
        for uid, size in rows:
            uids.append(uid)
            sizes.append(size)
        after = uids[-1]
        await breathe()
    return Maildrop(validity, uids, sizes)
