"""
The way into our own mailboxes, for whoever has accepted a message.

A mailbox that cannot be had (its name is refused, there are too many) is no
reason to lose a message: then it goes to the inbox.
"""

from __future__ import annotations

from attrs import evolve

from imailpy.delivery.boxes import INBOX
from imailpy.errors import MailboxError, OverQuota
from imailpy.interfaces.store import Acceptance, Delivered, IStore
from imailpy.mail import Reply

# Behind a delivery id: the same message once more, for other mailboxes.
_AGAIN = ".inbox"


async def deposit(store: IStore, acceptance: Acceptance) -> list[Delivered]:
    """
    Accept a message, and put what its mailbox refuses into the inbox.

    Returns:
        One `Delivered` for each delivery, in order.

    Raises:
        StoreUnavailable: As `IStore.accept`, whose raising it is.
    """
    done = list(await store.accept(acceptance))
    refused = [
        place
        for place, delivered in enumerate(done)
        if isinstance(delivered.error, MailboxError)
        and delivered.delivery.mailbox != INBOX
    ]
    if not refused:
        return done
    again = evolve(
        acceptance,
        delivery_id=acceptance.delivery_id + _AGAIN,
        deliveries=tuple(
            evolve(done[place].delivery, mailbox=INBOX) for place in refused
        ),
        queued=(),
    )
    for place, delivered in zip(
        refused, await store.accept(again), strict=True
    ):
        done[place] = delivered
    return done


def reply_to(delivered: Delivered) -> Reply:
    """What to say about one delivery into a mailbox of ours."""
    error = delivered.error
    if error is None:
        return Reply(250, "OK", "2.0.0")
    return error.reply


def later(reply: Reply) -> Reply:
    """
    The same trouble as one that may pass: a mailbox that is full now, of
    somebody whose mail was accepted already.
    """
    if reply.temporary:
        return reply
    status = reply.enhanced_status or "4.3.0"
    return Reply(452, reply.text, f"4{status[1:]}")


def is_full(delivered: Delivered) -> bool:
    """Whether it was its quota."""
    return isinstance(delivered.error, OverQuota)
