"""
One SMTP connection: the engine's events on their way to realm and receiver.

What happens to a message is in `message.py`, signing in in `sign_in.py`;
here are the stages before, TLS, the clock and the end.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.interfaces.delivery import IReceiver, IReceiving
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.realm import IGate, IRealm
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IWorld
from imailpy.listeners.connection import Connection
from imailpy.listeners.login import SignIn
from imailpy.listeners.noticing import first_octets, tell
from imailpy.listeners.smtp import message, sign_in, verify, xclient
from imailpy.listeners.smtp.settings import SmtpSettings
from imailpy.mail import Decision, Reply, Sign
from imailpy.protocol.smtp import events
from imailpy.protocol.smtp.options import Flavour, SessionOptions
from imailpy.protocol.smtp.session import ServerSession

_SENDER_OK = Reply(250, "OK", "2.1.0")
_RECIPIENT_OK = Reply(250, "OK", "2.1.5")
_READY_FOR_TLS = Reply(220, "Ready to start TLS", "2.0.0")
_NO_TLS = Reply(454, "TLS not available due to temporary reason", "4.7.0")
_TIMEOUT = Reply(421, "Timeout, closing connection", "4.4.2")
_TOO_SLOW = Reply(421, "Too slow, closing connection", "4.4.2")
_PARTING = Reply(421, "Service not available", "4.7.0")
_STOPPING = Reply(421, "Server is shutting down", "4.3.2")
_FAILED = Reply(451, "Internal error, please try again later", "4.3.0")
_NOT_NOW = Reply(421, "Not now, please try again later", "4.3.2")


@frozen
class Shared:
    """What the connections of one listener have in common."""

    world: IWorld
    realm: IRealm
    receiver: IReceiver
    journal: IJournal
    provider: Provider[SmtpSettings]
    tls: ITls | None
    implicit_tls: bool
    host_name: str
    left: Callable[[SmtpConnection], None]


@implementer(IHandshakeListener)
class SmtpConnection(Connection):
    """
    One client.

    Attributes:
        gate: Its way through the realm.
        settings: As they were when it came.
        receiving: The message that is arriving, or None.
        delivery_id: Of that message.
        sign_in: The AUTH under way, or None.
        failures: Logins that were refused.
        welcomed: Whether it was greeted.
        tls_text: Protocol and cipher, None without TLS.
        peer: Address that the connection comes from: of the client, or of
            whoever may tell who the client is.
        told_helo: What such a peer's client said as its hello.
        octets: Of the message that is arriving.
        began_at: When it began, `monotonic`.
    """

    engine: ServerSession

    def __init__(
        self, shared: Shared, settings: SmtpSettings, gate: IGate
    ) -> None:
        super().__init__(shared.world)
        self.shared = shared
        self.settings = settings
        self.gate = gate
        self.receiving: IReceiving | None = None
        self.delivery_id = ""
        self.sign_in: SignIn | None = None
        self.failures = 0
        self.tls_text: str | None = None
        self.welcomed = False
        self.peer = gate.client.address
        self.told_helo: str | None = None
        self._putting_off: Deferred[None] | None = None
        self.octets = 0
        self.began_at = 0.0
        # How soon it hears that there is stress now; not all in one turn.
        self.look_s = 10.0 + gate.client.port % 100 / 10
        self._heard_once = False
        self._ended = False
        limits = settings.limits
        if gate.stressed:
            limits = evolve(limits, errors=settings.stressed_errors)
        self.engine = ServerSession(
            SessionOptions(
                shared.host_name,
                flavour=settings.flavour,
                mechanisms=lambda tls: sign_in.names(self, tls),
                max_message_octets=settings.max_message_octets,
                starttls=shared.tls is not None and not shared.implicit_tls,
                tls=shared.implicit_tls,
                auth_required=settings.submission,
                line_ends=settings.mends,
                refuse_early_talk=settings.refuse_early_talk,
                expn=self.peer in settings.expn_allowed,
                xclient=self.peer in settings.xclient,
                limits=limits,
            )
        )

    # What the base class asks for

    def connectionMade(self) -> None:
        self.set_timeout(
            self.settings.handshake_s
            if self.shared.implicit_tls
            else self.settings.command_s
        )
        super().connectionMade()

    def heard(self, data: bytes) -> bool:
        if not self._heard_once:
            self._heard_once = True
            first_octets(self.gate, data, not self.engine.tls)
        decision = self.gate.parting()
        if decision is not None:
            self.engine.part(decision.reply or _PARTING)
            return False
        if self.receiving is not None:
            self._weigh(len(data))
            return not self.gate.stressed
        # Only whole lines count: a letter now and then keeps nobody here.
        return b"\n" in data

    def _weigh(self, octets: int) -> None:
        """End a message that comes far too slowly."""
        settings = self.settings
        self.octets += octets
        took_s = self.world.clock.monotonic() - self.began_at
        if took_s <= settings.grace_s or self.engine.closing:
            return
        if self.octets < settings.least_rate * took_s:
            self.record(
                "smtp.too_slow",
                message_id=self.delivery_id,
                octets=self.octets,
                seconds=int(took_s),
            )
            self.gate.noticed(Sign.TOO_SLOW)
            self.engine.part(_TOO_SLOW)

    def impatience_s(self) -> float:
        if not self.gate.stressed:
            return 0.0
        return max(0.0, self._timeout_s - self.settings.stressed_s)

    def handle(self, event: Any) -> Coroutine[Any, Any, None] | None:
        return EXECUTORS[type(event)](self, event)

    def gone(self) -> None:
        if not self._ended:
            # Only now: what was being stored when the client left needed
            # its gate to the end.
            self._ended = True
            if self.receiving is not None:
                message.drop(self)
            self.gate.closed()
            self.shared.left(self)

    def unexpected(self, failure: Failure) -> None:
        """There is a bug: temporary for the client, a line for us."""
        self.record("smtp.failed", failure=type(failure.value).__name__)
        message.drop(self)
        if self.engine.open:
            self.engine.answer(_FAILED if self.welcomed else _NOT_NOW)
        else:
            self.engine.part(_NOT_NOW)

    def timed_out(self) -> None:
        if self.paused:
            # It does not even read what it asked for.
            self.abort()
        elif self._handling is not None:
            # It waits for us.
            self.set_timeout(self.settings.command_s)
        else:
            self.record("smtp.timeout")
            self.engine.part(_TIMEOUT)
            self.turn()

    # What the executors use

    def record(
        self, event: str, *, message_id: str = "", **facts: Any
    ) -> None:
        """Tell the journal."""
        self.shared.journal.record(
            event,
            session_id=self.gate.client.session_id,
            message_id=message_id,
            **facts,
        )

    @property
    def helo(self) -> str:
        """What the client said as its hello."""
        hello = self.engine.hello
        return self.told_helo or (hello.name if hello is not None else "")

    def greeting(self) -> Reply:
        """Our first word to a client that may come in."""
        text = f"{self.shared.host_name} {self.settings.hello}"
        return Reply(220, text.rstrip())

    async def put_off_answer(self) -> None:
        """Let a stranger wait for the answer to RCPT; nobody else waits."""
        delay_s = self.settings.recipient_delay_s
        if not delay_s or self.gate.avatar is not None or self.lost:
            return
        if self.settings.flavour is Flavour.LMTP:
            return
        waiting = self._putting_off = Deferred()
        call = self.world.clock.call_later(delay_s, self._put_off_enough)
        await waiting
        call.cancel()

    def _put_off_enough(self) -> None:
        waiting, self._putting_off = self._putting_off, None
        if waiting is not None:
            waiting.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._put_off_enough()

    def shut_down(self) -> None:
        """The server stops."""
        self.engine.part(_STOPPING)
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
        self.set_timeout(self.settings.handshake_s)
        transport: Any = self.transport
        transport.startTLS(tls.server("smtp"))
        self.engine.secured()
        self.tls_text = None

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        handle = transport.getHandle()
        version = handle.get_protocol_version_name()
        self.secure(f"{version} {handle.get_cipher_name()}")

    def secure(self, tls_text: str) -> None:
        """TLS is on, and the realm knows it, whoever tells first."""
        if self.tls_text is None:
            self.tls_text = tls_text
            self.gate.secured(tls_text)
            self.set_timeout(self.settings.command_s)


def _refusal(decision: Decision) -> Reply:
    return decision.reply if decision.reply is not None else _NOT_NOW


async def _connected(session: SmtpConnection, _: events.Connected) -> None:
    decision = await session.gate.connect()
    if decision.refuses:
        session.engine.answer(_refusal(decision))
        return
    session.welcomed = True
    session.engine.answer(session.greeting())


async def _hello(session: SmtpConnection, event: events.Hello) -> None:
    if session.engine.tls:
        session.secure("TLS")
    decision = await session.gate.hello(session.told_helo or event.name)
    session.engine.answer(
        _refusal(decision)
        if decision.refuses
        else Reply(250, session.shared.host_name)
    )


async def _mail(session: SmtpConnection, event: events.Mail) -> None:
    decision = await session.gate.mail(event.reverse_path, event.parameters)
    session.engine.answer(
        _refusal(decision) if decision.refuses else _SENDER_OK
    )


async def _rcpt(session: SmtpConnection, event: events.Rcpt) -> None:
    decision = await session.gate.rcpt(event.recipient)
    await session.put_off_answer()
    session.engine.answer(
        _refusal(decision) if decision.refuses else _RECIPIENT_OK
    )


def _starttls(session: SmtpConnection, _: events.StartTls) -> None:
    tls = session.shared.tls
    if tls is None:
        session.engine.answer(_NO_TLS)
        return
    session.engine.answer(_READY_FOR_TLS)
    session.start_tls(tls)


def _reset(session: SmtpConnection, _: events.Reset) -> None:
    session.gate.reset()


def _quit(session: SmtpConnection, _: events.Quit) -> None:
    """The engine has said goodbye."""


def _offence(session: SmtpConnection, event: events.Offence) -> None:
    session.record(
        "smtp.offence", kind=event.kind, client=session.gate.client.address
    )
    tell(session.gate, (event.kind,))


# Event -> what executes it: at once, or a coroutine where it may wait.
EXECUTORS: dict[type, Callable[..., Coroutine[Any, Any, None] | None]] = {
    events.Connected: _connected,
    events.Hello: _hello,
    events.Mail: _mail,
    events.Rcpt: _rcpt,
    events.StartTls: _starttls,
    events.Reset: _reset,
    events.Quit: _quit,
    events.Offence: _offence,
    **message.EXECUTORS,
    **sign_in.EXECUTORS,
    **verify.EXECUTORS,
    **xclient.EXECUTORS,
}
