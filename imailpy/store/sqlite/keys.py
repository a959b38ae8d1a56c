"""
Grants, app passwords, one-time codes and certificates in the database.

Each is read from the table when somebody signs in: what is removed opens
nothing from that moment on. Using them (the hour of an app password, the step
of a code) leaves everything else that is known of the directory alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw

from imailpy.errors import (
    DirectoryUnavailable,
    ObjectExists,
    ObjectNotFound,
)
from imailpy.interfaces.directory import (
    AppPassword,
    KnownCertificate,
    SecondFactor,
)
from imailpy.mail import Secret

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Job, Tx

MOST_KINDS = 8


class SqliteKeys:
    """What opens an account beside its password, and whom it speaks for."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def _read(self, sql: str, bindings: tuple[Any, ...] = ()) -> Any:
        try:
            return self._store.reader.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise DirectoryUnavailable(f"directory: {error!r}") from error

    async def _write(
        self, run: Callable[[Tx, Job], Any], grows: bool = True
    ) -> Any:
        raise NotImplementedError

    async def _use(self, run: Callable[[Tx, Job], Any]) -> Any:
        """Write what no look-up of the directory depends on."""
        return await self._store.work(run, grows=False)

    # --- grants

    async def grants(self, account_id: str) -> Sequence[str]:
        rows = self._read(
            "SELECT sender FROM grants WHERE account = ? ORDER BY sender",
            (account_id,),
        )
        return [sender for (sender,) in rows]

    async def add_grant(self, account_id: str, sender: str) -> None:
        def run(tx: Tx, job: Job) -> None:
            check_account(tx, account_id)
            tx.execute(
                "INSERT INTO grants (account, sender) VALUES (?, ?)"
                " ON CONFLICT DO NOTHING",
                (account_id, sender),
            )
            if not tx.changes():
                raise ObjectExists(f"grant {sender}")

        await self._write(run)

    async def remove_grant(self, account_id: str, sender: str) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "DELETE FROM grants WHERE account = ? AND sender = ?",
                (account_id, sender),
            )
            if not tx.changes():
                raise ObjectNotFound(f"grant {sender}")

        await self._write(run, grows=False)

    # --- app passwords

    async def app_passwords(self, account_id: str) -> Sequence[AppPassword]:
        rows = self._read(
            "SELECT id, digest, note, services, networks, created_at,"
            " expires_at, used_at FROM app_passwords WHERE account = ?"
            " ORDER BY created_at, id",
            (account_id,),
        )
        return [_app_password(row) for row in rows]

    async def add_app_password(
        self, account_id: str, added: AppPassword
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            check_account(tx, account_id)
            tx.execute(
                "INSERT INTO app_passwords (account, id, digest, note,"
                " services, networks, created_at, expires_at, used_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    account_id,
                    added.id,
                    added.digest.reveal(),
                    added.note,
                    " ".join(sorted(added.services)),
                    " ".join(added.networks),
                    added.created_at,
                    added.expires_at,
                    added.used_at,
                ),
            )
            if not tx.changes():
                raise ObjectExists(f"app password {added.id}")

        await self._write(run)

    async def remove_app_password(
        self, account_id: str, password_id: str
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "DELETE FROM app_passwords WHERE account = ? AND id = ?",
                (account_id, password_id),
            )
            if not tx.changes():
                raise ObjectNotFound(f"app password {password_id}")

        await self._write(run, grows=False)

    async def touch_app_password(
        self, account_id: str, password_id: str, now: float
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "UPDATE app_passwords SET used_at = ?"
                " WHERE account = ? AND id = ?",
                (now, account_id, password_id),
            )

        await self._use(run)

    # --- one-time codes

    async def second_factor(self, account_id: str) -> SecondFactor | None:
        rows = self._read(
            "SELECT secret, confirmed, last_step FROM second_factors"
            " WHERE account = ?",
            (account_id,),
        )
        if not rows:
            return None
        secret, confirmed, last_step = rows[0]
        codes = self._read(
            "SELECT digest FROM recovery_codes WHERE account = ?"
            " ORDER BY digest",
            (account_id,),
        )
        return SecondFactor(
            Secret(secret),
            bool(confirmed),
            last_step,
            tuple(Secret(digest) for (digest,) in codes),
        )

    async def set_second_factor(
        self, account_id: str, factor: SecondFactor | None
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            check_account(tx, account_id)
            tx.execute(
                "DELETE FROM second_factors WHERE account = ?", (account_id,)
            )
            if factor is not None:
                _add_factor(tx, account_id, factor)

        await self._write(run, grows=factor is not None)

    async def use_step(self, account_id: str, step: int) -> bool:
        def run(tx: Tx, job: Job) -> bool:
            # The writer runs one job after the other: of two with the same
            # step the second finds it taken.
            tx.execute(
                "UPDATE second_factors SET last_step = ?1"
                " WHERE account = ?2 AND last_step < ?1",
                (step, account_id),
            )
            return bool(tx.changes())

        used: bool = await self._use(run)
        return used

    async def use_recovery(self, account_id: str, digest: Secret) -> bool:
        def run(tx: Tx, job: Job) -> bool:
            # A look-up by digest: of the code nobody learns by its time.
            tx.execute(
                "DELETE FROM recovery_codes WHERE account = ? AND digest = ?",
                (account_id, digest.reveal()),
            )
            return bool(tx.changes())

        used: bool = await self._use(run)
        return used

    # --- certificates

    async def certificates(
        self, account_id: str
    ) -> Sequence[KnownCertificate]:
        rows = self._read(
            "SELECT fingerprint, note, added_at FROM certificates"
            " WHERE account = ? ORDER BY fingerprint",
            (account_id,),
        )
        return [KnownCertificate(*row) for row in rows]

    async def add_certificate(
        self, account_id: str, added: KnownCertificate
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            check_account(tx, account_id)
            tx.execute(
                "INSERT INTO certificates (fingerprint, account, note,"
                " added_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (added.fingerprint, account_id, added.note, added.added_at),
            )
            if not tx.changes():
                raise ObjectExists(f"certificate {added.fingerprint}")

        await self._write(run)

    async def remove_certificate(
        self, account_id: str, fingerprint: str
    ) -> None:
        def run(tx: Tx, job: Job) -> None:
            tx.execute(
                "DELETE FROM certificates"
                " WHERE account = ? AND fingerprint = ?",
                (account_id, fingerprint),
            )
            if not tx.changes():
                raise ObjectNotFound(f"certificate {fingerprint}")

        await self._write(run, grows=False)

    async def certificate_owner(self, fingerprint: str) -> str | None:
        rows = self._read(
            "SELECT account FROM certificates WHERE fingerprint = ?",
            (fingerprint,),
        )
        return rows[0][0] if rows else None

    async def imported_kinds(self) -> Sequence[str]:
        # One step down the index for each kind, however many accounts.
        kinds: list[str] = []
        last = ""
        while len(kinds) < MOST_KINDS:
            [(kind,)] = self._read(
                "SELECT min(imported) FROM credentials"
                " WHERE imported != '' AND imported > ?",
                (last,),
            )
            if kind is None:
                break
            kinds.append(kind)
            last = kind
        return kinds


def check_account(tx: Tx, account_id: str) -> None:
    """Raises `ObjectNotFound` when there is no such account."""
    if not tx.execute(
        "SELECT 1 FROM accounts WHERE id = ?", (account_id,)
    ).get:
        raise ObjectNotFound(f"account {account_id}")


def _add_factor(tx: Tx, account_id: str, factor: SecondFactor) -> None:
    tx.execute(
        "INSERT INTO second_factors (account, secret, confirmed, last_step)"
        " VALUES (?, ?, ?, ?)",
        (
            account_id,
            factor.secret.reveal(),
            int(factor.confirmed),
            factor.last_step,
        ),
    )
    for code in factor.recovery:
        tx.execute(
            "INSERT INTO recovery_codes (account, digest) VALUES (?, ?)",
            (account_id, code.reveal()),
        )


def _app_password(row: tuple[Any, ...]) -> AppPassword:
    password_id, digest, note, services, networks, *times = row
    return AppPassword(
        password_id,
        Secret(digest),
        note,
        frozenset(services.split()),
        tuple(networks.split()),
        *times,
    )
