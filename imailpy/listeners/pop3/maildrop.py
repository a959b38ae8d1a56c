"""A mailbox as a maildrop: the snapshot at sign-in, the removal at QUIT."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from imailpy.errors import MailError
from imailpy.interfaces.store import Column, FlagChange, IMailbox
from imailpy.mail import SystemFlag, UidSet
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


async def remove(mailbox: IMailbox, uids: Sequence[int]) -> Sequence[int]:
    """
    Remove messages for good; who is gone already is passed over.

    Returns:
        The UIDs that went, once they would stay away after a power cut.

    Raises:
        MailError: Nothing was removed, and the flags are as they were as
            far as the store still listens.
    """
    if not uids:
        return ()
    wanted = UidSet.from_uids(uids)
    marked = await mailbox.store(wanted, FlagChange("add", SystemFlag.DELETED))
    try:
        return await mailbox.expunge(wanted)
    except MailError:
        with suppress(MailError):
            await mailbox.store(
                marked.changed, FlagChange("remove", SystemFlag.DELETED)
            )
        raise
