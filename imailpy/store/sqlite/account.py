"""The mailboxes of one account in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
from zope.interface import implementer

from imailpy.errors import (
    MailboxNameRefused,
    MailboxNotFound,
    ObjectNotFound,
    StoreUnavailable,
)
from imailpy.interfaces.store import IAccountMail, MailboxInfo
from imailpy.store.names import canonical_name
from imailpy.store.sqlite import mail_jobs
from imailpy.store.sqlite.mailbox import (
    INFO_COLUMNS,
    SqliteMailbox,
    info_of,
)
from imailpy.store.sqlite.state import AccountRow

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Job, Tx


# Accounts with more mailboxes are listed in the reader thread.
_LISTED_HERE = 512


def _infos(connection: Any, account: int, most: int = -1) -> list[MailboxInfo]:
    """Read the mailboxes of an account, by name; `most` -1 is all."""
    try:
        rows = connection.execute(
            f"SELECT {INFO_COLUMNS} FROM mailboxes b"
            " WHERE b.account = ? AND b.name IS NOT NULL"
            " ORDER BY b.name LIMIT ?",
            (account, most),
        ).fetchall()
    except apsw.Error as error:
        raise StoreUnavailable(f"mailboxes: {error!r}") from error
    return [info_of(row) for row in rows]


@implementer(IAccountMail)
class SqliteAccountMail:
    """Door to the mail of an account."""

    def __init__(self, store: SqliteStore, account_id: str) -> None:
        self.account_id = account_id
        self._store = store

    async def mailboxes(self) -> Sequence[MailboxInfo]:
        account = self._key()
        infos = _infos(self._store.reader, account, _LISTED_HERE)
        if len(infos) < _LISTED_HERE:
            return infos
        return await self._store.connections.read_long(
            lambda connection: _infos(connection, account)
        )

    async def subscriptions(self) -> Sequence[str]:
        rows = self._store.read(
            "SELECT name FROM subscriptions WHERE account = ? ORDER BY name",
            (self._key(),),
        )
        return [name for (name,) in rows]

    async def info(self, name: str) -> MailboxInfo:
        return info_of(self._row(name))

    async def open(self, name: str) -> SqliteMailbox:
        row = self._row(name)
        return await self._store.open_mailbox(row[0], row[6])

    async def create(
        self, name: str, *, special_use: str | None = None
    ) -> MailboxInfo:
        await self._work(
            lambda tx, account: mail_jobs.make(tx, account, name, special_use)
        )
        return await self.info(name)

    async def delete(self, name: str) -> None:
        await self._work(
            lambda tx, account: mail_jobs.delete(tx, account, name),
            grows=False,
        )

    async def rename(self, old: str, new: str) -> None:
        moves = await self._work(
            lambda tx, account: mail_jobs.rename(tx, account, old, new)
        )
        for key, _ in moves:
            self._refresh_name(key)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        canonical = canonical_name(name)
        await self._work(
            lambda tx, account: mail_jobs.subscribe(
                tx, account, canonical, subscribed
            )
        )
        rows = self._store.read(
            "SELECT key FROM mailboxes WHERE account = ? AND name = ?",
            (self._key(), canonical),
        )
        for (key,) in rows:
            self._refresh_name(key)

    async def used_octets(self) -> int:
        rows = self._store.read(
            "SELECT used_octets FROM account_state WHERE key = ?",
            (self._key(),),
        )
        return int(rows[0][0]) if rows else 0

    def _key(self) -> int:
        """Number of the account; raises `ObjectNotFound`."""
        rows = self._store.read(
            "SELECT key FROM account_state"
            " WHERE account = ? AND removed_at IS NULL",
            (self.account_id,),
        )
        if not rows:
            raise ObjectNotFound(f"account {self.account_id}")
        return int(rows[0][0])

    def _row(self, name: str) -> tuple[Any, ...]:
        """Give a row of `INFO_COLUMNS`; raises `MailboxNotFound`."""
        try:
            canonical = canonical_name(name)
        except MailboxNameRefused:
            raise MailboxNotFound(f"mailbox {name!r}") from None
        rows = self._store.read(
            f"SELECT {INFO_COLUMNS} FROM mailboxes b"
            " WHERE b.account = ? AND b.name = ?",
            (self._key(), canonical),
        )
        if not rows:
            raise MailboxNotFound(f"mailbox {name!r}")
        row: tuple[Any, ...] = rows[0]
        return row

    def _refresh_name(self, key: int) -> None:
        """Tell an open mailbox its name and whether it is subscribed."""
        box = self._store.opened(key)
        if box is None:
            return
        rows = self._store.read(
            f"SELECT {INFO_COLUMNS} FROM mailboxes b WHERE b.key = ?", (key,)
        )
        for row in rows:
            info = info_of(row)
            box.renamed(info.name, info.special_use)
            box.subscribed(info.subscribed)

    async def _work(
        self, run: Callable[[Tx, AccountRow], Any], grows: bool = True
    ) -> Any:
        def within(tx: Tx, job: Job) -> Any:
            return run(tx, tx.state.account(self.account_id))

        return await self._store.work(within, grows=grows)
