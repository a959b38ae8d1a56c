"""
Recipients that only the directory knows.

A user who has never signed in has no account here yet; where accounts are
made, the first mail makes one, too. An address that the directory does not
know is not asked about again for a minute.
"""

from __future__ import annotations

from collections import OrderedDict

from zope.interface import implementer

from imailpy.errors import DirectoryUnavailable
from imailpy.interfaces.directory import Alias, IDirectory
from imailpy.interfaces.realm import (
    IRecipientCheck,
    IRecipients,
    Known,
    Standing,
)
from imailpy.interfaces.world import IClock
from imailpy.mail import Path
from imailpy.realm.ldap.accounts import Accounts
from imailpy.realm.ldap.answers import LdapDown
from imailpy.realm.ldap.people import People

KEPT_S = 60.0
MOST_UNKNOWN = 10_000


@implementer(IRecipients)
class DirectoryRecipients:
    """What `local` knows, and what the directory knows besides."""

    def __init__(
        self,
        local: IRecipients,
        people: People,
        directory: IDirectory,
        clock: IClock,
    ) -> None:
        self._local = local
        self._people = people
        self._directory = directory
        self._clock = clock
        self._accounts = Accounts(directory, people)
        self._unknown: OrderedDict[str, float] = OrderedDict()

    async def standing(self, path: Path) -> Standing:
        """As `IRecipients.standing`."""
        found = await self._local.standing(path)
        settings = self._people.settings
        if not (settings.wanted and settings.create_accounts):
            return found
        if not found.local or not await self._may_be_new(path, found):
            return found
        if not await self._make(path):
            return found
        return await self._made(path)

    def rehearsing(self) -> DirectoryRecipients:
        """A likeness that says the same, and makes no account."""
        likeness = _Rehearsed.__new__(_Rehearsed)
        likeness.__dict__.update(self.__dict__)
        return likeness

    async def _may_be_new(self, path: Path, found: Standing) -> bool:
        if not found.exists:
            return True
        domain = await self._directory.domain(path.domain)
        if domain is None or domain.catch_all is None:
            return False
        # It may exist by the catch-all alone.
        return await self._directory.find(path) is None

    async def _made(self, path: Path) -> Standing:
        return await self._local.standing(path)

    async def _make(self, path: Path) -> bool:
        """Make the account of an address; whether there is one now."""
        now = self._clock.monotonic()
        until = self._unknown.get(path.folded)
        if until is not None and now < until:
            return False
        try:
            person = await self._people.by_address(path)
        except LdapDown as error:
            raise DirectoryUnavailable(error.private) from error
        if person is not None and await self._accounts.of(person, path):
            self._unknown.pop(path.folded, None)
            return True
        self._unknown[path.folded] = now + KEPT_S
        self._unknown.move_to_end(path.folded)
        while len(self._unknown) > MOST_UNKNOWN:
            self._unknown.popitem(last=False)
        return False


class _Rehearsed(DirectoryRecipients):
    """Finds users, and leaves it at that."""

    async def _make(self, path: Path) -> bool:
        until = self._unknown.get(path.folded)
        if until is not None and self._clock.monotonic() < until:
            return False
        try:
            person = await self._people.by_address(path)
        except LdapDown as error:
            raise DirectoryUnavailable(error.private) from error
        if person is None:
            return False
        address = await self._accounts.address(person, path)
        if address is None:
            return False
        found = await self._directory.find(address)
        return not isinstance(found, Alias)

    async def _made(self, path: Path) -> Standing:
        found = await super()._made(path)
        return found if found.exists else Standing(True, True)


@implementer(IRecipientCheck)
class DirectoryCheck:
    """
    Tells whether the directory has a recipient of somebody else's domain.

    What it said is known for a minute.
    """

    def __init__(self, people: People, clock: IClock) -> None:
        self._people = people
        self._clock = clock
        self._told: OrderedDict[str, tuple[float, Known]] = OrderedDict()

    async def known(self, path: Path) -> Known:
        """As `IRecipientCheck.known`."""
        if not self._people.settings.wanted:
            return Known.UNKNOWN
        now = self._clock.monotonic()
        told = self._told.get(path.folded)
        if told is not None and now < told[0]:
            return told[1]
        try:
            person = await self._people.by_address(path)
        except LdapDown:
            return Known.UNKNOWN
        found = Known.NO if person is None else Known.YES
        self._told[path.folded] = now + KEPT_S, found
        self._told.move_to_end(path.folded)
        while len(self._told) > MOST_UNKNOWN:
            self._told.popitem(last=False)
        return found
