"""Who tries names to see which are there."""

from __future__ import annotations

from attrs import frozen


@frozen
class HarvestRules:
    """
    Unknown recipients, on one connection and from one address together.

    Attributes:
        slow_after: From the next one on each answer is late; 0: never.
        delay_s: So much, and as much more with each.
        most: From the next recipient on the client hears 421; 0: never.
        window_s: So long those of an address count.
    """

    slow_after: int = 10
    delay_s: float = 1.0
    most: int = 25
    window_s: int = 600

    def delay(self, unknown: int) -> float:
        """Give how late an answer is after so many."""
        if not self.slow_after or unknown <= self.slow_after:
            return 0.0
        return min(10.0, self.delay_s * (unknown - self.slow_after))
