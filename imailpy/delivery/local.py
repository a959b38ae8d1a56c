"""
Rows of the queue that end in mailboxes of ours.

Local deliveries that could not be made at once, those whose success is to be
reported, and, in a house apart, mail for the outside. A row's delivery has an
id of its own, so that doing it again stores nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from imailpy.delivery.boxes import OUTSIDE
from imailpy.delivery.carriers import Carried, Carrier
from imailpy.delivery.deposit import deposit, is_full, later, reply_to
from imailpy.delivery.routing import Router
from imailpy.delivery.stamps import final
from imailpy.errors import MailError, StoreUnavailable
from imailpy.interfaces.body import IBody
from imailpy.interfaces.directory import Account
from imailpy.interfaces.queue import QueuedRecipient, QueueRow
from imailpy.interfaces.store import Acceptance, IStore, MailboxDelivery
from imailpy.mail import Path, Reply

_UNKNOWN = Reply(550, "no such mailbox any more", "5.1.1")
_STORED = Reply(250, "stored", "2.0.0")


def _acceptance(
    row: QueueRow,
    body: IBody,
    places: Sequence[tuple[str, str]],
    queued: tuple[QueuedRecipient, ...] = (),
) -> Acceptance:
    """The part of a message that one row stands for."""
    prefix = final(row.reverse_path, row.forward_path)
    return Acceptance(
        f"{row.delivery_id}.{row.id}",
        row.received_at,
        row.reverse_path,
        body,
        row.parameters,
        deliveries=tuple(
            MailboxDelivery(account_id, mailbox, prefix, row.forward_path)
            for account_id, mailbox in places
        ),
        queued=queued,
    )


class LocalCarrier(Carrier):
    """Brings rows to the accounts that their addresses lead to."""

    def __init__(self, store: IStore, router: Router) -> None:
        self._store = store
        self._router = router

    @property
    def usable(self) -> bool:
        return True

    async def carry(
        self, rows: Sequence[QueueRow], body: IBody
    ) -> Sequence[Carried]:
        carried = []
        for row in rows:
            try:
                carried.append(await self._carry(row, body))
            except StoreUnavailable:
                raise
            except MailError as error:
                carried.append(Carried(row, later(error.reply)))
        return carried

    async def _carry(self, row: QueueRow, body: IBody) -> Carried:
        route = await self._router.resolve(row.forward_path)
        if not route.exists:
            return Carried(row, _UNKNOWN)
        # Of what the address leads outside, we do not report success.
        queued = tuple(
            QueuedRecipient(
                path, path.domain, row.notify - {"SUCCESS"}, row.orcpt
            )
            for path in route.outward
        )
        places = [(place.account.id, place.mailbox) for place in route.places]
        acceptance = _acceptance(row, body, places, queued)
        if not places and not queued:
            return Carried(row, Reply(250, "thrown away", "2.0.0"))
        for delivered in await deposit(self._store, acceptance):
            if delivered.error is not None:
                reply = reply_to(delivered)
                full = is_full(delivered)
                return Carried(row, later(reply) if full else reply)
        return Carried(row, _STORED, delivered=bool(places))


class CatchingCarrier(Carrier):
    """Catches mail for the outside in a mailbox of ours."""

    def __init__(self, store: IStore, address: Path) -> None:
        self._store = store
        self._address = address

    @property
    def usable(self) -> bool:
        return True

    async def carry(
        self, rows: Sequence[QueueRow], body: IBody
    ) -> Sequence[Carried]:
        account = await self._store.directory.find(self._address)
        if not isinstance(account, Account):
            reply = Reply(451, f"{self._address} is no account", "4.3.5")
            return [Carried(row, reply) for row in rows]
        caught = Reply(250, f"caught in {OUTSIDE} of {self._address}", "2.0.0")
        carried = []
        for row in rows:
            acceptance = _acceptance(row, body, [(account.id, OUTSIDE)])
            (delivered,) = await deposit(self._store, acceptance)
            reply = caught
            if delivered.error is not None:
                reply = later(reply_to(delivered))
            carried.append(Carried(row, reply))
        return carried
