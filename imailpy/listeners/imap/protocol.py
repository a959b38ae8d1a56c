"""
One IMAP connection: the engine's events on their way to store and realm.

What a command does is told by the files beside this one, each with its table
of executors; what they use is `answering.Answering`. Here is when they are
run, and what happens when something fails.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import MailError
from imailpy.interfaces.realm import IGate
from imailpy.interfaces.tls import ITls
from imailpy.listeners.imap import (
    append,
    copy_move,
    fetch,
    idle,
    mailboxes,
    search,
    select,
    sign_in,
    store,
)
from imailpy.listeners.imap.answering import (
    Answering,
    ConnectionGone,
    Shared,
)
from imailpy.listeners.imap.refusals import refusal_for
from imailpy.listeners.imap.spans import NoSuchNumber
from imailpy.listeners.noticing import first_octets, tell
from imailpy.protocol.imap.commands import Command
from imailpy.protocol.imap.session import ServerSession

# Command or event -> the coroutine that executes it.
EXECUTORS: dict[type, Any] = {
    **sign_in.EXECUTORS,
    **mailboxes.EXECUTORS,
    **select.EXECUTORS,
    **idle.EXECUTORS,
    **append.EXECUTORS,
    **fetch.EXECUTORS,
    **store.EXECUTORS,
    **search.EXECUTORS,
    **copy_move.EXECUTORS,
}


@implementer(IHandshakeListener)
class ImapConnection(Answering):
    """One client."""

    __slots__ = (
        "_busy",
        "_handshake",
        "_heard_once",
        "_leaving",
        "_secured",
        "_telling",
    )

    def __init__(
        self, shared: Shared, gate: IGate, engine: ServerSession
    ) -> None:
        super().__init__(shared, gate, engine)
        self._handshake: Deferred[None] | None = None
        self._secured = not shared.implicit_tls
        self._telling = False
        self._busy = False
        # What is said at the next opportunity, and is the last.
        self._leaving = ""
        self._heard_once = False

    # What happens meanwhile

    def mailbox_changed(self) -> None:
        """
        The selected mailbox changed: tell an idling client, in one write
        what comes in one turn.
        """
        view = self.view
        if view is None or self._telling:
            return
        if view.gone or self.engine.idling:
            self._telling = True
            self.world.clock.call_later(0, self._tell)

    def _tell(self) -> None:
        self._telling = False
        if self.lost or self._busy or self.view is None:
            return
        if self.view.gone:
            self._part()
            self.turn()
        elif self.engine.idling:
            self.write(b"".join(self.view.updates(expunges=True)))
            self.flush()

    # TLS and the end

    async def handshake_done(self) -> None:
        """Wait for TLS where it comes first."""
        if not self._secured:
            self._handshake = Deferred()
            await self._handshake

    def start_tls(self, tls: ITls) -> None:
        """Send what there is, then begin TLS."""
        self.flush()
        transport: Any = self.transport
        transport.startTLS(tls.server("imap"))

    def handshakeCompleted(self) -> None:
        tls = self.shared.tls
        self.gate.secured(tls.description(self.transport) if tls else "")
        self._secured = True
        sign_in.renew_offer(self)
        waiting, self._handshake = self._handshake, None
        if waiting is not None:
            waiting.callback(None)

    def shut_down(self) -> None:
        """The server stops: who is being answered hears it behind that."""
        self._leaving = "Server is shutting down"
        if not self._busy:
            self._part()
            self.turn()

    def _part(self) -> None:
        """Say BYE where that is due."""
        if self.view is not None and self.view.gone:
            # Nothing that could be said of the mailbox would be right.
            self.deselect()
            self.engine.bye("Mailbox was deleted")
        elif self._leaving:
            self.engine.bye(self._leaving, b"UNAVAILABLE")

    # What the base class asks for

    def connectionMade(self) -> None:
        self.shared.connections[self] = None
        super().connectionMade()

    def heard(self, data: bytes) -> bool:
        gate = self.gate
        if not self._heard_once:
            self._heard_once = True
            first_octets(gate, data, not self.engine.secure)
        if gate.parting() is not None:
            self._leaving = "Service not available"
        if self._leaving:
            if not self._busy:
                self._part()
            return False
        # Before the login only whole lines put the end off.
        return gate.avatar is not None or b"\n" in data

    async def handle(self, event: Any) -> None:
        self._turn_began = self.world.clock.monotonic()
        self._busy = True
        try:
            await self._execute(event)
        except ConnectionGone:
            self._in_response = False
        finally:
            self._busy = False
        self._part()

    async def _execute(self, event: Any) -> None:
        try:
            await EXECUTORS[type(event)](self, event)
        except NoSuchNumber:
            self.answer(event, "BAD", "No such message number")
        except MailError as error:
            if self._in_response or not isinstance(event, Command):
                raise
            self.record_refusal(event, error)
            status, text, code = refusal_for(error)
            self.answer(event, status, text, code)

    def unexpected(self, failure: Failure) -> None:
        """Tell that there is a bug, and nothing more of it [RFC5530 3]."""
        self.record("imap.failed", failure=type(failure.value).__name__)
        tag = self.engine.open_tag
        if tag is None or self._in_response:
            transport: Any = self.transport
            transport.abortConnection()
            return
        self.engine.tagged(tag, "NO", "Internal error", b"SERVERBUG")

    def timed_out(self) -> None:
        transport: Any = self.transport
        if self._busy:
            # A client that reads nothing, or a store that hangs.
            transport.abortConnection()
            return
        self.engine.bye("Autologout", b"UNAVAILABLE")
        self.turn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.shared.connections.pop(self, None)
        super().connectionLost(reason)
        self.deselect()
        self.drop_appending()
        tell(self.gate, self.engine.offences)
        self.gate.closed()
