"""
One IMAP connection: the engine's events on their way to store and realm.

What a command does is told by the files beside this one, each with its table
of executors; here is what they have in common: answering, telling what is
new, taking a breath, and what happens when something fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from imailpy.errors import MailboxNotFound, MailError
from imailpy.interfaces.directory import Account
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IAvatar, IGate, IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IAccountMail, IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
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
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import Command
from imailpy.protocol.imap.session import ServerSession

# So long a command may hold the reactor before others get their turn.
TURN_S = 0.020

# Octets that are handed to the transport at once.
_BLOCK = 64 * 1024

Executor = Callable[[Any, Any], Awaitable[None]]

EXECUTORS: dict[type, Executor] = {
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


class ImapConnection(Connection):
    """
    One client.

    Attributes:
        gate: Its way through the realm.
        mail: Its mailboxes, once it has signed in.
        view: What it has selected, or None.
        idling: It is told of changes at once.
        appending: The APPEND under way, or None.
        settings: As they were when it came.
    """

    engine: ServerSession

    def __init__(
        self, shared: Shared, gate: IGate, engine: ServerSession
    ) -> None:
        super().__init__(shared.world)
        self.shared = shared
        self.settings = shared.provider.current
        self.gate = gate
        self.engine = engine
        self.idling = False
        self.appending: Appending | None = None
        self.view: View | None = None
        self.sign_in = sign_in.SignIn(self)
        self._mail: IAccountMail | None = None
        self._account: Account | None = None
        self._turn_began = 0.0
        self._telling = False
        self._in_literal = False
        self._busy = False

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
        self.engine.tagged(status, text, code)

    async def send(self, responses: Iterable[bytes]) -> None:
        """Say many complete responses, as fast as the client reads."""
        block: list[bytes] = []
        size = 0
        for response in responses:
            block.append(response)
            size += len(response)
            if size >= _BLOCK:
                self.write(b"".join(block))
                block.clear()
                size = 0
                await self.drained()
        self.write(b"".join(block))

    async def breathe(self) -> None:
        """
        Let others have their turn, and the client read.

        Raises:
            ConnectionGone: Nobody is there any more.
        """
        await self.drained()
        clock = self.world.clock
        if clock.monotonic() - self._turn_began >= TURN_S:
            turn: Deferred[None] = Deferred()
            clock.call_later(0, turn.callback, None)
            await turn
            self._turn_began = clock.monotonic()
        if self.lost:
            raise ConnectionGone

    @contextmanager
    def literal(self) -> Iterator[None]:
        """
        The octets of a literal are being said.

        Whatever fails now ends the connection: the client would take any
        word for octets of the literal.
        """
        self._in_literal = True
        yield
        self._in_literal = False

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
            self._send_away()
        elif self.idling:
            self.write(b"".join(self.view.updates(expunges=True)))
            self.flush()

    def _send_away(self) -> None:
        """Its mailbox is gone, and nothing said of it would be right."""
        self.deselect()
        self.engine.bye("Mailbox was deleted")
        self.turn()

    # What the base class asks for

    async def handle(self, event: Any) -> None:
        self._turn_began = self.world.clock.monotonic()
        self._busy = True
        try:
            await self._execute(event)
        except ConnectionGone:
            pass
        finally:
            self._busy = False
        view = self.view
        if view is not None and view.gone and not view.leaving:
            self._send_away_soon()

    def _send_away_soon(self) -> None:
        self.deselect()
        self.engine.bye("Mailbox was deleted")

    async def _execute(self, event: Any) -> None:
        try:
            await EXECUTORS[type(event)](self, event)
        except NoSuchNumber:
            self.answer(event, "BAD", "No such message number")
        except MailError as error:
            if self._in_literal or not isinstance(event, Command):
                raise
            self.record_refusal(event, error)
            status, text, code = refusal_for(
                error, into=isinstance(error, TryCreate)
            )
            self.answer(event, status, text, code)

    def unexpected(self, failure: Failure) -> None:
        """Say SERVERBUG and nothing of the failure; framing unsure: go."""
        self.record("imap.failed", failure=failure.type.__name__)
        if self._in_literal or not self.engine.fail():
            transport: Any = self.transport
            transport.abortConnection()

    def timed_out(self) -> None:
        transport: Any = self.transport
        if self._busy:
            # A client that reads nothing, or a store that hangs.
            transport.abortConnection()
            return
        self.engine.bye("Autologout", b"UNAVAILABLE")
        self.turn()

    def connectionLost(self, reason: Failure = ...) -> None:  # type: ignore
        super().connectionLost(reason)
        self.deselect()
        self.drop_appending()
        self.gate.closed()


class TryCreate(MailboxNotFound):
    """The mailbox that something was to go into is not there."""
