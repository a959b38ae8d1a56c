"""Bans in memory."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from imailpy.interfaces.bans import IBans
from imailpy.mail import Ban


@implementer(IBans)
class MemoryBans:
    """Rows in a dict."""

    def __init__(self) -> None:
        self._bans: dict[str, Ban] = {}

    async def bans(self) -> Sequence[Ban]:
        return sorted(
            self._bans.values(), key=lambda ban: (ban.since, ban.network)
        )

    async def change(
        self, bans: Sequence[Ban], removed: Sequence[str] = ()
    ) -> None:
        for network in removed:
            self._bans.pop(network, None)
        self._bans.update((ban.network, ban) for ban in bans)
