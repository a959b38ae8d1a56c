"""AUTH."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from imailpy.listeners.login import (
    Mechanisms,
    Outcome,
    SignedIn,
    SignIn,
    mechanisms,
)
from imailpy.mail import Reply
from imailpy.protocol.sasl import Challenge, offered
from imailpy.protocol.smtp import events

if TYPE_CHECKING:
    from imailpy.listeners.smtp.protocol import SmtpConnection

_WELCOME = Reply(235, "Authentication successful", "2.7.0")
_CANNOT = Reply(503, "No authentication under way", "5.5.1")
_TOO_MANY = Reply(421, "Too many failed logins", "4.7.0")


def names(session: SmtpConnection, tls: bool) -> tuple[str, ...]:
    """Name the mechanisms on offer, now or with TLS on."""
    settings = session.settings
    if not settings.offers_auth:
        return ()
    if tls and not session.engine.tls:
        return offered(True, False, settings.scram, False, settings.tokens)
    return _on_offer(session).names


def _on_offer(session: SmtpConnection) -> Mechanisms:
    return mechanisms(
        session.shared.tls,
        session.transport,
        secured=session.engine.tls,
        plaintext_auth=session.settings.plaintext_auth,
        scram=session.settings.scram,
        tokens=session.settings.tokens,
    )


async def _authenticate(
    session: SmtpConnection, event: events.Authenticate
) -> None:
    session.sign_in = SignIn(session.world, session.gate, _on_offer(session))
    outcome = await session.sign_in.begin(event.mechanism, event.initial)
    _answer(session, outcome)


async def _response(
    session: SmtpConnection, event: events.AuthenticateResponse
) -> None:
    if session.sign_in is None:
        session.engine.answer(_CANNOT)
        return
    _answer(session, await session.sign_in.respond(event.octets))


def _answer(session: SmtpConnection, outcome: Outcome) -> None:
    if isinstance(outcome, Challenge):
        session.engine.challenge(outcome.octets)
        return
    session.sign_in = None
    if isinstance(outcome, SignedIn):
        session.engine.answer(_WELCOME)
        return
    session.failures += 1
    session.engine.answer(outcome.error.reply)
    if session.failures >= session.settings.failures_most:
        session.engine.part(_TOO_MANY)


EXECUTORS: dict[type, Callable[..., Coroutine[Any, Any, None]]] = {
    events.Authenticate: _authenticate,
    events.AuthenticateResponse: _response,
}
