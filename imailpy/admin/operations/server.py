"""The server as a whole."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain


class TheServer:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "status": self.status,
            "audit": self.audit,
            "reload": self.reload,
        }

    async def status(self) -> Plain:
        """How things stand."""
        figures: dict[str, Plain] = dict(await self._house.store.figures())
        for state, count in (await self._house.store.queue.counts()).items():
            figures[f"queue_{state}"] = count
        if self._house.server is not None:
            figures.update(self._house.server.facts())
        return figures

    async def audit(self) -> Plain:
        """Check what the promises promise; gives the complaints."""
        return {"complaints": list(await self._house.store.audit())}

    async def reload(self) -> Plain:
        """Read the configuration again, all or nothing."""
        if self._house.server is None:
            raise BadRequest("offline", "no server is running")
        return {"number": await self._house.server.reload()}
