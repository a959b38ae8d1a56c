"""
What every executor of IMAP commands uses: the session that it works for.

Answering, telling what is new, taking a breath, and the few things that last
longer than one command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from imailpy.errors import MailboxNotFound, MailError
from imailpy.interfaces.directory import Account
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IAvatar, IGate, IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IAccountMail, IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IPool, IWorld
from imailpy.listeners.connection import Connection
from imailpy.listeners.imap.append import Appending
from imailpy.listeners.imap.recent import Recent
from imailpy.listeners.imap.refusals import TryCreate
from imailpy.listeners.imap.settings import ImapSettings
from imailpy.listeners.imap.view import View
from imailpy.listeners.login import SignIn
from imailpy.protocol.imap.commands import Command
from imailpy.protocol.imap.session import ServerSession

# So long a command may hold the reactor before others get their turn.
TURN_S = 0.020

# Octets that are handed to the transport at once.
_BLOCK = 64 * 1024


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
    connections: dict[Any, None]


class Answering(Connection):
    """
    One client, as executors see it.

    Attributes:
        gate: Its way through the realm.
        view: What it has selected, or None.
        appending: The APPEND under way, or None.
        exchange: The AUTHENTICATE under way, or None.
        failures: Logins that were refused.
        settings: As they were when it came.
    """

    __slots__ = (
        "_account",
        "_in_response",
        "_mail",
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
        self._mail: IAccountMail | None = None
        self._account: Account | None = None
        self._turn_began = 0.0
        self._in_response = False

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
