"""What an attempt means for its row, and what is to be told about it."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from imailpy.delivery.carriers import Carried
from imailpy.delivery.schedule import Schedule
from imailpy.interfaces.queue import Attempt, QueueRow, QueueState
from imailpy.mail import Reply

SUCCESS, FAILURE, DELAY, NEVER = "SUCCESS", "FAILURE", "DELAY", "NEVER"


class Notice(Enum):
    """What a sender may be told [RFC3464 2.3.3]."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@frozen
class Outcome:
    """
    One attempt, concluded.

    Attributes:
        attempt: For the queue.
        notice: What the sender is to be told, None for nothing.
        status: Enhanced status for the notice.
    """

    row: QueueRow
    attempt: Attempt
    notice: Notice | None = None
    status: str = ""


def conclude(
    carried: Carried, schedule: Schedule, now: float, dice: float
) -> Outcome:
    """
    Conclude an attempt.

    Args:
        now: When it ended.
        dice: From -1 to 1, for the jitter.
    """
    row, reply = carried.row, carried.reply
    if reply.positive:
        notice = None
        if carried.delivered:
            notice = Notice.DELIVERED
        elif carried.relayed:
            notice = Notice.RELAYED
        return _end(carried, QueueState.DONE, notice, _status(reply, "2"))
    if reply.permanent:
        return _end(
            carried, QueueState.FAILED, Notice.FAILED, _status(reply, "5")
        )
    bounce = row.reverse_path.is_null
    next_try = schedule.next_try(
        now, row.received_at, row.tries + 1, dice, bounce=bounce
    )
    if next_try is None:
        # Its time is over [RFC3463 3.5].
        return _end(carried, QueueState.FAILED, Notice.FAILED, "5.4.7")
    late = schedule.delay_notice_due(now, row.received_at, row.notices)
    notices = row.notices + 1 if late else row.notices
    attempt = Attempt(
        row.id, QueueState.DEFERRED, reply, carried.host, next_try, notices
    )
    notice = Notice.DELAYED if late and _wanted(row, Notice.DELAYED) else None
    return Outcome(row, attempt, notice, _status(reply, "4"))


def _end(
    carried: Carried, state: QueueState, notice: Notice | None, status: str
) -> Outcome:
    row = carried.row
    attempt = Attempt(
        row.id, state, carried.reply, carried.host, notices=row.notices
    )
    if notice is not None and not _wanted(row, notice):
        notice = None
    return Outcome(row, attempt, notice, status)


def _wanted(row: QueueRow, notice: Notice) -> bool:
    """
    Whether the sender is to be told [RFC3461 4.1].

    Nobody is told about a message that comes from nobody [RFC5321 6.1].
    """
    if row.reverse_path.is_null or NEVER in row.notify:
        return False
    if notice in (Notice.DELIVERED, Notice.RELAYED):
        return SUCCESS in row.notify
    if not row.notify:
        return True
    return (FAILURE if notice is Notice.FAILED else DELAY) in row.notify


def _status(reply: Reply, first: str) -> str:
    """The reply's enhanced status, its class made to fit."""
    status = reply.enhanced_status
    if status is None or status.count(".") != 2:
        return f"{first}.0.0"
    return f"{first}{status[status.index('.') :]}"
