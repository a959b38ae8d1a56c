"""
What would the server say? Its own engine, gate and receiver are asked.

A rehearsal is made of the parts of a running server, or of a configuration
and an open store. It counts and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address
from zope.interface import implementer

from imailpy.admin.conversation import (
    Conversation,
    Exchange,
    Question,
    Wire,
)
from imailpy.admin.spelling import stage_of
from imailpy.config import rooms
from imailpy.config.listeners import Listener
from imailpy.config.provider import Settings
from imailpy.config.providers import Providers
from imailpy.config.schema import Configuration, ListenerTls, Service
from imailpy.delivery.rehearsing import RehearsedReceiver
from imailpy.delivery.routing import Router
from imailpy.errors import MailError
from imailpy.interfaces.store import IStore
from imailpy.interfaces.tls import ITls
from imailpy.interfaces.world import IDisk, IWorld
from imailpy.listeners.connection import Connection
from imailpy.listeners.smtp.factory import SmtpFactory
from imailpy.listeners.smtp.protocol import SmtpConnection
from imailpy.realm.custom.keeper import pipeline_of
from imailpy.realm.realm import Realm
from imailpy.realm.rehearsal import Rehearsal, Stage, Trail
from imailpy.realm.silence import Silence

_TAKING = (Service.SMTP, Service.SUBMISSION, Service.LMTP)
_PRETENDED = "TLSv1.3 rehearsed"


class NoListener(MailError):
    """No such listener is open, or it takes no mail."""

    temporary = False


class _Unread:
    """A disk of secrets that nobody needs here."""

    def read_foreign(
        self, path: str, most_octets: int = 0, *, private: bool = False
    ) -> bytes:
        """Anything."""
        return b"#"


@implementer(ITls)
class _PretendedTls:
    """TLS without a wire to protect."""

    def server(self, alpn: str) -> Any:
        """Nothing is shaken hands on."""
        return None

    def client(self, host_name: str, *, verify: bool) -> Any:
        """Nobody is called."""
        return None

    def client_certificate(self, transport: Any) -> None:
        """As `ITls.client_certificate`."""

    def asking(self, client_ca: str) -> Any:
        """As `ITls.asking`."""
        return self

    def exporter(self, transport: Any) -> bytes | None:
        """There is no channel to bind to."""
        return None

    def description(self, transport: Any) -> str:
        """What a check may see of it."""
        return _PRETENDED

    def reload(self) -> None:
        """Nothing is read."""


class _Clock:
    """Nobody waits: timers never go off, pauses take no time."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.now = clock.now
        self.monotonic = clock.monotonic

    def call_later(
        self, delay_s: float, function: Callable[..., object], *a: Any
    ) -> Any:
        """Call at once what somebody waits for."""
        if getattr(function, "__func__", None) is Connection._look:
            return _Never()
        return self._clock.call_later(0, function, *a)


class _Never:
    """A call that will not be made."""

    def cancel(self) -> None:
        """Nothing."""

    def active(self) -> bool:
        """It never was."""
        return False


class _World:
    """A world in which no time passes and nothing fails on purpose."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.clock = _Clock(world.clock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def fault_point(self, name: str) -> None:
        """Those are for the server itself."""


class _Connection(SmtpConnection):
    """A listener's connection, whose handshake is over when it is said."""

    def handshake_rehearsed(self) -> None:
        """TLS is on."""
        self.secure(_PRETENDED)


@frozen
class Answered:
    """
    A rehearsal that is over.

    Attributes:
        listener: Its name.
        exchanges: What was said, with the decisions behind each.
    """

    listener: str
    exchanges: list[tuple[Exchange, list[Stage]]]

    @property
    def replies(self) -> list[str]:
        """All replies in order."""
        return [
            reply
            for exchange, _ in self.exchanges
            for reply in exchange.replies
        ]


class Rehearsals:
    """
    Makes rehearsals.

    Args:
        realm: The live one; its state is read.
        providers: The settings that hold.
    """

    def __init__(
        self,
        world: IWorld,
        providers: Providers,
        store: IStore,
        realm: Realm,
    ) -> None:
        self._world = world
        self._live = realm
        self._store = store
        self.providers = providers

    async def other(
        self, configuration: Configuration, disk: IDisk
    ) -> Rehearsals:
        """
        The same house with another configuration.

        The lists that it names are read, and its policy in Python is loaded;
        passwords and certificates are not.

        Raises:
            PolicyRefused: Its policy would not be taken.
        """
        unread: Any = _Unread()
        providers = Providers(configuration, unread)
        providers.realm = Settings(rooms.realm(configuration, disk))
        rehearsal = Rehearsal(
            self._live,
            providers.realm,
            Router(providers.delivery, self._store),
            pipeline=await pipeline_of(
                self._world, providers.realm.current.custom
            ),
        )
        return Rehearsals(self._world, providers, self._store, rehearsal)

    def realm(self) -> Rehearsal:
        """A likeness of the realm as it is now."""
        return Rehearsal(self._live)

    def listener(self, name: str = "", signs_in: bool = False) -> Listener:
        """
        Give the listener of a name, or the one that such a client uses.

        Raises:
            NoListener: There is none.
        """
        there = [
            each for each in self.providers.open if each.service in _TAKING
        ]
        usual = Service.SUBMISSION if signs_in else Service.SMTP
        for each in there:
            if each.name == name or (not name and each.service is usual):
                return each
        if not name and there:
            return there[0]
        names = ", ".join(each.name for each in there) or "none"
        raise NoListener(
            name, f"no listener takes mail as {name!r}; there are {names}"
        )

    async def rehearse(self, question: Question, name: str = "") -> Answered:
        """Play one client."""
        listener = self.listener(name, bool(question.user))
        realm = self.realm()
        world: Any = _World(self._world)
        realm.world = world
        factory = self._factory(listener, realm, world)
        wire = Wire(question.ip)
        shared = factory.shared
        settings = shared.provider.current
        gate = realm.gate(
            factory.client(_address(question.ip), settings.flavour.value)
        )
        connection = _Connection(shared, settings, gate)
        factory.came(connection)
        trail: Trail = gate.record
        answered = Answered(listener.name, [])
        shown = 0

        def after(exchange: Exchange) -> None:
            nonlocal shown
            answered.exchanges.append((exchange, trail.stages[shown:]))
            shown = len(trail.stages)

        conversation = Conversation(connection, wire, question, after)
        try:
            await conversation.run(
                listener.service is Service.LMTP, bool(question.user)
            )
        finally:
            conversation.ends()
        trail.settle()
        return answered

    def _factory(
        self, listener: Listener, realm: Rehearsal, world: IWorld
    ) -> SmtpFactory:
        silence = Silence()
        providers = self.providers
        router = Router(providers.delivery, self._store)
        return SmtpFactory(
            world,
            realm,
            RehearsedReceiver(
                world, providers.delivery, self._store, router, silence
            ),
            silence,
            providers.listeners[listener.name],
            tls=(
                None if listener.tls is ListenerTls.NONE else _PretendedTls()
            ),
            implicit_tls=listener.tls is ListenerTls.IMPLICIT,
            listener=listener.name,
        )

    def plain(self, answered: Answered) -> dict[str, Any]:
        """Spell a rehearsal."""
        policy = self.providers.realm.current.policy
        rows = {row.stage: row for row in self._live.books.pipeline.rows}
        stages = [
            {
                "said": exchange.said,
                "replies": exchange.replies,
                "decisions": [
                    stage_of(stage, rows.get(stage.name), policy)
                    for stage in decided
                ],
            }
            for exchange, decided in answered.exchanges
        ]
        return {
            "listener": answered.listener,
            "snapshot": self.providers.realm.number,
            "exchanges": stages,
            "outcome": _outcome(answered),
        }


def _outcome(answered: Answered) -> dict[str, Any]:
    """Give the refusal that ended it; else that it was taken."""
    refused: dict[str, Any] | None = None
    for exchange, decided in answered.exchanges:
        for stage in decided:
            if stage.decision is not None and stage.decision.refuses:
                refused = {
                    "verdict": stage.decision.verdict.value,
                    "rule": stage.decision.rule,
                    "entry": stage.decision.entry,
                    "reply": str(stage.decision.reply or ""),
                }
        if exchange.said.startswith("(") and exchange.positive:
            return {
                "verdict": "accept",
                "rule": None,
                "entry": None,
                "reply": exchange.replies[0],
            }
    if refused is not None:
        return refused
    last = next(
        (
            reply
            for exchange, _ in reversed(answered.exchanges)
            for reply in exchange.replies
            if not exchange.positive
        ),
        "",
    )
    return {"verdict": "reject", "rule": None, "entry": None, "reply": last}


def _address(ip: str) -> Any:
    kind = IPv6Address if ":" in ip else IPv4Address
    return kind("TCP", ip, 40_000)
