"""
Lines that say the same again and again: the first of a minute are written,
the rest are counted, and one line tells how many.

What is the same: event, rule or kind, and client; and, more generously,
event and rule alone, for a thousand clients can say the same, too. So the
log grows by a bounded number of lines a minute, whatever comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imailpy.interfaces.world import IClock

# Lines a minute of one client, of all together.
MOST_ALIKE = 20
MOST_OF_A_KIND = 1000
SPAN_S = 60.0
# Kinds and clients that are told apart within a minute.
_MOST_KEYS = 10_000

# The last word of events that a peer causes as often as it likes.
_CAUSED = frozenset(
    (
        "aborted",
        "added",
        "decision",
        "offence",
        "refused",
        "timeout",
        "too_slow",
    )
)
_Key = tuple[str, ...]


class Flood:
    """
    Tells which lines are written.

    Args:
        tell: Gets (event, plain facts) of the line about the rest.
    """

    def __init__(
        self, clock: IClock, tell: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._until = 0.0
        self._counts: dict[_Key, int] = {}
        self._held: dict[_Key, int] = {}

    def passes(self, event: str, plain: dict[str, Any]) -> bool:
        """Whether this line is written."""
        if event.rpartition(".")[2] not in _CAUSED:
            return True
        if plain.get("verdict") == "accept" and event != "connect.decision":
            return True
        now = self._clock.monotonic()
        if now >= self._until:
            self.flush()
            self._until = now + SPAN_S
        kind: _Key = event, str(plain.get("rule") or plain.get("kind") or "")
        key: _Key = (*kind, str(plain.get("client") or ""))
        counts = self._counts
        if len(counts) >= _MOST_KEYS and key not in counts:
            key = kind
        if key != kind:
            alike = counts[key] = counts.get(key, 0) + 1
            if alike > MOST_ALIKE:
                return self._hold(key, now)
        all_ = counts[kind] = counts.get(kind, 0) + 1
        return all_ <= MOST_OF_A_KIND or self._hold(kind, now)

    def _hold(self, key: _Key, now: float) -> bool:
        if not self._held:
            self._clock.call_later(self._until - now, self._time_is_over)
        self._held[key] = self._held.get(key, 0) + 1
        return False

    def flush(self) -> None:
        """Tell how many were held back, and begin anew."""
        held, self._held = self._held, {}
        self._counts.clear()
        for (event, rule, *client), more in held.items():
            plain: dict[str, Any] = {"of": event}
            if rule:
                plain["rule"] = rule
            if client:
                plain["client"] = client[0]
            plain["more"] = more
            plain["text"] = f"and {more:,} more"
            self._tell("log.repeated", plain)

    def _time_is_over(self) -> None:
        self.flush()
        self._until = self._clock.monotonic() + SPAN_S
