"""What a stranger's reverse-path is to us: asked only where it matters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from imailpy.interfaces.directory import IDirectory
from imailpy.mail import Path
from imailpy.policy.facts import UNKNOWN_SENDER, SenderStanding
from imailpy.realm.avatar import without_box

# Most strangers come from a domain that is not ours: so many of those are
# known for as long as the directory does not change.
MOST_DOMAINS = 8_192
# Ways to read a name as user and box; a stranger may write many delimiters.
_MOST_SPLITS = 6

_LOCAL = SenderStanding(local=True)
_USER = SenderStanding(local=True, exists=True)


class Senders:
    """
    Looks reverse-paths up.

    Args:
        delimiters: Gives what parts user and box.
    """

    def __init__(
        self, directory: IDirectory, delimiters: Callable[[], str]
    ) -> None:
        self._directory = directory
        self._delimiters = delimiters
        self._ours: dict[str, bool] = {}
        self._version = -1

    def at_hand(self, path: Path) -> SenderStanding | None:
        """As `standing`, without asking anybody; None: it has to be asked."""
        domain = path.domain
        if not domain or domain[0] == "[":
            return UNKNOWN_SENDER
        if (
            self._version == self._directory.version
            and self._ours.get(domain) is False
        ):
            return UNKNOWN_SENDER
        return None

    async def standing(self, path: Path, wants_user: bool) -> SenderStanding:
        """
        Tell what an address is to us.

        Address literals and the bare postmaster are nobody's sender.

        Args:
            wants_user: Whether somebody has it is asked, too.

        Raises:
            DirectoryUnavailable: It cannot be told just now.
        """
        if not path.domain or path.is_literal:
            return UNKNOWN_SENDER
        if not await self._is_ours(path.domain):
            return UNKNOWN_SENDER
        if wants_user and await self._exists(path):
            return _USER
        return _LOCAL

    async def _is_ours(self, domain: str) -> bool:
        version = self._directory.version
        if version != self._version or len(self._ours) >= MOST_DOMAINS:
            self._ours.clear()
            self._version = version
        known = self._ours.get(domain)
        if known is None:
            known = await self._directory.domain(domain) is not None
            if version == self._directory.version:
                self._ours[domain] = known
        return known

    async def _exists(self, path: Path) -> bool:
        if await self._directory.find(path) is not None:
            return True
        boxes = without_box(path, self._delimiters())
        for base in islice(boxes, _MOST_SPLITS):
            if await self._directory.find(base) is not None:
                return True
        return False
