"""Greeting, TLS, LOGIN and AUTHENTICATE; ID, ENABLE, LOGOUT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from imailpy.errors import LoginCancelled, LoginMalformed
from imailpy.interfaces.realm import IAvatar
from imailpy.listeners.imap.refusals import refusal_for
from imailpy.listeners.login import (
    Mechanisms,
    Outcome,
    SignedIn,
    SignIn,
    mechanisms,
)
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import (
    Authenticate,
    AuthenticateResponse,
    Command,
    Connected,
    Enable,
    Id,
    Login,
    Logout,
    StartTls,
)
from imailpy.protocol.sasl import Challenge

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection


async def connected(session: ImapConnection, event: Connected) -> None:
    """
    Welcome a client, or tell it to go.

    With TLS from the first octet the welcome waits for the handshake: what
    it says of SASL depends on the channel.
    """
    session.set_timeout(session.settings.before_login_s)
    await session.handshake_done()
    decision = await session.gate.connect()
    if decision.refuses:
        # What SMTP would be told is of no use here but for its text.
        reply = decision.reply
        text = reply.text if reply is not None else "Try again later"
        session.engine.bye(text.replace("\n", " "), b"UNAVAILABLE")
        return
    session.engine.greet(
        f"{session.world.host_name} {session.settings.greeting}"
    )


async def identify(session: ImapConnection, command: Id) -> None:
    """ID: tells the name and no version [RFC2971]."""
    session.untagged(responses.identity([("name", "imailpy")]))
    session.ok(command, "Pleased to meet you")


async def enable(session: ImapConnection, command: Enable) -> None:
    """ENABLE: nothing that needs it is on offer yet [RFC5161 3.1]."""
    session.untagged(responses.enabled([]))
    session.ok(command, "Enabled")


async def logout(session: ImapConnection, command: Logout) -> None:
    """LOGOUT."""
    session.deselect()
    session.ok(command, "Logged out")


async def start_tls(session: ImapConnection, command: StartTls) -> None:
    """
    STARTTLS [RFC9051 6.2.1].

    The engine has dropped what came behind the command in the same breath,
    and offers nothing that was learnt before [SECURITY B2.1].
    """
    tls = session.shared.tls
    if tls is None:
        session.no(command, "TLS is not available", b"UNAVAILABLE")
        return
    session.ok(command, "Begin TLS now")
    session.start_tls(tls)
    session.engine.secured()


def on_offer(session: ImapConnection) -> Mechanisms:
    """Give the SASL mechanisms as of now."""
    return mechanisms(
        session.shared.tls,
        session.transport,
        secured=session.engine.secure,
        plaintext_auth=session.settings.plaintext_auth,
        scram=session.settings.scram,
        tokens=session.settings.tokens,
    )


def renew_offer(session: ImapConnection) -> None:
    """The channel is encrypted: offer what fits it."""
    session.engine.options = evolve(
        session.engine.options, tls_mechanisms=on_offer(session).names
    )


async def login(session: ImapConnection, command: Login) -> None:
    """LOGIN."""
    sign_in = SignIn(session.world, session.gate, on_offer(session))
    outcome = await sign_in.password(command.user, command.password.reveal())
    _answer(session, command, outcome)


async def authenticate(session: ImapConnection, command: Authenticate) -> None:
    """AUTHENTICATE begins."""
    session.exchange = SignIn(session.world, session.gate, on_offer(session))
    outcome = await session.exchange.begin(command.mechanism, command.initial)
    _answer(session, command, outcome)


async def authenticate_more(
    session: ImapConnection, command: AuthenticateResponse
) -> None:
    """AUTHENTICATE goes on."""
    if session.exchange is None:
        session.answer(command, "BAD", "Nothing was begun")
        return
    outcome = await session.exchange.respond(command.octets)
    _answer(session, command, outcome)


def _answer(
    session: ImapConnection, command: Command, outcome: Outcome
) -> None:
    if isinstance(outcome, Challenge):
        session.engine.challenge(outcome.octets)
        return
    session.exchange = None
    if isinstance(outcome, SignedIn):
        _welcome(session, command, outcome.avatar)
        return
    if isinstance(outcome.error, LoginMalformed | LoginCancelled):
        session.answer(command, "BAD", outcome.error.public)
    else:
        status, text, code = refusal_for(outcome.error)
        session.answer(command, status, text, code)
    session.failures += 1
    if session.failures >= session.settings.failures_most:
        session.engine.bye("Too many failures")


def _welcome(
    session: ImapConnection, command: Command, avatar: IAvatar
) -> None:
    session.signed_in(avatar)
    session.ok(command, "Signed in")


EXECUTORS: dict[type, Any] = {
    Connected: connected,
    Id: identify,
    Enable: enable,
    Logout: logout,
    StartTls: start_tls,
    Login: login,
    Authenticate: authenticate,
    AuthenticateResponse: authenticate_more,
}
