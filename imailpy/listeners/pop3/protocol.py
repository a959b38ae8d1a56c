"""One POP3 connection: the engine's events on their way to realm and store."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import LoginCancelled, LoginMalformed, MailError
from imailpy.interfaces.body import IBody
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IAvatar, IGate, IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IMailbox, IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.connection import Connection
from imailpy.listeners.login import (
    Mechanisms,
    Outcome,
    SignedIn,
    SignIn,
    mechanisms,
)
from imailpy.listeners.noticing import first_octets, tell
from imailpy.listeners.pop3.maildrop import snapshot
from imailpy.listeners.pop3.message import (
    downgraded,
    header_is_ascii,
    header_sections,
)
from imailpy.listeners.pop3.settings import Pop3Settings
from imailpy.mail import Decision, UidSet
from imailpy.protocol import pop3
from imailpy.protocol.pop3.top import TopCut
from imailpy.protocol.sasl import Challenge

# Batches of 256 rows before others get their turn.
_BATCHES_A_TURN = 8
# Smaller pieces are left to the engine, which says when it is enough.
_SMALL = 16 * 1024
# Another session has removed it [SECURITY B8.1].
_GONE = "Message is no longer there"


@frozen
class Shared:
    """What the connections of one listener have in common."""

    world: IWorld
    store: IStore
    realm: IRealm
    journal: IJournal
    provider: Provider[Pop3Settings]
    tls: ITls | None
    implicit_tls: bool
    left: Callable[[Pop3Connection], None]


@implementer(IHandshakeListener)
class Pop3Connection(Connection):
    """
    One client.

    Attributes:
        gate: Its way through the realm.
        settings: As they were when it came.
        mailbox: Its maildrop, once it has signed in.
        exchange: The AUTH under way, or None.
        failures: Logins that were refused.
        handshaking: TLS was begun and is not there yet.
    """

    engine: pop3.ServerSession

    def __init__(
        self, shared: Shared, settings: Pop3Settings, gate: IGate
    ) -> None:
        super().__init__(shared.world)
        self.shared = shared
        self.settings = settings
        self.gate = gate
        self.mailbox: IMailbox | None = None
        self.avatar: IAvatar | None = None
        self.exchange: SignIn | None = None
        self.failures = 0
        self.handshaking = shared.implicit_tls
        self.engine = pop3.ServerSession(
            pop3.Offer(
                starttls=shared.tls is not None and not shared.implicit_tls
            ),
            tls=shared.implicit_tls,
        )
        self._batches = 0
        self._ended = False
        self._heard_once = False
        self._parting: Decision | None = None

    # What the base class asks for

    def connectionMade(self) -> None:
        if self.handshaking:
            self.set_timeout(self.settings.handshake_s)
        else:
            self.set_timeout(self.settings.before_login_s)
            self._renew_offer()
        super().connectionMade()

    def heard(self, data: bytes) -> bool:
        gate = self.gate
        if not self._heard_once:
            self._heard_once = True
            first_octets(gate, data, not self.engine.tls)
        if self._parting is None:
            self._parting = gate.parting()
        if self._parting is not None:
            self.part()
            return False
        return self.mailbox is not None or b"\n" in data

    def part(self) -> None:
        """Who was banned meanwhile is told to go between two commands."""
        if not (self.engine.answer_due or self.engine.in_response):
            self.engine.goodbye("Service not available")

    def handle(self, event: Any) -> Coroutine[Any, Any, None]:
        return EXECUTORS[type(event)](self, event)

    def gone(self) -> None:
        if not self._ended:
            # Only now: a removal under way needed its gate to the end.
            self._ended = True
            if self.avatar is not None:
                self.avatar.logout()
            tell(self.gate, self.engine.offences)
            self.gate.closed()
            self.shared.left(self)

    def unexpected(self, failure: Failure) -> None:
        """There is a bug: temporary for the client, a line for us."""
        self.record("pop3.failed", failure=type(failure.value).__name__)
        if self.engine.in_response or not self.engine.answer_due:
            self.abort()
        else:
            self.engine.error("Internal error", "SYS/TEMP")

    def timed_out(self) -> None:
        if self.handshaking or self.paused:
            # No TLS to say a word in, or nobody who reads it.
            self.abort()
        elif self._handling is not None:
            # It waits for us.
            self.set_timeout(self.settings.idle_s)
        else:
            self.record("pop3.timeout")
            self.engine.goodbye("Autologout")
            self.turn()

    # What the executors use

    def record(self, event: str, **facts: Any) -> None:
        """Tell the journal."""
        self.shared.journal.record(
            event, session_id=self.gate.client.session_id, **facts
        )

    def refuse(self, error: MailError, text: str | None = None) -> None:
        """Answer the open event with what is not as we need it."""
        self.record("pop3.refused", reason=error.private)
        code = "SYS/TEMP" if error.temporary else "SYS/PERM"
        self.engine.error(text or error.public, code)

    @property
    def maildrop(self) -> IMailbox:
        """The mailbox; the engine asks for it only where there is one."""
        if self.mailbox is None:
            raise ValueError("nobody has signed in")
        return self.mailbox

    async def breathe(self) -> None:
        """Let others have their turn now and then."""
        self._batches += 1
        if self._batches % _BATCHES_A_TURN == 0:
            turn: Deferred[None] = Deferred()
            self.world.clock.call_later(0, turn.callback, None)
            await turn

    def shut_down(self) -> None:
        """The server stops: what is under way is finished first."""
        self.engine.goodbye("Server is shutting down")
        self.turn()

    def abort(self) -> None:
        """Cut the connection."""
        transport: Any = self.transport
        if transport is not None and not self.lost:
            transport.abortConnection()

    # TLS

    def start_tls(self, tls: ITls) -> None:
        """Send what there is, then begin TLS."""
        self.flush()
        self.handshaking = True
        self.set_timeout(self.settings.handshake_s)
        transport: Any = self.transport
        transport.startTLS(tls.server("pop3"))
        self.engine.secured()

    def handshakeCompleted(self) -> None:
        self.handshaking = False
        if self.shared.tls is not None:
            self.gate.secured(self.shared.tls.description(self.transport))
        self.set_timeout(self.settings.before_login_s)
        self._renew_offer()

    # Signing in

    def on_offer(self) -> Mechanisms:
        """Give the SASL mechanisms as of now."""
        return mechanisms(
            self.shared.tls,
            self.transport,
            secured=self.engine.tls,
            plaintext_auth=self.settings.plaintext_auth,
            scram=self.settings.scram,
            tokens=self.settings.tokens,
        )

    def _renew_offer(self) -> None:
        names = self.on_offer().names
        self.engine.offer = evolve(
            self.engine.offer, mechanisms=names, user=bool(names)
        )

    async def answer(self, outcome: Outcome) -> None:
        """Answer what came of an attempt to sign in."""
        if isinstance(outcome, Challenge):
            self.engine.challenge(outcome.octets)
            return
        self.exchange = None
        if isinstance(outcome, SignedIn):
            await self._welcome(outcome.avatar)
            return
        error = outcome.error
        self.failures += 1
        fatal = self.failures >= self.settings.failures_most
        if isinstance(error, LoginMalformed | LoginCancelled):
            self.engine.error(error.public, fatal=fatal)
        else:
            # [RFC3206 4] [RFC3206 5]
            code = "SYS/TEMP" if error.temporary else "AUTH"
            self.engine.error(error.public, code, fatal=fatal)

    async def _welcome(self, avatar: IAvatar) -> None:
        """Open the maildrop of somebody who has signed in."""
        self.avatar = avatar
        account = self.shared.store.account(avatar.account.id)
        try:
            mailbox = await account.open("INBOX")
            drop = await snapshot(mailbox, self.breathe)
        except MailError as error:
            self.refuse(error)
            return
        self.mailbox = mailbox
        self.set_timeout(self.settings.idle_s)
        self.record(
            "pop3.opened", messages=len(drop), size_octets=drop.size_octets
        )
        self.engine.opened(drop, f"{len(drop)} messages")


async def _connected(session: Pop3Connection, _: pop3.Connected) -> None:
    decision = await session.gate.connect()
    if decision.refuses:
        # What SMTP would be told is of no use here but for its text.
        reply = decision.reply
        text = reply.text if reply is not None else "Try again later"
        session.engine.error(text.replace("\n", " "), "SYS/TEMP")
        return
    session.engine.ok(f"{session.world.host_name} {session.settings.greeting}")


async def _login(session: Pop3Connection, event: pop3.Login) -> None:
    sign_in = SignIn(session.world, session.gate, session.on_offer())
    password = event.password.reveal()
    await session.answer(await sign_in.password(event.authcid, password))


async def _authenticate(
    session: Pop3Connection, event: pop3.Authenticate
) -> None:
    sign_in = SignIn(session.world, session.gate, session.on_offer())
    session.exchange = sign_in
    await session.answer(await sign_in.begin(event.mechanism, event.initial))


async def _respond(
    session: Pop3Connection, event: pop3.AuthenticateResponse
) -> None:
    if session.exchange is None:
        raise ValueError("nothing was begun")
    await session.answer(await session.exchange.respond(event.octets))


async def _start_tls(session: Pop3Connection, _: pop3.StartTls) -> None:
    tls = session.shared.tls
    if tls is None:
        session.engine.error("TLS is not available")
    elif session.engine.begin_tls():
        session.start_tls(tls)


async def _list_all(session: Pop3Connection, event: pop3.ListAll) -> None:
    for _ in session.engine.listing(event):
        await session.drained()
        await session.breathe()
        if session.lost:
            return


async def _retrieve(
    session: Pop3Connection, event: pop3.Retrieve | pop3.Top
) -> None:
    engine, mailbox = session.engine, session.maildrop
    try:
        body = await mailbox.body(event.uid)
    except MailError as error:
        session.refuse(error)
        return
    if body is None:
        engine.error(_GONE)
        return
    try:
        if _at_once(engine, event, body):
            return
        if engine.utf8 or header_is_ascii(body):
            chunks = body.chunks()
            engine.begin(f"{engine.size(event)} octets")
        else:
            sections = await header_sections(mailbox, event.uid)
            if not sections:
                engine.error(_GONE)
                return
            chunks = downgraded(body, sections)
            # Its size is not what LIST says of it.
            engine.begin("Message follows, without UTF-8")
        cut = TopCut(event.lines) if isinstance(event, pop3.Top) else None
        for chunk in chunks:
            engine.body(cut.feed(chunk) if cut is not None else chunk)
            if cut is not None and cut.finished:
                break
            if len(chunk) > _SMALL:
                await session.drained()
                if session.lost:
                    return
    finally:
        body.release()
    engine.end()


def _at_once(
    engine: pop3.ServerSession, event: pop3.Retrieve | pop3.Top, body: IBody
) -> bool:
    """Give what most messages are: short, ASCII, and asked for whole."""
    if body.size_octets > _SMALL or isinstance(event, pop3.Top):
        return False
    octets = b"".join(body.chunks())
    if not engine.utf8 and not octets.isascii():
        return False
    engine.begin(f"{engine.size(event)} octets")
    engine.body(octets)
    engine.end()
    return True


async def _quit(session: Pop3Connection, event: pop3.Quit) -> None:
    """
    The UPDATE state: all that was marked goes or nothing does, and +OK only
    once it is durable [SECURITY B8.2].
    """
    gone: Sequence[int] = ()
    try:
        if event.deleted:
            gone = await session.maildrop.remove(
                UidSet.from_uids(event.deleted)
            )
    except MailError as error:
        session.refuse(error, "No message was removed")
        return
    session.record("pop3.closed", removed=len(gone))
    session.engine.ok("Goodbye")


async def _output_waits(session: Pop3Connection, _: pop3.OutputWaits) -> None:
    await session.drained()


# Event -> the coroutine that executes it.
EXECUTORS: dict[type, Callable[..., Coroutine[Any, Any, None]]] = {
    pop3.Connected: _connected,
    pop3.Login: _login,
    pop3.Authenticate: _authenticate,
    pop3.AuthenticateResponse: _respond,
    pop3.StartTls: _start_tls,
    pop3.ListAll: _list_all,
    pop3.Retrieve: _retrieve,
    pop3.Top: _retrieve,
    pop3.Quit: _quit,
    pop3.OutputWaits: _output_waits,
}
