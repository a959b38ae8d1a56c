"""Mailboxes for users of the directory."""

from __future__ import annotations

from contextlib import suppress

from attrs import evolve

from imailpy.errors import ObjectExists, ObjectNotFound
from imailpy.interfaces.directory import (
    Account,
    AccountSecrets,
    Alias,
    IDirectory,
)
from imailpy.mail import Path
from imailpy.realm.ldap.people import People, Person


class Accounts:
    """Finds a user's account here, and makes one where that is wanted."""

    def __init__(self, directory: IDirectory, people: People) -> None:
        self._directory = directory
        self._people = people

    async def of(self, person: Person, path: Path) -> Account | None:
        """
        Give the account of a user.

        Args:
            path: By which it was found: its address, where the directory
                names none that is ours.

        Returns:
            None when there is none, or when its address is an alias here.
        """
        address = await self.address(person, path)
        if address is None:
            return None
        found = await self._directory.find(address)
        if isinstance(found, Alias):
            return None
        if found is None:
            found = await self._make(person, address)
        if found is None:
            return None
        found = await self._quota(person, found)
        await self._aliases(person, found)
        return found

    async def address(self, person: Person, path: Path) -> Path | None:
        """Give the address of a user in a domain of ours."""
        for each in person.addresses or (path,):
            if await self._directory.domain(each.domain) is not None:
                return each
        return None

    async def _make(self, person: Person, address: Path) -> Account | None:
        if not self._people.settings.create_accounts:
            return None
        try:
            # No password of its own: the directory has the word.
            return await self._directory.add_account(
                address, AccountSecrets(), quota_octets=person.quota_octets
            )
        except ObjectNotFound:
            return None
        except ObjectExists:
            found = await self._directory.find(address)
            return found if isinstance(found, Account) else None

    async def _quota(self, person: Person, account: Account) -> Account:
        wanted = person.quota_octets
        if wanted is None or wanted == account.quota_octets:
            return account
        account = evolve(account, quota_octets=wanted)
        await self._directory.update_account(account)
        return account

    async def _aliases(self, person: Person, account: Account) -> None:
        """Add what is missing; what is taken by somebody else stays so."""
        if not self._people.settings.create_accounts:
            return
        for each in person.aliases:
            if each.folded == account.address.folded:
                continue
            if await self._directory.domain(each.domain) is None:
                continue
            if await self._directory.find(each) is None:
                with suppress(ObjectExists, ObjectNotFound):
                    await self._directory.add_alias(
                        Alias(each, (account.address,))
                    )
