"""Grants, app passwords, one-time codes and certificates in memory."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from attrs import evolve

from imailpy.errors import ObjectExists, ObjectNotFound
from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    AppPassword,
    KnownCertificate,
    SecondFactor,
)
from imailpy.mail import Secret

MOST_KINDS = 8


class MemoryKeys:
    """What opens an account beside its password, and whom it speaks for."""

    _secrets: dict[str, AccountSecrets]
    version: int

    def __init__(self) -> None:
        self._grants: dict[str, set[str]] = {}
        # Account -> id of the password -> password.
        self._app_passwords: dict[str, dict[str, AppPassword]] = {}
        self._factors: dict[str, SecondFactor] = {}
        # Fingerprint -> (account, certificate).
        self._certificates: dict[str, tuple[str, KnownCertificate]] = {}

    def _known(self, account_id: str) -> Account:
        raise NotImplementedError

    def _forget(self, account_id: str) -> None:
        """The account is gone."""
        self._grants.pop(account_id, None)
        self._app_passwords.pop(account_id, None)
        self._factors.pop(account_id, None)
        for each in _fingerprints(self._certificates, account_id):
            del self._certificates[each]

    async def grants(self, account_id: str) -> Sequence[str]:
        return sorted(self._grants.get(account_id, ()))

    async def add_grant(self, account_id: str, sender: str) -> None:
        self._known(account_id)
        granted = self._grants.setdefault(account_id, set())
        if sender in granted:
            raise ObjectExists(f"grant {sender}")
        granted.add(sender)
        self.version += 1

    async def remove_grant(self, account_id: str, sender: str) -> None:
        granted = self._grants.get(account_id, set())
        if sender not in granted:
            raise ObjectNotFound(f"grant {sender}")
        granted.remove(sender)
        self.version += 1

    async def app_passwords(self, account_id: str) -> Sequence[AppPassword]:
        found = self._app_passwords.get(account_id, {}).values()
        return sorted(found, key=lambda each: (each.created_at, each.id))

    async def add_app_password(
        self, account_id: str, added: AppPassword
    ) -> None:
        self._known(account_id)
        kept = self._app_passwords.setdefault(account_id, {})
        if added.id in kept:
            raise ObjectExists(f"app password {added.id}")
        kept[added.id] = added

    async def remove_app_password(
        self, account_id: str, password_id: str
    ) -> None:
        if self._app_passwords.get(account_id, {}).pop(password_id, None):
            return
        raise ObjectNotFound(f"app password {password_id}")

    async def touch_app_password(
        self, account_id: str, password_id: str, now: float
    ) -> None:
        kept = self._app_passwords.get(account_id, {})
        if password_id in kept:
            kept[password_id] = evolve(kept[password_id], used_at=now)

    async def second_factor(self, account_id: str) -> SecondFactor | None:
        return self._factors.get(account_id)

    async def set_second_factor(
        self, account_id: str, factor: SecondFactor | None
    ) -> None:
        self._known(account_id)
        if factor is None:
            self._factors.pop(account_id, None)
        else:
            self._factors[account_id] = factor

    async def use_step(self, account_id: str, step: int) -> bool:
        factor = self._factors.get(account_id)
        if factor is None or step <= factor.last_step:
            return False
        self._factors[account_id] = evolve(factor, last_step=step)
        return True

    async def use_recovery(self, account_id: str, digest: Secret) -> bool:
        factor = self._factors.get(account_id)
        if factor is None:
            return False
        left = tuple(
            each
            for each in factor.recovery
            if not hmac.compare_digest(each.reveal(), digest.reveal())
        )
        if len(left) == len(factor.recovery):
            return False
        self._factors[account_id] = evolve(factor, recovery=left)
        return True

    async def certificates(
        self, account_id: str
    ) -> Sequence[KnownCertificate]:
        return [
            certificate
            for _, (owner, certificate) in sorted(self._certificates.items())
            if owner == account_id
        ]

    async def add_certificate(
        self, account_id: str, added: KnownCertificate
    ) -> None:
        self._known(account_id)
        if added.fingerprint in self._certificates:
            raise ObjectExists(f"certificate {added.fingerprint}")
        self._certificates[added.fingerprint] = account_id, added

    async def remove_certificate(
        self, account_id: str, fingerprint: str
    ) -> None:
        owner, _ = self._certificates.get(fingerprint, (None, None))
        if owner != account_id:
            raise ObjectNotFound(f"certificate {fingerprint}")
        del self._certificates[fingerprint]

    async def certificate_owner(self, fingerprint: str) -> str | None:
        owner, _ = self._certificates.get(fingerprint, (None, None))
        return owner

    async def imported_kinds(self) -> Sequence[str]:
        kinds = {each.imported for each in self._secrets.values()}
        return sorted(kinds - {""})[:MOST_KINDS]


def _fingerprints(
    certificates: dict[str, tuple[str, KnownCertificate]], account_id: str
) -> list[str]:
    """Give the fingerprints of an account."""
    return [
        fingerprint
        for fingerprint, (owner, _) in certificates.items()
        if owner == account_id
    ]
