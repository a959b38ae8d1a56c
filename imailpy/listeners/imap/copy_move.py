"""COPY, MOVE and EXPUNGE [RFC9051 6.4.3] [RFC9051 6.4.7] [RFC6851]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imailpy.interfaces.store import Copied
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import Copy, Expunge, Move

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection


async def copy(session: ImapConnection, command: Copy) -> None:
    """COPY and UID COPY; COPYUID tells what became what [RFC4315 3]."""
    view = session.selected
    spans = view.spans(command.sequence, by_uid=command.by_uid)
    if not spans:
        session.ok(command, "Nothing to copy")
        return
    uids = view.uid_set(spans)
    with session.trying_to_create():
        copied = await view.mailbox.copy(uids, command.mailbox)
    session.ok(command, "Copied", _code(copied))


async def move(session: ImapConnection, command: Move) -> None:
    """MOVE and UID MOVE: COPYUID stands before the EXPUNGEs [RFC6851 4.3]."""
    view = session.selected
    if view.read_only:
        session.no(command, "Mailbox is read-only", b"READ-ONLY")
        return
    spans = view.spans(command.sequence, by_uid=command.by_uid)
    if not spans:
        session.ok(command, "Nothing to move")
        return
    uids = view.uid_set(spans)
    with session.trying_to_create():
        moved = await view.mailbox.move(uids, command.mailbox, by=view)
    code = _code(moved)
    if code is not None:
        session.untagged(responses.condition("OK", "Moved", code))
    session.ok(command, "Moved")


async def expunge(session: ImapConnection, command: Expunge) -> None:
    """EXPUNGE and UID EXPUNGE [RFC4315 2.1]."""
    view = session.selected
    if view.read_only:
        session.no(command, "Mailbox is read-only", b"READ-ONLY")
        return
    uids = None
    if command.uids is not None:
        uids = view.uid_set(view.spans(command.uids, by_uid=True))
    if uids is None or uids:
        await view.mailbox.expunge(uids, by=view)
    session.ok(command, "Expunged")


def _code(copied: Copied) -> bytes | None:
    if not copied.source:
        return None
    return responses.code_copy_uid(
        copied.uid_validity, copied.source, copied.target
    )


EXECUTORS: dict[type, Any] = {Copy: copy, Move: move, Expunge: expunge}
