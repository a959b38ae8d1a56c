"""What accounts have sent, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from imailpy.errors import ObjectNotFound
from imailpy.interfaces.sending import (
    MOST_KNOWN,
    NO_OWN_LIMITS,
    AccountUse,
    HourUse,
    ISending,
    OwnLimits,
    UseChange,
)


@implementer(ISending)
class MemorySending:
    """
    Everything in dicts.

    Args:
        exists: Whether there is an account of that id.
    """

    def __init__(self, exists: Callable[[str], bool]) -> None:
        self._exists = exists
        self._limits: dict[str, OwnLimits] = {}
        self._hours: dict[str, dict[int, HourUse]] = {}
        self._alerted: dict[str, float] = {}
        # In the order in which they were last written to.
        self._known: dict[str, dict[bytes, None]] = {}

    async def limits(self, account_id: str) -> OwnLimits:
        return self._limits.get(account_id, NO_OWN_LIMITS)

    async def set_limits(self, account_id: str, limits: OwnLimits) -> None:
        if not self._exists(account_id):
            raise ObjectNotFound(f"account {account_id}")
        self._limits[account_id] = limits

    async def use(self, account_id: str) -> AccountUse:
        hours = self._hours.get(account_id, {})
        return AccountUse(
            tuple(hours[hour] for hour in sorted(hours)),
            self._alerted.get(account_id, 0.0),
        )

    async def knows(self, account_id: str, mark: bytes) -> bool:
        return mark in self._known.get(account_id, {})

    async def record(self, changes: Sequence[UseChange]) -> None:
        for change in changes:
            if not self._exists(change.account_id):
                continue
            hours = self._hours.setdefault(change.account_id, {})
            hours.update({each.hour: each for each in change.hours})
            for hour in [h for h in hours if h <= change.hour - 24]:
                del hours[hour]
            self._alerted[change.account_id] = change.alerted_at
            known = self._known.setdefault(change.account_id, {})
            for mark in change.marks:
                known.pop(mark, None)
                known[mark] = None
            while len(known) > MOST_KNOWN:
                del known[next(iter(known))]

    def forget(self, account_id: str) -> None:
        """An account was removed."""
        for kept in (self._limits, self._hours, self._alerted, self._known):
            kept.pop(account_id, None)
