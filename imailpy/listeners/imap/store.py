"""STORE [RFC9051 6.4.6]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imailpy.interfaces.store import FlagChange
from imailpy.listeners.imap.spans import Spans, portions
from imailpy.listeners.imap.view import View
from imailpy.protocol.imap.commands import Store

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

# Messages rendered in one go.
PORTION = 1024


async def store(session: ImapConnection, command: Store) -> None:
    """
    STORE and UID STORE.

    One call of the store for the whole set; then the flags of all that were
    named are told, changed or not, unless the client wants silence.
    """
    view = session.selected
    if view.read_only:
        session.no(command, "Mailbox is read-only", b"READ-ONLY")
        return
    spans = view.spans(command.sequence, by_uid=command.by_uid)
    if spans:
        change = FlagChange(command.mode, command.flags, command.keywords)
        await view.mailbox.store(view.uid_set(spans), change, by=view)
    session.write(b"".join(view.new_keywords()))
    complete = True
    if not command.silent:
        for portion in portions(spans, PORTION):
            complete = (
                await _tell(session, view, command, portion) and complete
            )
            await session.breathe()
    # [RFC5530 3]: the client may want to issue NOOP.
    code = None if complete or command.by_uid else b"EXPUNGEISSUED"
    session.ok(command, "Stored", code, expunges=command.by_uid)


async def _tell(
    session: ImapConnection, view: View, command: Store, portion: Spans
) -> bool:
    """Tell the flags of one portion; False when some of it are gone."""
    asked = view.uids_at(portion)
    uids = view.present(asked) if view.expunges_wait else asked
    numbers = map(view.number, uids)
    flags = view.flags_of(uids)
    if command.by_uid:
        await session.send(
            map(
                b"* %d FETCH (UID %d FLAGS %b)\r\n".__mod__,
                zip(numbers, uids, flags, strict=True),
            )
        )
    else:
        await session.send(
            map(
                b"* %d FETCH (FLAGS %b)\r\n".__mod__,
                zip(numbers, flags, strict=True),
            )
        )
    view.told(view.uid_set(portion))
    return len(uids) == len(asked)


EXECUTORS: dict[type, Any] = {Store: store}
