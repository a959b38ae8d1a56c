"""
When to try again, when to tell the sender, when to give up
[RFC5321 4.5.4.1].

Only arithmetic: the time comes in, a time goes out.
"""

from __future__ import annotations

from attrs import frozen

_MINUTE = 60.0
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


@frozen
class Schedule:
    """
    How long a message is tried, and how often.

    Attributes:
        waits_s: Before the second try, the third ...; the last one counts
            for all that follow.
        jitter: Part of a wait that it is made longer or shorter by, so that
            what failed together does not come back together.
        life_s: From acceptance to giving up.
        bounce_life_s: The same for a message without a sender, which nobody
            will miss.
        delay_notice_s: When the sender is told that it takes longer; 0: it
            is not.
    """

    waits_s: tuple[float, ...] = (
        5 * _MINUTE,
        10 * _MINUTE,
        20 * _MINUTE,
        30 * _MINUTE,
        _HOUR,
        2 * _HOUR,
        4 * _HOUR,
    )
    jitter: float = 0.2
    life_s: float = 5 * _DAY
    bounce_life_s: float = 2 * _DAY
    delay_notice_s: float = 4 * _HOUR

    def expires_at(self, received_at: float, *, bounce: bool) -> float:
        """When the last try is due."""
        return received_at + (self.bounce_life_s if bounce else self.life_s)

    def next_try(
        self,
        now: float,
        received_at: float,
        tries: int,
        dice: float,
        *,
        bounce: bool = False,
    ) -> float | None:
        """
        Give when to try again.

        Args:
            now: When the try failed.
            received_at: When the message was accepted.
            tries: Attempts so far, this one included; at least 1.
            dice: From -1 to 1: where in the jitter.
            bounce: It has the null reverse-path.

        Returns:
            A time behind `now`; None: its time is over, give up. One try
            comes when a notice of delay is due, the last one when the life
            ends, not a wait earlier.
        """
        end = self.expires_at(received_at, bounce=bounce)
        if now >= end:
            return None
        wait_s = self.waits_s[min(max(tries, 1), len(self.waits_s)) - 1]
        due = now + wait_s * (1 + self.jitter * dice)
        notice_at = received_at + self.delay_notice_s
        if now < notice_at < due:
            due = notice_at
        return min(due, end)

    def delay_notice_due(
        self, now: float, received_at: float, notices: int
    ) -> bool:
        """Whether the sender is to be told now that it takes longer."""
        return (
            self.delay_notice_s > 0
            and notices == 0
            and now - received_at >= self.delay_notice_s
        )
