"""How much one account may send."""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen


class OverLimit(Enum):
    """What becomes of a user's mail over a limit of the day."""

    DEFER = "defer"
    HOLD = "hold"


@frozen
class SendingLimits:
    """
    How much one account may send; 0 lifts a limit.

    Attributes:
        messages: In 24 hours.
        recipients: In 24 hours, of all messages together.
        first_time: Of these, addresses never written to before.
        burst: Messages at once; as many come back in a minute.
        over: What becomes of more; a burst is always deferred.
        entry: Where they were set, if not by the configuration.
    """

    messages: int = 1_000
    recipients: int = 3_000
    first_time: int = 1_000
    burst: int = 100
    over: OverLimit = OverLimit.DEFER
    entry: str = field(default="", eq=False)

    @property
    def any(self) -> bool:
        """Whether there is anything to count for."""
        return bool(
            self.messages or self.recipients or self.first_time or self.burst
        )
