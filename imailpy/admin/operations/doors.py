"""What the operations are joined to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from attrs import frozen

from imailpy.admin.operations.words import Plain
from imailpy.interfaces.history import IHistory
from imailpy.interfaces.store import IStore
from imailpy.interfaces.world import IWorld
from imailpy.realm.custom.keeper import Keeper
from imailpy.realm.passwords import Passwords
from imailpy.realm.realm import Realm

if TYPE_CHECKING:
    from imailpy.admin.rehearsals import Rehearsals


@frozen
class ServerDoors:
    """
    What only a running server has.

    Attributes:
        reload: Read the configuration again; gives its number.
        facts: Name -> value of what `status` shows of the server.
        wake_queue: Have the queue looked at now.
        realm: Who decides.
        policy: Keeps the policy in Python.
    """

    reload: Callable[[], Awaitable[int]]
    facts: Callable[[], dict[str, Plain]]
    wake_queue: Callable[[], None]
    realm: Realm | None = None
    policy: Keeper | None = None


@frozen
class House:
    """
    What an operation may reach.

    Attributes:
        store: Open.
        passwords: Checks and hashes new passwords.
        server: None when no server runs and the store was opened instead.
        history: What was decided; None where nobody has opened it.
        rehearsals: What would be decided; None without a configuration.
    """

    world: IWorld
    store: IStore
    passwords: Passwords
    server: ServerDoors | None = None
    history: IHistory | None = None
    rehearsals: Rehearsals | None = None
