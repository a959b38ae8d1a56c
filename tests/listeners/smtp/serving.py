"""A listener in a still world, and clients that talk to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from imailpy.listeners.smtp import SmtpFactory, SmtpSettings
from tests.support.journal import KeptJournal
from tests.support.realm import ScriptedRealm
from tests.support.receiver import KeptReceiver
from tests.support.settings import Fixed
from tests.support.still_world import StillWorld

ENVELOPE = b"MAIL FROM:<ann@client.test>\r\nRCPT TO:<bob@local.test>\r\n"
MESSAGE = ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"


class Talker(Protocol):
    """A client: says what it is told to, keeps what it hears."""

    def __init__(self, world: StillWorld) -> None:
        self.world = world
        self.heard = b""
        self.gone = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.gone = True

    def say(self, octets: bytes, seconds: float = 0.0) -> bytes:
        """Say it, let time pass; what was heard since."""
        before = len(self.heard)
        self.transport.write(octets)
        self.world.run(seconds)
        return self.heard[before:]

    def leave(self) -> None:
        """Close without a word."""
        self.transport.loseConnection()
        self.world.run()


class FakeTls:
    """Context factories that are only names."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def server(self, alpn: str) -> str:
        self.asked.append(alpn)
        return "a context"

    def client(self, host_name: str, *, verify: bool) -> str:
        return "a context"

    def client_certificate(self, transport: Any) -> None:
        return None

    def asking(self, client_ca: str) -> FakeTls:
        return self

    def exporter(self, transport: Any) -> bytes | None:
        return None

    def description(self, transport: Any) -> str:
        return ""

    def reload(self) -> None:
        pass


class Serving:
    """
    One listener at 192.0.2.1 port 25.

    Attributes:
        world, realm, receiver, journal, tls: What it was given.
    """

    def __init__(
        self,
        settings: SmtpSettings | None = None,
        *,
        tls: bool = False,
        implicit_tls: bool = False,
        **passwords: bytes,
    ) -> None:
        self.world = StillWorld("mx.test")
        self.realm = ScriptedRealm(**passwords)
        self.receiver = KeptReceiver()
        self.journal = KeptJournal()
        self.settings = Fixed(settings or SmtpSettings())
        self.tls = FakeTls() if tls or implicit_tls else None
        self.factory = SmtpFactory(
            self.world,
            self.realm,
            self.receiver,
            self.journal,
            self.settings,
            tls=self.tls,
            implicit_tls=implicit_tls,
        )
        context = "a context" if implicit_tls else None
        self._context = context
        self.world.network.listen("192.0.2.1", 25, self.factory, tls=context)

    def call(self) -> Talker:
        """A client connects and hears the greeting."""
        talker = Talker(self.world)
        factory = Factory.forProtocol(lambda: talker)
        self.world.network.connect("192.0.2.1", 25, factory, tls=self._context)
        self.world.run()
        return talker

    def greeted(self, hello: bytes = b"EHLO client.test\r\n") -> Talker:
        """A client that has said hello."""
        talker = self.call()
        talker.say(hello)
        return talker

    @property
    def gate(self) -> Any:
        """The last client's gate."""
        return self.realm.gates[-1]

    @property
    def connection(self) -> Any:
        """The one open connection."""
        (connection,) = self.factory.connections
        return connection
