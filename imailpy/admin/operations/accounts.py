"""Accounts: who has mailboxes."""

from __future__ import annotations

from attrs import evolve

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import (
    BadRequest,
    Operation,
    Plain,
    domain_of,
    path_of,
)
from imailpy.errors import ObjectNotFound
from imailpy.interfaces.directory import Account, AccountSecrets
from imailpy.mail import Secret
from imailpy.protocol.sasl.scram import make_secret
from imailpy.realm.hashes import (
    UnknownHash,
    kind_of,
    own_kind,
    read_imported,
)
from imailpy.realm.scram import SALT_OCTETS


class Accounts:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._directory = house.store.directory

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {
            "account.add": self.account_add,
            "account.list": self.account_list,
            "account.remove": self.account_remove,
            "account.password": self.account_password,
            "account.enable": self.account_enable,
            "account.quota": self.account_quota,
        }

    async def _account(self, address: str) -> Account:
        found = await self._directory.find(path_of(address))
        if not isinstance(found, Account):
            raise ObjectNotFound(address, f"no account {address}")
        return found

    async def _proof(
        self,
        address: str,
        password: str | None,
        scram: bool,
        password_hash: str | None,
    ) -> AccountSecrets:
        """Read by what the owner is known."""
        if (password is None) == (password_hash is None):
            raise BadRequest("password", "want a password, or its hash")
        if password is not None:
            return await self._secrets(address, password, scram)
        try:
            kept = read_imported(password_hash or "")
        except UnknownHash as error:
            raise BadRequest(
                "hash refused", f"not this hash: {error}"
            ) from None
        kind = kind_of(kept)
        return AccountSecrets(
            kept, imported="" if kind == own_kind() else kind
        )

    async def _secrets(
        self, address: str, password: str, scram: bool
    ) -> AccountSecrets:
        """Hash a new password, once the password rules are content."""
        wrong = await self._house.passwords.complaint(password, address)
        if wrong is not None:
            raise BadRequest("password refused", f"not this password: {wrong}")
        secret = Secret(password.encode())
        encoded = await self._house.passwords.hash(secret)
        if not scram:
            return AccountSecrets(encoded)
        salt = self._house.world.random.octets(SALT_OCTETS)
        return AccountSecrets(encoded, make_secret(secret.reveal(), salt))

    async def account_add(
        self,
        address: str,
        password: str | None = None,
        quota_octets: int | None = None,
        scram: bool = False,
        password_hash: str | None = None,
    ) -> Plain:
        """Make an account; its password, or a hash of another server."""
        path = path_of(address)
        secrets = await self._proof(address, password, scram, password_hash)
        account = await self._directory.add_account(
            path, secrets, quota_octets=quota_octets
        )
        return _account(account)

    async def account_list(self, domain: str | None = None) -> Plain:
        """Accounts, of one domain or of all."""
        name = domain_of(domain) if domain else None
        return [_account(a) for a in await self._directory.accounts(name)]

    async def account_remove(self, address: str) -> Plain:
        """Remove an account with all its mail."""
        account = await self._account(address)
        await self._directory.remove_account(account.id)
        return None

    async def account_password(
        self,
        address: str,
        password: str | None = None,
        scram: bool = False,
        password_hash: str | None = None,
    ) -> Plain:
        """Give an account another password, or a hash of one."""
        account = await self._account(address)
        secrets = await self._proof(address, password, scram, password_hash)
        before = await self._directory.secrets(account.id)
        secrets = evolve(secrets, app_passwords_only=before.app_passwords_only)
        await self._directory.set_secrets(account.id, secrets)
        return None

    async def account_enable(self, address: str, enabled: bool) -> Plain:
        """Let an account sign in, or not."""
        account = evolve(await self._account(address), enabled=enabled)
        await self._directory.update_account(account)
        return _account(account)

    async def account_quota(
        self, address: str, quota_octets: int | None
    ) -> Plain:
        """Change an account's quota."""
        account = await self._account(address)
        account = evolve(account, quota_octets=quota_octets)
        await self._directory.update_account(account)
        return _account(account)


def _account(account: Account) -> Plain:
    return {
        "id": account.id,
        "address": str(account.address),
        "enabled": account.enabled,
        "quota_octets": account.quota_octets,
    }
