"""
One IMAP connection: the engine's events on their way to store and realm.

What a command does is told by the files beside this one, each with its table
of executors; here is what they have in common: answering, telling what is
new, taking a breath, and what happens when something fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import MailboxNotFound, MailError
from imailpy.interfaces.directory import Account
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IAvatar, IGate, IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IAccountMail, IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IPool, IWorld
from imailpy.listeners.connection import Connection
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
from imailpy.listeners.imap.append import Appending
from imailpy.listeners.imap.recent import Recent
from imailpy.listeners.imap.refusals import refusal_for
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.listeners.imap.view import NoSuchNumber, View
from imailpy.listeners.login import SignIn
from imailpy.protocol.imap.commands import Command
from imailpy.protocol.imap.session import ServerSession

# So long a command may hold the reactor before others get their turn.
TURN_S = 0.020

# Octets that are handed to the transport at once.
_BLOCK = 64 * 1024

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


class ConnectionGone(Exception):
    """The client is not there any more; nobody waits for the rest."""


@frozen
class Shared:
    """What the connections of one listener have in common."""

    world: IWorld
    store: IStore
    realm: IRealm
    journal: IJournal
    provider: Provider[ImapSettings]
    tls: ITls | None
    recent: Recent
    pool: IPool
    implicit_tls: bool
    connections: set[ImapConnection]


@implementer(IHandshakeListener)
class ImapConnection(Connection):
    """
    One client.

    Attributes:
        gate: Its way through the realm.
        mail: Its mailboxes, once it has signed in.
        view: What it has selected, or None.
        appending: The APPEND under way, or None.
        exchange: The AUTHENTICATE under way, or None.
        failures: Logins that were refused.
        settings: As they were when it came.
    """

    __slots__ = (
        "_account",
        "_busy",
        "_handshake",
        "_in_response",
        "_leaving",
        "_mail",
        "_secured",
        "_telling",
        "_turn_began",
        "appending",
        "exchange",
        "failures",
        "gate",
        "settings",
        "shared",
        "view",
    )

    engine: ServerSession

    def __init__(
        self, shared: Shared, gate: IGate, engine: ServerSession
    ) -> None:
        super().__init__(shared.world)
        self.shared = shared
        self.settings = shared.provider.current
        self.gate = gate
        self.engine = engine
        self.appending: Appending | None = None
        self.view: View | None = None
        self.exchange: SignIn | None = None
        self.failures = 0
        self._handshake: Deferred[None] | None = None
        self._secured = not shared.implicit_tls
        self._mail: IAccountMail | None = None
        self._account: Account | None = None
        self._turn_began = 0.0
        self._telling = False
        self._in_response = False
        self._busy = False
        self._leaving = False

    # What executors use

    @property
    def selected(self) -> View:
        """The view; the engine asks for it only where there is one."""
        if self.view is None:
            raise ValueError("no mailbox is selected")
        return self.view

    @property
    def mail(self) -> IAccountMail:
        """The mailboxes; as `selected`."""
        if self._mail is None:
            raise ValueError("nobody has signed in")
        return self._mail

    @property
    def account(self) -> Account:
        """Whose they are."""
        if self._account is None:
            raise ValueError("nobody has signed in")
        return self._account

    def signed_in(self, avatar: IAvatar) -> None:
        """Somebody has."""
        self._account = avatar.account
        self._mail = self.shared.store.account(avatar.account.id)
        self.set_timeout(self.settings.idle_s)

    def write(self, octets: bytes) -> None:
        """Say complete responses."""
        if octets:
            self.engine.write(octets)

    def untagged(self, response: bytes) -> None:
        """Say one response, given without "* " and CRLF."""
        self.engine.untagged(response)

    def ok(
        self,
        command: Command,
        text: str,
        code: bytes | None = None,
        *,
        expunges: bool = True,
    ) -> None:
        """Tell what is new, then that the command is done."""
        self.answer(command, "OK", text, code, expunges=expunges)

    def no(
        self, command: Command, text: str, code: bytes | None = None
    ) -> None:
        """The command cannot be done."""
        self.answer(command, "NO", text, code, expunges=False)

    def answer(
        self,
        command: Command,
        status: str,
        text: str,
        code: bytes | None = None,
        *,
        expunges: bool = False,
    ) -> None:
        """Give the tagged response."""
        if self.view is not None and not self.view.gone:
            self.write(b"".join(self.view.updates(expunges=expunges)))
        self.engine.tagged(command.tag, status, text, code)

    async def send(self, said: Iterable[bytes]) -> None:
        """Say many complete responses, as fast as the client reads."""
        block: list[bytes] = []
        size = 0
        for response in said:
            block.append(response)
            size += len(response)
            if size >= _BLOCK:
                self.write(b"".join(block))
                block.clear()
                size = 0
                await self.drained()
        self.write(b"".join(block))

    def turn_is_long(self) -> bool:
        """Whether this command has held the reactor long enough."""
        now: float = self.world.clock.monotonic()
        return now - self._turn_began >= TURN_S

    async def breathe(self) -> None:
        """
        Let others have their turn, and the client read.

        Raises:
            ConnectionGone: Nobody is there any more.
        """
        await self.drained()
        clock = self.world.clock
        if self.turn_is_long():
            turn: Deferred[None] = Deferred()
            clock.call_later(0, turn.callback, None)
            await turn
            self._turn_began = clock.monotonic()
        if self.lost:
            raise ConnectionGone

    @contextmanager
    def one_response(self) -> Iterator[None]:
        """
        A response is being said in pieces.

        Whatever fails now ends the connection: the client would take any
        word for a part of this response.
        """
        self._in_response = True
        yield
        self._in_response = False

    @contextmanager
    def trying_to_create(self) -> Iterator[None]:
        """A missing mailbox is one to be made [RFC9051 7.1]."""
        try:
            yield
        except MailboxNotFound as error:
            raise TryCreate(error.private, error.public) from None

    def deselect(self) -> None:
        """No mailbox is selected any more."""
        if self.view is not None:
            self.view.close()
            self.view = None

    def drop_appending(self) -> None:
        """The APPEND is over, one way or another."""
        if self.appending is not None:
            self.appending.discard()
            self.appending = None

    def record(self, event: str, **facts: Any) -> None:
        """Tell the journal."""
        self.shared.journal.record(
            event, session_id=self.gate.client.session_id, **facts
        )

    def record_refusal(self, command: Command, error: MailError) -> None:
        """Tell the journal why a command was refused."""
        name = type(command).__name__.lower()
        self.record("imap.refused", command=name, reason=error.private)

    # What happens meanwhile

    def mailbox_changed(self) -> None:
        """
        The selected mailbox changed: tell an idling client, in one write
        what comes in one turn.
        """
        if not self._telling:
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
        self._leaving = True
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
            self.engine.bye("Server is shutting down", b"UNAVAILABLE")

    # What the base class asks for

    def connectionMade(self) -> None:
        self.shared.connections.add(self)
        super().connectionMade()

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
            into = isinstance(error, TryCreate)
            status, text, code = refusal_for(error, into=into)
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
        self.shared.connections.discard(self)
        super().connectionLost(reason)
        self.deselect()
        self.drop_appending()
        self.gate.closed()


class TryCreate(MailboxNotFound):
    """The mailbox that something was to go into is not there."""
