"""A message: from DATA to the reply that takes responsibility for it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from imailpy.errors import MailError, PeerError
from imailpy.interfaces.delivery import IReceiving, Transaction
from imailpy.mail import Decision, Envelope, Reply
from imailpy.protocol.smtp import events

if TYPE_CHECKING:
    from imailpy.listeners.smtp.protocol import SmtpConnection

_GO_AHEAD = Reply(354, "End data with <CR><LF>.<CR><LF>")
_REFUSED = Reply(550, "Message refused", "5.7.1")
_NOBODY = Reply(451, "Nobody is there to be told", "4.4.2")


def drop(session: SmtpConnection) -> None:
    """The message that was arriving, if any, is void."""
    if session.receiving is not None:
        session.receiving.discard()
        session.receiving = None
    session.gate.reset()


def _begins(session: SmtpConnection, _: events.DataBegins) -> None:
    engine, receiver = session.engine, session.shared.receiver
    delivery_id = receiver.new_delivery_id()
    transaction = Transaction(
        delivery_id=delivery_id,
        client=session.gate.client,
        helo=session.helo,
        protocol=engine.protocol,
        envelope=engine.envelope,
        tls=session.tls_text,
        avatar=session.gate.avatar,
        submission=session.settings.submission,
    )
    try:
        session.receiving = receiver.begin(transaction)
    except MailError as error:
        session.record(
            "smtp.refused", message_id=delivery_id, reason=error.private
        )
        engine.answer(error.reply)
        return
    session.delivery_id = delivery_id
    session.octets = 0
    session.began_at = session.world.clock.monotonic()
    session.set_timeout(session.settings.data_s)
    engine.answer(_GO_AHEAD)


def _chunk(session: SmtpConnection, event: events.BodyChunk) -> None:
    if session.receiving is not None:
        session.receiving.write(event.octets)


def _aborted(session: SmtpConnection, event: events.BodyAborted) -> None:
    drop(session)
    session.set_timeout(session.settings.command_s)
    session.record(
        "smtp.aborted", message_id=session.delivery_id, reason=event.reason
    )


async def _complete(session: SmtpConnection, _: events.EndOfBody) -> None:
    receiving, session.receiving = session.receiving, None
    if receiving is None:
        raise ValueError("no message is arriving")
    envelope = session.engine.envelope
    try:
        said = await _outcome(session, receiving, envelope)
    except BaseException:
        receiving.discard()
        raise
    session.set_timeout(session.settings.command_s)
    _tell(session, envelope, said)
    session.gate.reset()


async def _outcome(
    session: SmtpConnection, receiving: IReceiving, envelope: Envelope
) -> Sequence[Reply]:
    """Decide about a message that came whole, and take it or not."""
    recipients = envelope.recipients
    try:
        body = receiving.finish()
    except PeerError as error:
        receiving.discard()
        return [error.reply] * len(recipients)
    except MailError as error:
        receiving.discard()
        session.record(
            "smtp.deferred",
            message_id=session.delivery_id,
            reason=error.private,
        )
        return [error.reply] * len(recipients)
    decisions = await session.gate.data(recipients, body)
    if session.lost:
        # The client has heard nothing, so it will send it again: what is
        # not stored yet need not be stored twice [SECURITY B3.6].
        receiving.discard()
        return [_NOBODY] * len(recipients)
    refused = [decision.refuses for decision in decisions]
    if all(refused):
        receiving.discard()
        return [_refusal(decision) for decision in decisions]
    session.world.fault_point("smtp.before_accept")
    replies = await receiving.accept(decisions)
    session.world.fault_point("smtp.after_accept")
    if not any(refused):
        return replies
    return [
        _refusal(decision) if decision.refuses else reply
        for decision, reply in zip(decisions, replies, strict=True)
    ]


def _refusal(decision: Decision) -> Reply:
    return decision.reply if decision.reply is not None else _REFUSED


def _tell(
    session: SmtpConnection, envelope: Envelope, said: Sequence[Reply]
) -> None:
    """Answer, and note where nobody is left to hear it."""
    lmtp = session.engine.options.lmtp
    reply = one_reply(said)
    session.record(
        "smtp.accepted" if reply.positive else "smtp.refused",
        message_id=session.delivery_id,
        reverse_path=f"<{envelope.reverse_path}>",
        recipients=len(said),
        accepted=sum(each.positive for each in said),
        rules=session.gate.rules(),
        reply=str(reply),
    )
    if session.lost and reply.positive:
        session.record(
            "smtp.reply_not_delivered", message_id=session.delivery_id
        )
    if lmtp:
        session.engine.answer_each(said)
    else:
        session.engine.answer(reply)


def one_reply(said: Sequence[Reply]) -> Reply:
    """
    Give SMTP's one reply for all recipients.

    Somebody took it: it is taken, and the others are in our care. Nobody
    did: if trying again may help anybody, it is to be tried again.
    """
    if len(said) == 1:
        return said[0]
    for wanted in ("positive", "temporary"):
        for reply in said:
            if getattr(reply, wanted):
                return reply
    return said[0]


EXECUTORS: dict[type, Callable[..., Coroutine[Any, Any, None] | None]] = {
    events.DataBegins: _begins,
    events.BodyChunk: _chunk,
    events.BodyAborted: _aborted,
    events.EndOfBody: _complete,
}
