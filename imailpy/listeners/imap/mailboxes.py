"""Commands about mailboxes: LIST, STATUS, CREATE and their kin."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from imailpy.interfaces.store import DELIMITER, MailboxInfo
from imailpy.listeners.imap import listing
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import (
    Create,
    Delete,
    List,
    Lsub,
    Namespace,
    Rename,
    Status,
    Subscribe,
)
from imailpy.protocol.imap.state import State

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

# Names looked at before the clock is.
_BREATH = 64


async def list_(session: ImapConnection, command: List) -> None:
    """LIST, with STATUS behind each line where asked for [RFC5819]."""
    if command.patterns == ("",) and not command.extended:
        # The hierarchy delimiter and the root [RFC9051 6.3.9].
        session.untagged(responses.listing("", ["\\Noselect"]))
        session.ok(command, "Listed")
        return
    mailboxes = await session.mail.mailboxes()
    subscriptions = await session.mail.subscriptions()
    lines = listing.lines(command, mailboxes, subscriptions)
    for count, line in enumerate(lines):
        if not count % _BREATH:
            await session.breathe()
        if line is None:
            continue
        session.untagged(
            responses.listing(
                line.name, line.attributes, child_info=line.child_info
            )
        )
        if command.status_items and line.info is not None:
            await _status(session, line.info, command.status_items)
    session.ok(command, "Listed")


async def lsub(session: ImapConnection, command: Lsub) -> None:
    """LSUB of rev1."""
    if not command.pattern:
        session.untagged(responses.listing("", ["\\Noselect"], verb=b"LSUB"))
        session.ok(command, "Listed")
        return
    mailboxes = await session.mail.mailboxes()
    subscriptions = await session.mail.subscriptions()
    lines = listing.subscribed_lines(
        command.reference, command.pattern, mailboxes, subscriptions
    )
    for count, line in enumerate(lines):
        if not count % _BREATH:
            await session.breathe()
        if line is not None:
            session.untagged(
                responses.listing(line.name, line.attributes, verb=b"LSUB")
            )
    session.ok(command, "Listed")


async def namespace(session: ImapConnection, command: Namespace) -> None:
    """NAMESPACE: one's own mailboxes and nothing else [RFC2342]."""
    session.untagged(responses.namespace())
    session.ok(command, "Listed")


async def status(session: ImapConnection, command: Status) -> None:
    """STATUS [RFC9051 6.3.11]."""
    info = await session.mail.info(command.mailbox)
    await _status(session, info, command.items)
    session.ok(command, "Counted")


async def _status(
    session: ImapConnection, info: MailboxInfo, items: tuple[str, ...]
) -> None:
    counted: list[tuple[str, int]] = []
    for item in dict.fromkeys(items):
        if item == "RECENT":
            counted.append((item, await _recent(session, info)))
        elif item == "APPENDLIMIT":
            counted.append((item, session.settings.append_limit_octets))
        else:
            counted.append((item, getattr(info, _ITEMS[item])))
    session.untagged(responses.status(info.name, counted))


async def _recent(session: ImapConnection, info: MailboxInfo) -> int:
    untold = session.shared.recent.untold_from(info.id)
    if untold >= info.uid_next:
        return 0
    if untold == 1:
        return info.exists
    mailbox = await session.mail.open(info.name)
    return len(mailbox.uids) - bisect_left(mailbox.uids, untold)


_ITEMS = {
    "MESSAGES": "exists",
    "UIDNEXT": "uid_next",
    "UIDVALIDITY": "uid_validity",
    "UNSEEN": "unseen",
    "DELETED": "deleted",
    "SIZE": "size_octets",
}


async def create(session: ImapConnection, command: Create) -> None:
    """
    CREATE.

    A delimiter at the end says that mailboxes will be made below; a server
    that needs no such word leaves it out [RFC9051 6.3.4].
    """
    name = command.mailbox.removesuffix(DELIMITER)
    await session.mail.create(name, special_use=command.special_use)
    session.ok(command, "Created")


async def delete(session: ImapConnection, command: Delete) -> None:
    """
    DELETE.

    Who deletes the mailbox that it has selected has none selected then; all
    others that have it open are sent away [RFC9051 6.3.5].
    """
    view = session.view
    mine = view is not None and view.mailbox.info.name == command.mailbox
    await session.mail.delete(command.mailbox)
    if mine:
        session.deselect()
        session.engine.set_state(State.AUTHENTICATED)
    session.ok(command, "Deleted")


async def rename(session: ImapConnection, command: Rename) -> None:
    """RENAME; whoever has it open goes on as before."""
    new = command.new.removesuffix(DELIMITER)
    await session.mail.rename(command.old, new)
    session.ok(command, "Renamed")


async def subscribe(session: ImapConnection, command: Subscribe) -> None:
    """SUBSCRIBE and UNSUBSCRIBE; the mailbox need not exist."""
    name = command.mailbox.removesuffix(DELIMITER)
    await session.mail.subscribe(name, command.subscribed)
    session.ok(command, "Subscribed" if command.subscribed else "Unsubscribed")


EXECUTORS: dict[type, Any] = {
    List: list_,
    Lsub: lsub,
    Namespace: namespace,
    Status: status,
    Create: create,
    Delete: delete,
    Rename: rename,
    Subscribe: subscribe,
}
