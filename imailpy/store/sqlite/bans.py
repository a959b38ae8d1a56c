"""Bans in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zope.interface import implementer

from imailpy.interfaces.bans import IBans
from imailpy.mail import Ban

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Job, Tx

_COLUMNS = "network, why, session_id, since, until, by_whom, times"


@implementer(IBans)
class SqliteBans:
    """Reads in the reactor thread, changes through the writer."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def bans(self) -> Sequence[Ban]:
        rows = self._store.read(
            f"SELECT {_COLUMNS} FROM bans ORDER BY since, network"
        )
        return [Ban(*row) for row in rows]

    async def change(
        self, bans: Sequence[Ban], removed: Sequence[str] = ()
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            for network in removed:
                tx.execute("DELETE FROM bans WHERE network = ?", (network,))
            for ban in bans:
                tx.execute(
                    f"INSERT OR REPLACE INTO bans ({_COLUMNS})"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        ban.network,
                        ban.why,
                        ban.session_id,
                        ban.since,
                        ban.until,
                        ban.by,
                        ban.times,
                    ),
                )

        await self._store.work(run, grows=bool(bans))
