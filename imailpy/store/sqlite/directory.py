"""
Domains, accounts and addresses in the database.

Every message asks for the same few of them several times, and each commit
makes the reading connection forget its pages: what was found is kept, and
all of it forgotten at every change. What was not found is not kept, so that
somebody who tries names pushes nobody out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from imailpy.errors import (
    ObjectExists,
    ObjectNotFound,
)
from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    Alias,
    Domain,
    IDirectory,
)
from imailpy.mail import Path, ScramSecret, Secret
from imailpy.store.sqlite import mail_jobs
from imailpy.store.sqlite.keys import SqliteKeys, check_account

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Job, Tx

_ACCOUNT = (
    "SELECT c.id, a.local_part, a.domain, c.enabled, c.quota_octets"
    " FROM accounts c JOIN addresses a ON a.account = c.id"
)

# So many answers are kept; then it starts over.
_MOST_KNOWN = 8_192


@implementer(IDirectory)
class SqliteDirectory(SqliteKeys):
    """Looks up in the reactor thread, changes through the writer."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store)
        # (kind, name) -> what was found.
        self._known: dict[tuple[str, str], Any] = {}
        self.version = 0

    async def _write(
        self, run: Callable[[Tx, Job], Any], grows: bool = True
    ) -> Any:
        try:
            return await self._store.work(run, grows=grows)
        finally:
            # Nobody else changes the directory: the store's lock is ours.
            self._known.clear()
            self.version += 1

    def _learn(self, kind: str, name: str, found: Any) -> Any:
        if found is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[kind, name] = found
        return found

    async def domain(self, name: str) -> Domain | None:
        known: Domain | None = self._known.get(("domain", name))
        return known or self._learn("domain", name, self._domain(name))

    def _domain(self, name: str) -> Domain | None:
        rows = self._read("SELECT * FROM domains WHERE name = ?", (name,))
        return _domain(rows[0]) if rows else None

    async def find(self, path: Path) -> Account | Alias | None:
        folded = path.folded
        known: Account | Alias | None = self._known.get(("address", folded))
        return known or self._learn("address", folded, await self._find(path))

    async def _find(self, path: Path) -> Account | Alias | None:
        rows = self._read(
            "SELECT folded, local_part, domain, account FROM addresses"
            " WHERE folded = ?",
            (path.folded,),
        )
        if not rows:
            return None
        folded, local_part, domain, account = rows[0]
        if account is not None:
            return await self.account(account)
        return Alias(Path(local_part, domain), self._targets(folded))

    def _targets(self, folded: str) -> tuple[Path, ...]:
        rows = self._read(
            "SELECT local_part, domain FROM alias_targets"
            " WHERE alias = ? ORDER BY position",
            (folded,),
        )
        return tuple(Path(*row) for row in rows)

    async def account(self, account_id: str) -> Account | None:
        known: Account | None = self._known.get(("account", account_id))
        return known or self._learn(
            "account", account_id, self._account(account_id)
        )

    def _account(self, account_id: str) -> Account | None:
        rows = self._read(f"{_ACCOUNT} WHERE c.id = ?", (account_id,))
        return _account(rows[0]) if rows else None

    async def aliases_to(self, account: Account) -> Sequence[Path]:
        rows = self._read(
            "SELECT a.local_part, a.domain FROM alias_targets t"
            " JOIN addresses a ON a.folded = t.alias"
            " WHERE t.folded = ? GROUP BY a.folded ORDER BY a.folded",
            (account.address.folded,),
        )
        return [Path(*row) for row in rows]

    async def secrets(self, account_id: str) -> AccountSecrets:
        rows = self._read(
            "SELECT password_hash, app_passwords_only, imported,"
            " scram_salt, scram_iterations, scram_stored_key,"
            " scram_server_key FROM credentials WHERE account = ?",
            (account_id,),
        )
        if not rows:
            return AccountSecrets()
        password_hash, only, imported, salt, iterations, *keys = rows[0]
        scram = None
        if salt is not None:
            stored, server = (Secret(key) for key in keys)
            scram = ScramSecret(salt, iterations, stored, server)
        return AccountSecrets(password_hash, scram, bool(only), imported)

    async def server_key(self, name: str) -> bytes:
        known: bytes | None = self._known.get(("key", name))
        return known or self._learn("key", name, await self._server_key(name))

    async def _server_key(self, name: str) -> bytes:
        sql = "SELECT octets FROM server_keys WHERE name = ?"
        rows = self._read(sql, (name,))
        if rows:
            found: bytes = rows[0][0]
            return found

        def make(tx: Tx, job: Job) -> bytes:
            tx.execute(
                "INSERT INTO server_keys (name, octets) VALUES (?, ?)"
                " ON CONFLICT DO NOTHING",
                (name, tx.world.random.octets(32)),
            )
            octets: bytes = tx.execute(sql, (name,)).get
            return octets

        made: bytes = await self._write(make)
        return made

    async def domains(self) -> Sequence[Domain]:
        return [
            _domain(row)
            for row in self._read("SELECT * FROM domains ORDER BY name")
        ]

    async def accounts(self, domain: str | None = None) -> Sequence[Account]:
        rows = self._read(
            f"{_ACCOUNT} WHERE ?1 IS NULL OR a.domain = ?1 ORDER BY a.folded",
            (domain,),
        )
        return [_account(row) for row in rows]

    async def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        rows = self._read(
            "SELECT folded, local_part, domain FROM addresses"
            " WHERE account IS NULL AND (?1 IS NULL OR domain = ?1)"
            " ORDER BY folded",
            (domain,),
        )
        return [
            Alias(Path(local_part, name), self._targets(folded))
            for folded, local_part, name in rows
        ]

    # --- changes

    async def add_domain(self, domain: Domain) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "INSERT INTO domains (name, catch_all_local,"
                " catch_all_domain) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (domain.name, *_parts(domain.catch_all)),
            )
            if not tx.changes():
                raise ObjectExists(f"domain {domain.name}")

        await self._write(run)

    async def update_domain(self, domain: Domain) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "UPDATE domains SET catch_all_local = ?,"
                " catch_all_domain = ? WHERE name = ?",
                (*_parts(domain.catch_all), domain.name),
            )
            if not tx.changes():
                raise ObjectNotFound(f"domain {domain.name}")

        await self._write(run)

    async def remove_domain(self, name: str) -> None:
        def run(tx: Tx, job: Job) -> None:
            used = tx.execute(
                "SELECT count(*) FROM addresses WHERE domain = ?", (name,)
            ).get
            if used:
                raise ObjectExists(f"domain {name} has {used} addresses")
            tx.execute("DELETE FROM domains WHERE name = ?", (name,))
            if not tx.changes():
                raise ObjectNotFound(f"domain {name}")

        await self._write(run, grows=False)

    async def add_account(
        self,
        path: Path,
        secrets: AccountSecrets,
        *,
        quota_octets: int | None = None,
    ) -> Account:
        account = Account(
            f"a{self._store.world.random.token()}",
            path,
            quota_octets=quota_octets,
        )

        def run(tx: Tx, job: Job) -> None:
            _check_new(tx, path)
            tx.execute(
                "INSERT INTO accounts (id, enabled, quota_octets)"
                " VALUES (?, 1, ?)",
                (account.id, quota_octets),
            )
            _add_address(tx, path, account.id)
            _set_secrets(tx, account.id, secrets)
            mail_jobs.make_account(tx, account.id)

        await self._write(run)
        return account

    async def update_account(self, account: Account) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "UPDATE accounts SET enabled = ?, quota_octets = ?"
                " WHERE id = ?",
                (int(account.enabled), account.quota_octets, account.id),
            )
            if not tx.changes():
                raise ObjectNotFound(f"account {account.id}")
            row = tx.state.account(account.id)
            tx.state.touch(row)
            row.quota_octets = account.quota_octets

        await self._write(run, grows=False)

    async def set_secrets(
        self, account_id: str, secrets: AccountSecrets
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            check_account(tx, account_id)
            _set_secrets(tx, account_id, secrets)

        await self._write(run, grows=False)

    async def remove_account(self, account_id: str) -> None:
        def run(tx: Tx, job: Job) -> None:
            check_account(tx, account_id)
            mail_jobs.remove_account(tx, account_id)
            tx.execute(
                "DELETE FROM addresses WHERE account = ?", (account_id,)
            )
            tx.execute("DELETE FROM accounts WHERE id = ?", (account_id,))

        await self._write(run, grows=False)
        self._store.forget_account(account_id)

    async def add_alias(self, alias: Alias) -> None:
        def run(tx: Tx, job: Job) -> None:
            _check_new(tx, alias.address)
            _add_address(tx, alias.address, None)
            for position, target in enumerate(alias.targets):
                tx.execute(
                    "INSERT INTO alias_targets (alias, position, folded,"
                    " local_part, domain) VALUES (?, ?, ?, ?, ?)",
                    (
                        alias.address.folded,
                        position,
                        target.folded,
                        target.local_part,
                        target.domain,
                    ),
                )

        await self._write(run)

    async def remove_alias(self, path: Path) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "DELETE FROM addresses WHERE folded = ? AND account IS NULL",
                (path.folded,),
            )
            if not tx.changes():
                raise ObjectNotFound(f"alias {path}")

        await self._write(run, grows=False)


def _domain(row: tuple[Any, ...]) -> Domain:
    name, local_part, domain = row
    if local_part is None:
        return Domain(name)
    return Domain(name, Path(local_part, domain))


def _account(row: tuple[Any, ...]) -> Account:
    account_id, local_part, domain, enabled, quota_octets = row
    return Account(
        account_id, Path(local_part, domain), bool(enabled), quota_octets
    )


def _parts(path: Path | None) -> tuple[str | None, str | None]:
    return (None, None) if path is None else (path.local_part, path.domain)


def _check_new(tx: Tx, path: Path) -> None:
    if not tx.execute(
        "SELECT 1 FROM domains WHERE name = ?", (path.domain,)
    ).get:
        raise ObjectNotFound(f"domain {path.domain}")
    if tx.execute(
        "SELECT 1 FROM addresses WHERE folded = ?", (path.folded,)
    ).get:
        raise ObjectExists(f"address {path}")


def _add_address(tx: Tx, path: Path, account_id: str | None) -> None:
    tx.execute(
        "INSERT INTO addresses (folded, local_part, domain, account)"
        " VALUES (?, ?, ?, ?)",
        (path.folded, path.local_part, path.domain, account_id),
    )


def _set_secrets(tx: Tx, account_id: str, secrets: AccountSecrets) -> None:
    scram = secrets.scram
    parts: tuple[Any, ...] = (None, None, None, None)
    if scram is not None:
        parts = (
            scram.salt,
            scram.iterations,
            scram.stored_key.reveal(),
            scram.server_key.reveal(),
        )
    tx.execute(
        "INSERT OR REPLACE INTO credentials (account, password_hash,"
        " app_passwords_only, imported, scram_salt, scram_iterations,"
        " scram_stored_key, scram_server_key)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account_id,
            secrets.password_hash,
            int(secrets.app_passwords_only),
            secrets.imported,
            *parts,
        ),
    )
