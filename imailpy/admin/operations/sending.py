"""How much an account may send, and what it has sent."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import (
    BadRequest,
    Operation,
    Plain,
    path_of,
)
from imailpy.errors import ObjectNotFound
from imailpy.interfaces.directory import Account
from imailpy.interfaces.sending import OwnLimits
from imailpy.policy.settings import OverLimit

# As an operator calls it -> as the store does.
_NUMBERS = {
    "messages_a_day": "messages",
    "recipients_a_day": "recipients",
    "first_time_recipients_a_day": "first_time",
    "burst": "burst",
}
DEFAULT = "default"
_MOST = 10**8


class Sending:
    """Its operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {"account.limits": self.account_limits}

    async def account_limits(
        self, address: str, **changes: int | str
    ) -> Plain:
        """
        Show an account's limits, after changing those that are named: a
        number, 0 for no limit, `default` for that of all accounts; `over`
        is `defer`, `hold` or `default`.
        """
        found = await self._house.store.directory.find(path_of(address))
        if not isinstance(found, Account):
            raise ObjectNotFound(address, f"no account {address}")
        sending = self._house.store.sending
        own = await sending.limits(found.id)
        if changes:
            own = _changed(own, changes)
            await sending.set_limits(found.id, own)
        return await self._shown(found, own)

    async def _shown(self, account: Account, own: OwnLimits) -> Plain:
        shown: dict[str, Plain] = {"address": str(account.address)}
        shown["own"] = {
            name: getattr(own, kept) for name, kept in _NUMBERS.items()
        }
        shown["own"]["over"] = _over(own.hold)
        server = self._house.server
        if server is None or server.realm is None:
            return shown
        counting = server.realm.sending
        if counting is None:
            return shown
        limits = await counting.limits(account)
        shown["limits"] = {
            name: getattr(limits, kept) for name, kept in _NUMBERS.items()
        }
        shown["limits"]["over"] = limits.over.value
        messages, recipients, first_time = await counting.use(account)
        shown["used"] = {
            "messages_a_day": messages,
            "recipients_a_day": recipients,
            "first_time_recipients_a_day": first_time,
        }
        return shown


def _changed(own: OwnLimits, changes: dict[str, int | str]) -> OwnLimits:
    for name, value in changes.items():
        if name == "over":
            own = evolve(own, hold=_hold(value))
        elif name in _NUMBERS:
            number: Any = _number(name, value)
            own = evolve(own, **{_NUMBERS[name]: number})
        else:
            raise BadRequest(name, f"no limit is called {name}")
    return own


def _number(name: str, value: int | str) -> int | None:
    if value == DEFAULT:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(name, f"{name}: want a number or {DEFAULT}")
    if not 0 <= value <= _MOST:
        raise BadRequest(name, f"{name}: must be from 0 to {_MOST}")
    return value


def _hold(value: int | str) -> bool | None:
    if value == DEFAULT:
        return None
    try:
        return OverLimit(value) is OverLimit.HOLD
    except ValueError:
        raise BadRequest("over", "over: want defer, hold or default") from None


def _over(hold: bool | None) -> str | None:
    if hold is None:
        return None
    chosen = OverLimit.HOLD if hold else OverLimit.DEFER
    return str(chosen.value)
