"""What accounts have sent, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import apsw
from zope.interface import implementer

from imailpy.errors import DirectoryUnavailable, ObjectNotFound
from imailpy.interfaces.sending import (
    MOST_KNOWN,
    NO_OWN_LIMITS,
    AccountUse,
    HourUse,
    ISending,
    OwnLimits,
    UseChange,
)

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Job, Tx

_MOST_LIMITS = 8_192


@implementer(ISending)
class SqliteSending:
    """Looks up in the reactor thread, changes through the writer."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        # Asked for at every MAIL of a user.
        self._limits: dict[str, OwnLimits] = {}

    def _read(self, sql: str, bindings: tuple[Any, ...]) -> Any:
        try:
            return self._store.reader.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise DirectoryUnavailable(f"sending: {error!r}") from error

    async def limits(self, account_id: str) -> OwnLimits:
        known = self._limits.get(account_id)
        if known is None:
            known = self._own_limits(account_id)
            if len(self._limits) >= _MOST_LIMITS:
                self._limits.clear()
            self._limits[account_id] = known
        return known

    def _own_limits(self, account_id: str) -> OwnLimits:
        rows = self._read(
            "SELECT messages, recipients, first_time, burst, hold"
            " FROM sending_limits WHERE account = ?",
            (account_id,),
        )
        if not rows:
            return NO_OWN_LIMITS
        messages, recipients, first_time, burst, hold = rows[0]
        return OwnLimits(
            messages,
            recipients,
            first_time,
            burst,
            None if hold is None else bool(hold),
        )

    async def set_limits(self, account_id: str, limits: OwnLimits) -> None:
        def run(tx: Tx, job: Job) -> None:
            if not _exists(tx, account_id):
                raise ObjectNotFound(f"account {account_id}")
            tx.execute(
                "INSERT OR REPLACE INTO sending_limits (account, messages,"
                " recipients, first_time, burst, hold)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    account_id,
                    limits.messages,
                    limits.recipients,
                    limits.first_time,
                    limits.burst,
                    limits.hold,
                ),
            )

        try:
            await self._store.work(run, grows=False)
        finally:
            self._limits.pop(account_id, None)

    async def use(self, account_id: str) -> AccountUse:
        hours = self._read(
            "SELECT hour, messages, recipients, first_time FROM sending_use"
            " WHERE account = ? ORDER BY hour",
            (account_id,),
        )
        alerts = self._read(
            "SELECT at FROM sending_alerts WHERE account = ?", (account_id,)
        )
        return AccountUse(
            tuple(HourUse(*row) for row in hours),
            alerts[0][0] if alerts else 0.0,
        )

    async def knows(self, account_id: str, mark: bytes) -> bool:
        return bool(
            self._read(
                "SELECT 1 FROM sending_known WHERE account = ? AND mark = ?",
                (account_id, mark),
            )
        )

    async def record(self, changes: Sequence[UseChange]) -> None:
        def run(tx: Tx, job: Job) -> None:
            for change in changes:
                if _exists(tx, change.account_id):
                    _record(tx, change)

        await self._store.work(run, grows=False)


def _exists(tx: Tx, account_id: str) -> bool:
    return bool(
        tx.execute("SELECT 1 FROM accounts WHERE id = ?", (account_id,)).get
    )


def _record(tx: Tx, change: UseChange) -> None:
    account = change.account_id
    for each in change.hours:
        tx.execute(
            "INSERT OR REPLACE INTO sending_use (account, hour, messages,"
            " recipients, first_time) VALUES (?, ?, ?, ?, ?)",
            (
                account,
                each.hour,
                each.messages,
                each.recipients,
                each.first_time,
            ),
        )
    tx.execute(
        "DELETE FROM sending_use WHERE account = ? AND hour <= ?",
        (account, change.hour - 24),
    )
    if change.alerted_at:
        tx.execute(
            "INSERT OR REPLACE INTO sending_alerts (account, at)"
            " VALUES (?, ?)",
            (account, change.alerted_at),
        )
    if change.marks:
        _learn(tx, account, change.marks)


def _learn(tx: Tx, account: str, marks: Sequence[bytes]) -> None:
    """Keep marks, numbered in their order; too many push out the oldest."""
    last: int = tx.execute(
        "SELECT coalesce(max(number), 0) FROM sending_known WHERE account = ?",
        (account,),
    ).get
    for number, mark in enumerate(marks, last + 1):
        tx.execute(
            "INSERT OR REPLACE INTO sending_known (account, mark, number)"
            " VALUES (?, ?, ?)",
            (account, mark, number),
        )
    # Numbers have gaps where a mark was written anew: so it is some fewer.
    tx.execute(
        "DELETE FROM sending_known WHERE account = ? AND number <= ?",
        (account, last + len(marks) - MOST_KNOWN),
    )
