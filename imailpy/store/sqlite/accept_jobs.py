"""
Acceptance: one transaction for all recipients of a message.

Local recipients get a row in `deliveries`, which makes it idempotent: one
UID for each (delivery id, mailbox), for as long as the history is kept. The
others get a row each in `queue` and share a row in `spool`, which holds a
reference to the octets until the last of them is final.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import asdict

from imailpy.errors import MailError
from imailpy.interfaces.store import (
    Acceptance,
    Delivered,
    MailboxDelivery,
)
from imailpy.message.rendition import Rendition
from imailpy.store.keywords import spelt
from imailpy.store.names import canonical_name
from imailpy.store.shared import Effect
from imailpy.store.sqlite.keeping import Keeping, keep_email
from imailpy.store.sqlite.mail_jobs import make
from imailpy.store.sqlite.message_jobs import (
    check_quota,
    check_uids,
    put,
    reserve,
)
from imailpy.store.sqlite.segments import Place
from imailpy.store.sqlite.state import AccountRow, MailboxRow

if TYPE_CHECKING:
    from imailpy.store.sqlite.writer import Tx

READY = 0
HELD = 2


def accept(
    tx: Tx, acceptance: Acceptance, place: Place, rendition: Rendition
) -> list[Delivered]:
    """Take responsibility; nothing is stored when nothing could be."""
    keeping = Keeping(tx, acceptance.body, place, rendition)
    delivered = [
        _delivered(tx, acceptance, delivery, keeping, rendition)
        for delivery in acceptance.deliveries
    ]
    if acceptance.queued:
        _queue(tx, acceptance, keeping)
    keeping.finish()
    return delivered


def _delivered(
    tx: Tx,
    acceptance: Acceptance,
    delivery: MailboxDelivery,
    keeping: Keeping,
    rendition: Rendition,
) -> Delivered:
    try:
        uid = _deliver(tx, acceptance, delivery, keeping, rendition)
    except MailError as error:
        return Delivered(delivery, None, error)
    return Delivered(delivery, uid)


def _deliver(
    tx: Tx,
    acceptance: Acceptance,
    delivery: MailboxDelivery,
    keeping: Keeping,
    rendition: Rendition,
) -> int:
    """Put one copy into its mailbox; every refusal comes before a change."""
    account = tx.state.account(delivery.account_id)
    name = canonical_name(delivery.mailbox)
    size = len(delivery.prefix) + acceptance.body.size_octets
    mailbox = tx.state.named(account, name)
    if mailbox is None:
        spelt(delivery.keywords, {}, tx.settings)
        check_quota(account, size)
        mailbox = make(tx, account, name)
    found = _claimed(tx, acceptance.delivery_id, mailbox)
    if found is not None:
        return found
    try:
        spelt(delivery.keywords, mailbox.keywords, tx.settings)
        check_uids(mailbox, 1)
        reserve(tx, account, size)
    except MailError:
        tx.execute(
            "DELETE FROM deliveries WHERE delivery_id = ? AND mailbox = ?",
            (acceptance.delivery_id, mailbox.key),
        )
        raise
    return _store(tx, acceptance, delivery, keeping, rendition, mailbox)


def _claimed(tx: Tx, delivery_id: str, mailbox: MailboxRow) -> int | None:
    """
    Claim the delivery; gives its UID when that was done before.

    The UID claimed is the one that comes next.
    """
    tx.execute(
        "INSERT INTO deliveries (delivery_id, mailbox, uid, at)"
        " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (delivery_id, mailbox.key, mailbox.uid_next, tx.now),
    )
    if tx.changes():
        return None
    uid: int = tx.execute(
        "SELECT uid FROM deliveries WHERE delivery_id = ? AND mailbox = ?",
        (delivery_id, mailbox.key),
    ).get
    return uid


def _store(
    tx: Tx,
    acceptance: Acceptance,
    delivery: MailboxDelivery,
    keeping: Keeping,
    rendition: Rendition,
    mailbox: MailboxRow,
) -> int:
    account: AccountRow = tx.state.account_of(mailbox)
    effect = Effect(mailbox.key, account.next_modseq())
    email, blob = keep_email(tx, account, keeping, delivery.prefix, rendition)
    uid = put(
        tx,
        account,
        mailbox,
        email,
        blob,
        len(delivery.prefix) + acceptance.body.size_octets,
        int(delivery.flags),
        delivery.keywords,
        int(acceptance.received_at),
        effect,
    )
    tx.effects.append(effect)
    return uid


def _queue(tx: Tx, acceptance: Acceptance, keeping: Keeping) -> None:
    """Queue the recipients that are not queued yet."""
    tx.execute(
        "INSERT INTO spool (delivery_id, extent, sha256, body_octets, prefix,"
        " reverse_local, reverse_domain, received_at, parameters)"
        " VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            acceptance.delivery_id,
            acceptance.body.sha256,
            acceptance.body.size_octets,
            acceptance.queue_prefix,
            acceptance.reverse_path.local_part,
            acceptance.reverse_path.domain,
            acceptance.received_at,
            json.dumps(asdict(acceptance.parameters)),
        ),
    )
    added = 0
    for recipient in acceptance.queued:
        tx.execute(
            "INSERT INTO queue (id, delivery_id, local_part, domain, orcpt,"
            " notify, route, state, next_try)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                tx.state.draw("queue"),
                acceptance.delivery_id,
                recipient.forward_path.local_part,
                recipient.forward_path.domain,
                recipient.orcpt or "",
                " ".join(sorted(recipient.notify)),
                recipient.route,
                HELD if recipient.held else READY,
                recipient.next_try,
            ),
        )
        added += tx.changes()
    if not added:
        return
    tx.queued = True
    _hold_octets(tx, acceptance, keeping)


def _hold_octets(tx: Tx, acceptance: Acceptance, keeping: Keeping) -> None:
    """Make the spool row refer to the octets, unless it does already."""
    row = tx.execute(
        "SELECT extent, sha256 FROM spool WHERE delivery_id = ?",
        (acceptance.delivery_id,),
    ).fetchone()
    if row[0] is not None:
        return
    tx.execute(
        "UPDATE spool SET extent = ?, sha256 = ?, body_octets = ?, prefix = ?"
        " WHERE delivery_id = ?",
        (
            keeping.extent(),
            acceptance.body.sha256,
            acceptance.body.size_octets,
            acceptance.queue_prefix,
            acceptance.delivery_id,
        ),
    )
