"""Answers that are still good, bounded by number; the oldest go first."""

from __future__ import annotations

from collections import OrderedDict

from imailpy.dns.reading import Reading
from imailpy.dns.wire import Question
from imailpy.interfaces.world import IClock

Kept = Reading | str


class Cache:
    """
    Readings (or why there is none, as text) with the time they are good for.

    Args:
        clock: Whose monotonic time is used.
        entries: At most so many.
    """

    def __init__(self, clock: IClock, entries: int) -> None:
        self._clock = clock
        self.entries = entries
        self._kept: OrderedDict[Question, tuple[float, Kept]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question) -> tuple[float, Kept] | None:
        """Give what is known and for how many seconds more, or None."""
        known = self._kept.get(question)
        if known is None:
            return None
        good_until, kept = known
        left_s = good_until - self._clock.monotonic()
        if left_s <= 0:
            del self._kept[question]
            return None
        self._kept.move_to_end(question)
        return left_s, kept

    def put(self, question: Question, kept: Kept, ttl_s: float) -> None:
        """Keep it for `ttl_s` seconds."""
        self._kept[question] = (self._clock.monotonic() + ttl_s, kept)
        self._kept.move_to_end(question)
        while len(self._kept) > self.entries:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
