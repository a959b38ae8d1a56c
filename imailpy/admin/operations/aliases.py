"""Aliases: addresses that stand for others."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import (
    BadRequest,
    Operation,
    Plain,
    domain_of,
    path_of,
)
from imailpy.interfaces.directory import Alias


class Aliases:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._directory = house.store.directory

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "alias.add": self.alias_add,
            "alias.list": self.alias_list,
            "alias.remove": self.alias_remove,
        }

    async def alias_add(self, address: str, targets: list[str]) -> Plain:
        """Have an address stand for others."""
        if not targets:
            raise BadRequest(address, "an alias needs a target")
        alias = Alias(path_of(address), tuple(path_of(t) for t in targets))
        await self._directory.add_alias(alias)
        return _alias(alias)

    async def alias_list(self, domain: str | None = None) -> Plain:
        """Aliases, of one domain or of all."""
        name = domain_of(domain) if domain else None
        return [_alias(a) for a in await self._directory.aliases(name)]

    async def alias_remove(self, address: str) -> Plain:
        """No longer."""
        await self._directory.remove_alias(path_of(address))
        return None


def _alias(alias: Alias) -> Plain:
    return {
        "address": str(alias.address),
        "targets": [str(target) for target in alias.targets],
    }
