"""Domains: whose mail we keep."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import Operation, Plain, domain_of, path_of
from imailpy.interfaces.directory import Domain


class Domains:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._directory = house.store.directory

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "domain.add": self.domain_add,
            "domain.list": self.domain_list,
            "domain.remove": self.domain_remove,
            "domain.catch_all": self.domain_catch_all,
        }

    async def domain_add(self, name: str) -> Plain:
        """Take mail for a domain from now on."""
        domain = Domain(domain_of(name))
        await self._directory.add_domain(domain)
        return _domain(domain)

    async def domain_list(self) -> Plain:
        """All domains."""
        return [_domain(d) for d in await self._directory.domains()]

    async def domain_remove(self, name: str) -> Plain:
        """No longer; only once it has no addresses."""
        await self._directory.remove_domain(domain_of(name))
        return None

    async def domain_catch_all(self, name: str, target: str | None) -> Plain:
        """Where mail for unknown addresses of a domain goes; None: refused."""
        path = path_of(target) if target else None
        domain = Domain(domain_of(name), path)
        await self._directory.update_domain(domain)
        return _domain(domain)


def _domain(domain: Domain) -> Plain:
    target = domain.catch_all
    return {"name": domain.name, "catch_all": str(target) if target else None}
