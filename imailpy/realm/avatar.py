"""
Somebody who has signed in, and the addresses that are its own.

Its own are the account's address, the aliases that lead to the account, and
what stands before a box (`user+box`) of one of these. Besides there is what
the operator granted: addresses, exactly, and whole domains, ours or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from zope.interface import implementer

from imailpy.interfaces.directory import Account, IDirectory
from imailpy.interfaces.realm import IAvatar
from imailpy.mail import Path


@implementer(IAvatar)
@frozen
class Avatar:
    """
    One login.

    Attributes:
        account: Whose mailboxes it may use.
        identities: `Path.folded` of its addresses, granted ones too.
        box_delimiters: Characters before the box in `user+box`.
        granted: Those of the identities that have no boxes of its own.
        domains: Domains of which it may send as anybody.
    """

    account: Account
    identities: frozenset[str]
    box_delimiters: str = "+"
    granted: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    def may_send_as(self, path: Path) -> bool:
        """
        Whether an address has the form of its own ones.

        Somebody else may have an address that looks like a box of this
        account: `owns` asks for that, too.
        """
        if path.folded in self.identities or path.domain in self.domains:
            return True
        own = self.identities - self.granted
        return any(
            base.folded in own
            for base in without_box(path, self.box_delimiters)
        )

    def logout(self) -> None:
        """An avatar holds nothing that has to be given back."""


def without_box(path: Path, delimiters: str) -> Iterator[Path]:
    """Give each address that `path` may be a box of."""
    local_part = path.local_part
    for at, character in enumerate(local_part):
        if at and character in delimiters:
            yield Path(local_part[:at], path.domain)


async def identities(
    directory: IDirectory, account: Account
) -> frozenset[str]:
    """Give all addresses of an account, folded."""
    aliases = await directory.aliases_to(account)
    return frozenset(
        [account.address.folded, *(alias.folded for alias in aliases)]
    )


async def granted(
    directory: IDirectory, account: Account
) -> tuple[frozenset[str], frozenset[str]]:
    """Give the addresses, folded, and the domains granted to an account."""
    grants = await directory.grants(account.id)
    return (
        frozenset(each for each in grants if not each.startswith("@")),
        frozenset(each[1:] for each in grants if each.startswith("@")),
    )


async def owns(directory: IDirectory, avatar: IAvatar, path: Path) -> bool:
    """
    Whether an address belongs to an avatar, and to nobody else.

    An existing user or alias wins before a name is split at a delimiter:
    where `ann-smith` is somebody, she is not the box `smith` of `ann`. In a
    domain that was granted everybody is oneself.
    """
    if path.folded in avatar.identities or path.domain in avatar.domains:
        return True
    if not avatar.may_send_as(path):
        return False
    return await directory.find(path) is None
