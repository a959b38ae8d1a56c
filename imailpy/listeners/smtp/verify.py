"""VRFY and EXPN [RFC5321 3.5]: for those who are listed for them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from imailpy.errors import MailError
from imailpy.mail import Reply
from imailpy.protocol.smtp import events

if TYPE_CHECKING:
    from imailpy.listeners.smtp.protocol import SmtpConnection

# Whether somebody exists is told to nobody else [RFC5321 7.3].
CANNOT_VERIFY = Reply(252, "Send some mail, I'll try my best", "2.0.0")
_NOT_OFFERED = Reply(502, "Not offered", "5.5.1")
_UNKNOWN = Reply(550, "No such user here", "5.1.1")
# Lines of one reply; the rest of a longer list is not told.
_MOST_LINES = 1_000


async def _verify(session: SmtpConnection, event: events.Verify) -> None:
    allowed = session.settings.vrfy_allowed.find(session.gate.client.address)
    if allowed is None:
        session.engine.answer(CANNOT_VERIFY)
        return
    try:
        path = await session.gate.verify(event.argument)
    except MailError as error:
        session.engine.answer(error.reply)
        return
    session.record("smtp.verified", about=event.argument, entry=allowed.text)
    session.engine.answer(
        _UNKNOWN if path is None else Reply(250, f"<{path}>", "2.1.5")
    )


async def _expand(session: SmtpConnection, event: events.Expand) -> None:
    allowed = session.settings.expn_allowed.find(session.gate.client.address)
    if allowed is None:
        session.engine.answer(_NOT_OFFERED)
        return
    try:
        paths = await session.gate.expand(event.argument)
    except MailError as error:
        session.engine.answer(error.reply)
        return
    session.record("smtp.expanded", about=event.argument, entry=allowed.text)
    lines = [f"<{path}>" for path in paths[:_MOST_LINES]]
    session.engine.answer(
        Reply(250, "\n".join(lines), "2.1.5") if lines else _UNKNOWN
    )


EXECUTORS: dict[type, Callable[..., Coroutine[Any, Any, None] | None]] = {
    events.Verify: _verify,
    events.Expand: _expand,
}
