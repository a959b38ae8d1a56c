"""Twisted's portal: the one door through which everybody signs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred import portal
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.realm import IAvatar
from imailpy.realm.avatar import Avatar, granted, identities
from imailpy.realm.settings import RealmSettings

# The interface, the avatar, and how it is told that it is over.
_Entrance = tuple[type[Interface], object, Callable[[], None]]


@implementer(portal.IRealm)
class Avatars:
    """
    Twisted's realm: makes the avatar of an account.

    `imailpy.interfaces.realm.IRealm` is another thing: it makes gates.
    """

    def __init__(
        self, directory: IDirectory, settings: Callable[[], RealmSettings]
    ) -> None:
        self._directory = directory
        self._settings = settings

    def requestAvatar(
        self, avatarId: Any, mind: Any, *interfaces: Any
    ) -> Deferred[_Entrance]:
        """Give an `IAvatar`; the id is that of an account, in octets."""
        if IAvatar not in interfaces:
            raise NotImplementedError("there are only IAvatars here")
        return Deferred.fromCoroutine(self._avatar(avatarId.decode()))

    async def _avatar(self, account_id: str) -> _Entrance:
        account = await self._directory.account(account_id)
        if account is None:
            raise UnauthorizedLogin("the account was removed")
        own = await identities(self._directory, account)
        addresses, domains = await granted(self._directory, account)
        avatar = Avatar(
            account,
            own | addresses,
            self._settings().box_delimiters,
            addresses - own,
            domains,
        )
        return IAvatar, avatar, avatar.logout
