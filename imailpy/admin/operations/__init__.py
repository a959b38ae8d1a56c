"""
Every operation an operator may ask for, by name.

An operation takes plain values and gives plain values (what JSON knows), so
the same one serves the command line, the control socket and a web page. What
is not there or not allowed is a `MailError` with a text for a person. A
module for each noun.
"""

from __future__ import annotations

from imailpy.admin.operations.accounts import Accounts
from imailpy.admin.operations.aliases import Aliases
from imailpy.admin.operations.bans import Bans
from imailpy.admin.operations.check import Check
from imailpy.admin.operations.custom import Custom
from imailpy.admin.operations.domains import Domains
from imailpy.admin.operations.doors import House, ServerDoors
from imailpy.admin.operations.explaining import Explaining
from imailpy.admin.operations.keys import Keys
from imailpy.admin.operations.logins import Logins
from imailpy.admin.operations.past import Past
from imailpy.admin.operations.queue import Queue
from imailpy.admin.operations.sending import Sending
from imailpy.admin.operations.server import TheServer
from imailpy.admin.operations.words import (
    BadRequest,
    Operation,
    Plain,
    complaint_of,
)
from imailpy.admin.rehearsals import Rehearsals
from imailpy.interfaces.history import IHistory
from imailpy.interfaces.store import IStore
from imailpy.interfaces.world import IWorld
from imailpy.realm.passwords import Passwords

__all__ = ["BadRequest", "Operations", "ServerDoors", "complaint_of"]

NOUNS = (
    Domains,
    Accounts,
    Keys,
    Aliases,
    Logins,
    Sending,
    Queue,
    Bans,
    Past,
    Explaining,
    Check,
    Custom,
    TheServer,
)


class Operations:
    """
    The operations. `names()` lists them: `domain.add`, `queue.show` ...

    Args:
        store: Open.
        passwords: Checks and hashes new passwords.
        server: None when no server runs and the store was opened instead.
        history: What was decided; None where nobody has opened it.
        rehearsals: What would be decided; None without a configuration.
    """

    def __init__(
        self,
        world: IWorld,
        store: IStore,
        passwords: Passwords,
        server: ServerDoors | None = None,
        *,
        history: IHistory | None = None,
        rehearsals: Rehearsals | None = None,
    ) -> None:
        self.world = world
        self.store = store
        house = House(world, store, passwords, server, history, rehearsals)
        self._table: dict[str, Operation] = {}
        for noun in NOUNS:
            self._table.update(noun(house).table())

    def names(self) -> list[str]:
        """The names of all operations."""
        return sorted(self._table)

    async def perform(self, name: str, arguments: dict[str, Plain]) -> Plain:
        """
        Perform one by name.

        Raises:
            MailError: What an operator should know, in `public`.
        """
        operation = self._table.get(name)
        if operation is None:
            raise BadRequest(name, f"no operation is called {name!r}")
        try:
            return await operation(**arguments)
        except TypeError as error:
            raise BadRequest(str(error), f"{name}: {error}") from error
