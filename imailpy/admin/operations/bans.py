"""Bans: networks that are kept out for a time."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.errors import ObjectNotFound
from imailpy.mail import Ban
from imailpy.realm.bans import Bans as RealmBans
from imailpy.realm.bans import canonical

_MOST_WORDS = 200


class Bans:
    """Their operations; of the running server, or of its table."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "ban.add": self.ban_add,
            "ban.list": self.ban_list,
            "ban.remove": self.ban_remove,
        }

    @property
    def _running(self) -> RealmBans | None:
        server = self._house.server
        if server is None or server.realm is None:
            return None
        return server.realm.bans

    async def ban_list(self) -> Plain:
        """Those that are in force, the oldest first."""
        now = self._house.world.clock.now()
        running = self._running
        if running is not None:
            return [_ban(ban) for ban in running.all()]
        kept = await self._house.store.bans.bans()
        return [_ban(ban) for ban in kept if ban.holds(now)]

    async def ban_add(
        self, network: str, seconds: float | None = None, note: str = ""
    ) -> Plain:
        """Keep a network out; without `seconds` until it is removed."""
        if seconds is not None and not 0 < seconds < 10**10:
            raise BadRequest(str(seconds), "a ban lasts longer than nothing")
        now = self._house.world.clock.now()
        ban = Ban(
            _network(network),
            note[:_MOST_WORDS] or "by hand",
            since=now,
            until=None if seconds is None else now + seconds,
            by="operator",
        )
        running = self._running
        if running is not None:
            running.add(ban)
            # Whoever asked hears of it when it is kept.
            await running.tell()
        else:
            await self._house.store.bans.change([ban])
        return _ban(ban)

    async def ban_remove(self, network: str) -> Plain:
        """Let a network in again."""
        name = _network(network)
        running = self._running
        if running is not None:
            found = running.remove(name)
            await running.tell()
        else:
            kept = await self._house.store.bans.bans()
            found = next((b for b in kept if b.network == name), None)
            await self._house.store.bans.change([], [name])
        if found is None:
            raise ObjectNotFound(name, f"no ban of {name}")
        return _ban(found)


def _network(text: str) -> str:
    """Read a network that an operator typed."""
    try:
        name = canonical(text)
    except ValueError as error:
        raise BadRequest(text, str(error)) from None
    if name.endswith("/0"):
        raise BadRequest(
            text, f"{name} is everybody, you too; stop the server instead"
        )
    return name


def _ban(ban: Ban) -> Plain:
    return {
        "network": ban.network,
        "why": ban.why,
        "since_at": ban.since,
        "until_at": ban.until,
        "by": ban.by,
        "times": ban.times,
        "session": ban.session_id or None,
    }
