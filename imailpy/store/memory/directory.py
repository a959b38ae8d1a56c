"""Domains, accounts and addresses in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve
from zope.interface import implementer

from imailpy.errors import ObjectExists, ObjectNotFound
from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    Alias,
    Domain,
    IDirectory,
)
from imailpy.interfaces.world import IRandom
from imailpy.mail import Path
from imailpy.store.memory.keys import MemoryKeys


@implementer(IDirectory)
class MemoryDirectory(MemoryKeys):
    """
    What an operator has set up.

    Args:
        made: Called with the id of a new account.
        removed: Called with the id of one that is gone.
    """

    def __init__(
        self,
        random: IRandom,
        made: Callable[[str], None],
        removed: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._random = random
        self._made = made
        self._removed = removed
        self._domains: dict[str, Domain] = {}
        self._addresses: dict[str, Account | Alias] = {}
        self._accounts: dict[str, Account] = {}
        self._secrets: dict[str, AccountSecrets] = {}
        self._keys: dict[str, bytes] = {}
        self.version = 0

    async def domain(self, name: str) -> Domain | None:
        return self._domains.get(name)

    async def find(self, path: Path) -> Account | Alias | None:
        return self._addresses.get(path.folded)

    async def account(self, account_id: str) -> Account | None:
        return self._accounts.get(account_id)

    async def aliases_to(self, account: Account) -> Sequence[Path]:
        mine = account.address.folded
        return [
            alias.address
            for alias in await self.aliases()
            if any(target.folded == mine for target in alias.targets)
        ]

    async def secrets(self, account_id: str) -> AccountSecrets:
        return self._secrets.get(account_id, AccountSecrets())

    async def server_key(self, name: str) -> bytes:
        if name not in self._keys:
            self._keys[name] = self._random.octets(32)
        return self._keys[name]

    async def domains(self) -> Sequence[Domain]:
        return [self._domains[name] for name in sorted(self._domains)]

    async def accounts(self, domain: str | None = None) -> Sequence[Account]:
        return [
            entry
            for _, entry in sorted(self._addresses.items())
            if isinstance(entry, Account)
            and domain in (None, entry.address.domain)
        ]

    async def aliases(self, domain: str | None = None) -> Sequence[Alias]:
        return [
            entry
            for _, entry in sorted(self._addresses.items())
            if isinstance(entry, Alias)
            and domain in (None, entry.address.domain)
        ]

    async def add_domain(self, domain: Domain) -> None:
        if domain.name in self._domains:
            raise ObjectExists(f"domain {domain.name}")
        self._domains[domain.name] = domain
        self.version += 1

    async def update_domain(self, domain: Domain) -> None:
        if domain.name not in self._domains:
            raise ObjectNotFound(f"domain {domain.name}")
        self._domains[domain.name] = domain
        self.version += 1

    async def remove_domain(self, name: str) -> None:
        if name not in self._domains:
            raise ObjectNotFound(f"domain {name}")
        if any(e.address.domain == name for e in self._addresses.values()):
            raise ObjectExists(f"domain {name} has addresses")
        del self._domains[name]
        self.version += 1

    async def add_account(
        self,
        path: Path,
        secrets: AccountSecrets,
        *,
        quota_octets: int | None = None,
    ) -> Account:
        self._check_new(path)
        account = Account(
            f"a{self._random.token()}", path, quota_octets=quota_octets
        )
        self._addresses[path.folded] = account
        self._accounts[account.id] = account
        self._secrets[account.id] = secrets
        self.version += 1
        self._made(account.id)
        return account

    async def update_account(self, account: Account) -> None:
        old = self._known(account.id)
        new = evolve(
            old, enabled=account.enabled, quota_octets=account.quota_octets
        )
        self._accounts[account.id] = new
        self._addresses[old.address.folded] = new
        self.version += 1

    async def set_secrets(
        self, account_id: str, secrets: AccountSecrets
    ) -> None:
        self._known(account_id)
        self._secrets[account_id] = secrets

    async def remove_account(self, account_id: str) -> None:
        account = self._known(account_id)
        del self._accounts[account_id]
        del self._secrets[account_id]
        del self._addresses[account.address.folded]
        self._forget(account_id)
        self.version += 1
        self._removed(account_id)

    async def add_alias(self, alias: Alias) -> None:
        self._check_new(alias.address)
        self._addresses[alias.address.folded] = alias
        self.version += 1

    async def remove_alias(self, path: Path) -> None:
        if not isinstance(self._addresses.get(path.folded), Alias):
            raise ObjectNotFound(f"alias {path}")
        del self._addresses[path.folded]
        self.version += 1

    def quota(self, account_id: str) -> int | None:
        """Give an account's limit in octets; `ObjectNotFound` without one."""
        return self._known(account_id).quota_octets

    def _known(self, account_id: str) -> Account:
        try:
            return self._accounts[account_id]
        except KeyError:
            raise ObjectNotFound(f"account {account_id}") from None

    def _check_new(self, path: Path) -> None:
        if path.domain not in self._domains:
            raise ObjectNotFound(f"domain {path.domain}")
        if path.folded in self._addresses:
            raise ObjectExists(f"address {path}")
