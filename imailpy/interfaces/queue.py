"""What waits for the world: one row a recipient."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from attrs import frozen
from zope.interface import Interface

from imailpy.interfaces.body import IBody
from imailpy.mail import MailParameters, Path, Reply

if TYPE_CHECKING:
    from imailpy.interfaces.store import Acceptance


class QueueState(Enum):
    """Where a recipient stands; done and failed are final."""

    READY = "ready"
    DEFERRED = "deferred"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"


@frozen
class QueuedRecipient:
    """
    A recipient to be queued.

    Attributes:
        forward_path: Where it goes.
        route: Key by which deliveries are grouped: mostly the domain; empty
            for a local delivery that has to be tried again.
        notify: As in `mail.Recipient`.
        orcpt: As in `mail.Recipient`.
        next_try: Seconds since 1970; 0 means at once.
        held: It waits until an operator says so.
    """

    forward_path: Path
    route: str
    notify: frozenset[str] = frozenset()
    orcpt: str | None = None
    next_try: float = 0.0
    held: bool = False


@frozen
class QueueRow:
    """
    A queued recipient, with what is needed of its message.

    Attributes:
        id: Opaque text.
        tries: Attempts so far.
        last_reply: What the other side said last, or our own words.
        notices: Delay notices sent so far.
    """

    id: str
    delivery_id: str
    reverse_path: Path
    forward_path: Path
    route: str
    state: QueueState
    received_at: float
    next_try: float
    tries: int
    notices: int
    notify: frozenset[str]
    orcpt: str | None
    parameters: MailParameters
    size_octets: int
    last_reply: Reply | None = None
    last_host: str = ""


@frozen
class Attempt:
    """
    What came of one attempt for one recipient.

    Attributes:
        state: READY never; DEFERRED with its `next_try`; DONE; FAILED.
        reply: The other side's words, or ours.
        host: Who said them; empty when it was us.
        notices: Delay notices sent, this one included.
    """

    id: str
    state: QueueState
    reply: Reply
    host: str = ""
    next_try: float = 0.0
    notices: int = 0
    counts_as_try: bool = True


class IQueue(Interface):
    """The durable queue. Raises `StoreUnavailable` as the store does."""

    def due(now: float, most: int) -> Awaitable[Sequence[QueueRow]]:
        """READY and DEFERRED rows whose time has come, oldest first."""

    def next_due() -> Awaitable[float | None]:
        """When the next row's time comes; None when nothing waits."""

    def record(
        attempts: Sequence[Attempt], reports: Sequence[Acceptance] = ()
    ) -> Awaitable[None]:
        """
        Write results down, and accept the DSNs they call for, in one
        transaction: so there is exactly one.
        """

    def body(delivery_id: str) -> Awaitable[IBody]:
        """The message as it goes out. Raises `ObjectNotFound`."""

    def rows(
        *,
        states: frozenset[QueueState] | None = None,
        route: str | None = None,
        after: str | None = None,
        most: int = 100,
    ) -> Awaitable[Sequence[QueueRow]]:
        """A page, by id; `after` is the last id of the page before."""

    def row(row_id: str) -> Awaitable[QueueRow]:
        """One of them. Raises `ObjectNotFound`."""

    def retry(row_ids: Sequence[str], now: float) -> Awaitable[int]:
        """Make waiting or held rows due now; gives how many."""

    def hold(row_ids: Sequence[str]) -> Awaitable[int]:
        """Keep rows from being tried; gives how many."""

    def drop(row_ids: Sequence[str]) -> Awaitable[int]:
        """End rows as failed without a DSN, by an operator's word."""

    def counts() -> Awaitable[dict[str, int]]:
        """Rows by state."""

    def when_queued(call: Callable[[], None]) -> None:
        """Have `call` called after each commit that queued something."""
