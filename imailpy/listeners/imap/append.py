"""
APPEND, one message or several [RFC9051 6.3.12] [RFC3502].

Every message goes to the spool while it arrives; at the end the store takes
all or none. What can be refused is refused before the first octet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import Factory, define

from imailpy.errors import MailError, MessageTooLarge, OverQuota
from imailpy.interfaces.body import IIncomingBody
from imailpy.interfaces.store import NewMessage
from imailpy.listeners.imap.refusals import TooManyMessages, refusal_for
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import (
    AppendAborted,
    AppendEnd,
    AppendMessage,
    BodyChunk,
    EndOfBody,
)

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection


@define
class Appending:
    """
    One APPEND under way.

    Attributes:
        announced: The message that is arriving.
        incoming: Its octets so far.
        messages: Those that are complete.
    """

    announced: AppendMessage
    incoming: IIncomingBody | None = None
    messages: list[NewMessage] = Factory(list)

    def discard(self) -> None:
        """Forget all of it."""
        if self.incoming is not None:
            self.incoming.discard()
            self.incoming = None
        for message in self.messages:
            message.body.release()
        self.messages.clear()


async def announce(session: ImapConnection, command: AppendMessage) -> None:
    """A message is to come: take it or refuse it."""
    appending = session.appending
    if command.first or appending is None:
        appending = session.appending = Appending(command)
    appending.announced = command
    try:
        with session.trying_to_create():
            await _check(session, appending, command)
        appending.incoming = session.shared.store.spool.incoming(
            command.size_octets
        )
    except MailError as error:
        _refuse(session, command, error)
        return
    session.engine.accept_literal()


async def _check(
    session: ImapConnection, appending: Appending, command: AppendMessage
) -> None:
    """Refuse what cannot be, before it arrives."""
    most = session.settings.append_most
    if len(appending.messages) >= most:
        raise TooManyMessages(f"over {most} messages in one APPEND")
    if command.size_octets > session.settings.append_limit_octets:
        raise MessageTooLarge(f"APPEND of {command.size_octets} octets")
    if command.first:
        await session.mail.info(command.mailbox)
    quota = session.account.quota_octets
    if quota is not None:
        coming = command.size_octets + sum(
            message.body.size_octets for message in appending.messages
        )
        if await session.mail.used_octets() + coming > quota:
            raise OverQuota(f"quota of {quota} octets")


async def chunk(session: ImapConnection, event: BodyChunk) -> None:
    """A piece of a message."""
    appending = session.appending
    if appending is None or appending.incoming is None:
        return
    try:
        appending.incoming.write(event.octets)
    except MailError as error:
        _refuse(session, appending.announced, error)


async def end_of_body(session: ImapConnection, event: EndOfBody) -> None:
    """A message is complete."""
    appending = session.appending
    if appending is None or appending.incoming is None:
        return
    announced = appending.announced
    try:
        body = appending.incoming.finish()
    except MailError as error:
        _refuse(session, announced, error)
        return
    appending.incoming = None
    appending.messages.append(
        NewMessage(
            body,
            announced.flags,
            announced.keywords,
            announced.internal_date,
        )
    )


def _refuse(
    session: ImapConnection, command: AppendMessage, error: MailError
) -> None:
    """Say NO to the whole command; what still comes is passed over."""
    session.drop_appending()
    session.record_refusal(command, error)
    session.engine.refuse_literal(*refusal_for(error))


async def end(session: ImapConnection, command: AppendEnd) -> None:
    """All are there: store them, all or none."""
    appending = session.appending
    if appending is None:
        session.no(command, "Nothing to append")
        return
    try:
        with session.trying_to_create():
            mailbox = await session.mail.open(appending.announced.mailbox)
            uids = await mailbox.append(appending.messages, by=session.view)
    finally:
        session.drop_appending()
    code = responses.code_append_uid(mailbox.info.uid_validity, uids)
    session.ok(command, "Appended", code)


async def aborted(session: ImapConnection, event: AppendAborted) -> None:
    """It will not be completed."""
    session.drop_appending()


EXECUTORS: dict[type, Any] = {
    AppendMessage: announce,
    BodyChunk: chunk,
    EndOfBody: end_of_body,
    AppendEnd: end,
    AppendAborted: aborted,
}
