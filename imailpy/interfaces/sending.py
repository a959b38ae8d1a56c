"""
What accounts have sent, as far as limits need to know it.

Hours are whole hours since 1970. Only counts, times and marks of recipients
are kept, never an address.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Interface

# Recipients that an account is known to have written to, the last ones.
MOST_KNOWN = 20_000


@frozen
class OwnLimits:
    """
    What an operator has set for one account; None: as for all, 0: no limit.

    Attributes:
        messages: In 24 hours.
        recipients: In 24 hours.
        first_time: Recipients in 24 hours never written to before.
        burst: Messages at once.
        hold: Mail over a limit is held, not deferred.
    """

    messages: int | None = None
    recipients: int | None = None
    first_time: int | None = None
    burst: int | None = None
    hold: bool | None = None


# Of nearly every account.
NO_OWN_LIMITS = OwnLimits()


@frozen
class HourUse:
    """What an account has sent in one hour."""

    hour: int
    messages: int = 0
    recipients: int = 0
    first_time: int = 0


@frozen
class AccountUse:
    """
    What an account has sent.

    Attributes:
        hours: Those that are kept, ascending.
        alerted_at: When an operator was last told; 0 for never.
    """

    hours: tuple[HourUse, ...] = ()
    alerted_at: float = 0.0


@frozen
class UseChange:
    """
    What is new of one account.

    Attributes:
        hours: Counts as they are now, not what is added.
        marks: Recipients written to for the first time.
        hour: When that was; hours a day and more before it are forgotten.
        alerted_at: As in `AccountUse`.
    """

    account_id: str
    hours: tuple[HourUse, ...]
    marks: tuple[bytes, ...]
    hour: int
    alerted_at: float = 0.0


class ISending(Interface):
    """Suite: tests.store.contract_sending."""

    def limits(account_id: str) -> Awaitable[OwnLimits]:
        """
        What was set for an account; all None where nothing was.

        Raises:
            DirectoryUnavailable: It cannot be told just now; the other
                questions here raise the same.
        """

    def set_limits(account_id: str, limits: OwnLimits) -> Awaitable[None]:
        """Durable when it returns. Raises `ObjectNotFound`."""

    def use(account_id: str) -> Awaitable[AccountUse]:
        """What was recorded of it."""

    def knows(account_id: str, mark: bytes) -> Awaitable[bool]:
        """Whether it is among the `MOST_KNOWN` last ones."""

    def record(changes: Sequence[UseChange]) -> Awaitable[None]:
        """
        Write down what is new, in one transaction; what concerns accounts
        that are gone is passed over. Raises as the store does.
        """
