"""SELECT, EXAMINE, CLOSE and UNSELECT [RFC9051 6.3.2] [RFC9051 6.4.1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imailpy.listeners.imap.view import View
from imailpy.mail import SystemFlag
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import (
    Close,
    Deselected,
    Select,
    Unselect,
)

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

_SEEN = int(SystemFlag.SEEN)

# Flags that are looked at to find the first unseen message. UNSEEN may be
# left out, and SELECT must not cost more in a large mailbox.
_LOOK_AT = 2048


async def select(session: ImapConnection, command: Select) -> None:
    """
    SELECT and EXAMINE.

    Whatever comes of it, the mailbox that was selected before is not any
    more [RFC9051 6.3.2].
    """
    if session.view is not None:
        session.deselect()
        session.untagged(
            responses.condition("OK", "Previous mailbox closed", b"CLOSED")
        )
    mailbox = await session.mail.open(command.mailbox)
    if session.lost:
        return
    view = View(
        mailbox,
        session.shared.recent,
        read_only=command.read_only,
        changed=session.mailbox_changed,
    )
    session.view = view
    session.write(b"".join(view.flag_responses()))
    session.untagged(responses.exists(view.exists))
    session.untagged(responses.recent(view.recent_count()))
    info = mailbox.info
    unseen = first_unseen(view, info.unseen)
    if unseen:
        _code(session, b"UNSEEN", unseen, "First unseen message")
    _code(session, b"UIDVALIDITY", info.uid_validity, "UIDs are valid")
    _code(session, b"UIDNEXT", info.uid_next, "Predicted next UID")
    code = b"READ-ONLY" if command.read_only else b"READ-WRITE"
    session.ok(command, "Selected", code)


def first_unseen(view: View, unseen: int) -> int:
    """
    Give the number of the first unseen message, 0 for "not known".

    Args:
        unseen: How many there are. Looking from the end, the last of so many
            is the first; looking from the front it is the one that is met.
    """
    if not unseen:
        return 0
    flags, uids = view.mailbox.flags, view.uids
    for at in range(min(view.exists, _LOOK_AT)):
        if not flags(uids[at])[0] & _SEEN:
            return at + 1
    for at in range(view.exists - 1, max(0, view.exists - _LOOK_AT), -1):
        if not flags(uids[at])[0] & _SEEN:
            unseen -= 1
            if not unseen:
                return at + 1
    return 0


async def close(session: ImapConnection, command: Close) -> None:
    """CLOSE: expunges without a word [RFC9051 6.4.1]."""
    view = session.selected
    session.deselect()
    if not view.read_only and view.mailbox.info.deleted:
        await view.mailbox.expunge(by=view)
    session.ok(command, "Closed")


async def unselect(session: ImapConnection, command: Unselect) -> None:
    """UNSELECT: expunges nothing [RFC3691]."""
    session.deselect()
    session.ok(command, "Unselected")


async def deselected(session: ImapConnection, event: Deselected) -> None:
    """The engine refused a SELECT by itself."""
    session.deselect()


def _code(
    session: ImapConnection, name: bytes, number: int, text: str
) -> None:
    session.untagged(
        responses.condition("OK", text, responses.code_number(name, number))
    )


EXECUTORS: dict[type, Any] = {
    Select: select,
    Close: close,
    Unselect: unselect,
    Deselected: deselected,
}
