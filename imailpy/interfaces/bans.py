"""Where bans are kept."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from imailpy.mail import Ban


class IBans(Interface):
    """
    The table of bans; each network has one row at most.

    A row whose time is over stays: it tells how often a network was banned.
    """

    def bans() -> Awaitable[Sequence[Ban]]:
        """All rows, the oldest first. Raises `StoreUnavailable`."""

    def change(
        bans: Sequence[Ban], removed: Sequence[str] = ()
    ) -> Awaitable[None]:
        """
        Write rows, in place of those of the same networks, and remove some;
        durable when it returns. What is not there needs no removing.

        Raises:
            StorageFull, StoreUnavailable: Nothing has changed.
        """
