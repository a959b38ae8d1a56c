"""
XCLIENT: a listed server before us tells who its client is.

What it tells is the client from then on: for limits, relay and access, in
the log and in Received. The session begins anew, and so does its way
through the realm.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from attrs import evolve

from imailpy.errors import MailError
from imailpy.mail import Client, ProvenCredentials, Reply
from imailpy.protocol.smtp import events

if TYPE_CHECKING:
    from imailpy.listeners.smtp.protocol import SmtpConnection

_NOT_NOW = Reply(421, "Not now, please try again later", "4.3.2")


async def _xclient(session: SmtpConnection, event: events.XClient) -> None:
    old = session.gate
    client = _told(old.client, event, session.peer)
    if event.said("HELO"):
        session.told_helo = event.get("HELO")
    session.sign_in = None
    session.failures = 0
    session.gate = session.shared.realm.gate(client)
    old.closed()
    session.record(
        "smtp.xclient",
        client=client.address,
        proxy=session.peer,
        name=event.get("NAME"),
        login=event.get("LOGIN"),
    )
    decision = await session.gate.connect()
    if decision.refuses:
        session.engine.answer(decision.reply or _NOT_NOW)
        return
    if session.tls_text is not None:
        session.gate.secured(session.tls_text)
    vouched = await _login(session, event)
    session.engine.answer(session.greeting())
    if vouched:
        session.engine.vouched()


def _told(client: Client, event: events.XClient, peer: str) -> Client:
    """Give the client as it is told; what is not said stays."""
    address, port = client.address, client.port
    if event.said("ADDR"):
        # One that is not known is in no list, whoever brings it.
        address, port = event.get("ADDR") or "", 0
    if event.said("PORT"):
        port = int(event.get("PORT") or 0)
    return evolve(client, address=address, port=port, proxy=peer)


async def _login(session: SmtpConnection, event: events.XClient) -> bool:
    """Sign in whom the peer says has signed in, where its word counts."""
    login = event.get("LOGIN")
    if login is None or not session.settings.xclient_login:
        return False
    try:
        await session.gate.login(ProvenCredentials(login, mechanism="XCLIENT"))
    except MailError:
        # The gate has told why.
        return False
    return True


EXECUTORS: dict[type, Callable[..., Coroutine[Any, Any, None]]] = {
    events.XClient: _xclient,
}
