"""The policy in Python."""

from __future__ import annotations

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain


class Custom:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {"policy.functions": self.functions}

    async def functions(self) -> Plain:
        """Each function of the policy in force, and how it stands."""
        server = self._house.server
        if server is None or server.policy is None:
            raise BadRequest("offline", "no server is running")
        return server.policy.functions()
