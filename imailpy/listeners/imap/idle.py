"""NOOP and IDLE: telling what is new [RFC2177] [RFC9051 6.3.13]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imailpy.protocol.imap.commands import Idle, IdleDone, Noop

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection


async def noop(session: ImapConnection, command: Noop) -> None:
    """NOOP and CHECK."""
    session.ok(command, "Nothing done")


async def idle(session: ImapConnection, command: Idle) -> None:
    """
    IDLE: from now on changes are told at once.

    Autologout goes on counting: a client says DONE and IDLE again at least
    every 29 minutes [RFC2177 3].
    """
    session.engine.continuation("Idling")
    session.mailbox_changed()


async def idle_done(session: ImapConnection, command: IdleDone) -> None:
    """DONE."""
    session.ok(command, "Done idling")


EXECUTORS: dict[type, Any] = {Noop: noop, Idle: idle, IdleDone: idle_done}
