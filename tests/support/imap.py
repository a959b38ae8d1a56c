"""An IMAP listener with a store in memory, and clients to talk to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from imailpy.errors import LoginRefused
from imailpy.interfaces.realm import IRealm
from imailpy.listeners.imap import ImapFactory, ImapSettings
from imailpy.mail import Client, PasswordCredentials, Path
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from tests.support.gate import TableAvatar, TableGate
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import account_of, fill, make_store
from tests.support.world import TestWorld, result_of

PASSWORD = b"secret"


class StoreGate(TableGate):
    """Lets in who has an account in the store and knows the password."""

    def __init__(self, client: Client, store: Any) -> None:
        super().__init__(client)
        self._store = store

    async def login(self, credentials: Any) -> TableAvatar:
        self.asked.append(("login", credentials))
        if self.unavailable is not None:
            raise self.unavailable
        if (
            isinstance(credentials, PasswordCredentials)
            and credentials.password.reveal() != PASSWORD
        ):
            raise LoginRefused("wrong password")
        found = await self._store.directory.find(
            Path.parse(credentials.authcid)
        )
        if found is None:
            raise LoginRefused("no such account")
        self.avatar = TableAvatar(found)
        return self.avatar


@implementer(IRealm)
class StoreRealm:
    """Gives `StoreGate`s and keeps them."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.gates: list[StoreGate] = []

    def gate(self, client: Client) -> StoreGate:
        gate = StoreGate(client, self._store)
        self.gates.append(gate)
        return gate


class Transport(StringTransport):
    """
    A transport that can say that the client reads no more.

    Attributes:
        room: Octets it takes before it pauses its producer; None: any.
    """

    def __init__(self) -> None:
        super().__init__(
            peerAddress=IPv4Address("TCP", "192.0.2.7", 4321), lenient=True
        )
        self.room: int | None = None
        self.written: list[int] = []

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def write(self, data: bytes) -> None:
        super().write(data)
        self.written.append(len(data))
        if self.room is not None:
            self.room -= len(data)
            if self.room <= 0 and self.producer is not None:
                self.producer.pauseProducing()

    def read(self, room: int | None = None) -> bytes:
        """The client reads everything, and may then take more."""
        octets = self.value()
        self.clear()
        self.room = room
        if self.producer is not None:
            self.producer.resumeProducing()
        return octets


class InMemory:
    """A test whose houses forget."""

    def make_house(self, settings: ImapSettings | None = None) -> House:
        """Make a house."""
        return House(settings)


class OnDisk:
    """The same test with the durable store, in a directory of its own."""

    def make_house(self, settings: ImapSettings | None = None) -> House:
        """Make a house."""
        world = TestWorld()
        directory = self.mktemp()  # type: ignore[attr-defined]
        world.disk.make_directory(directory)
        store = SqliteStore(
            world,
            Fixed(
                StoreSettings(
                    directory,
                    min_free_octets=0,
                    min_free_percent=0.0,
                    reserve_octets=0,
                    sweep_every_s=0.0,
                )
            ),
        )
        fill(store)
        self.addCleanup(lambda: result_of(store.close()))  # type: ignore[attr-defined]
        return House(settings, world=world, store=store)


class House:
    """
    A listener with its store, realm and clock.

    Attributes:
        world, store, realm, journal, factory: The parts.
    """

    def __init__(
        self,
        settings: ImapSettings | None = None,
        *,
        world: Any = None,
        store: Any = None,
    ) -> None:
        self.world = world or TestWorld()
        self.store = store or make_store(self.world)
        self.realm = StoreRealm(self.store)
        self.journal = KeptJournal()
        self.settings = Fixed(settings or ImapSettings(plaintext_auth=True))
        self.factory = ImapFactory(
            self.world, self.store, self.realm, self.journal, self.settings
        )

    def connect(self) -> Talker:
        """A client connects and reads the greeting."""
        return Talker(self)

    def sign_in(
        self, address: str = "alice@example.test", select: str | None = None
    ) -> Talker:
        """A client connects and signs in, and may select a mailbox."""
        client = self.connect()
        client.say(f"LOGIN {address} secret")
        if select:
            client.say(f"SELECT {select}")
        return client

    def mail(self, address: str = "alice@example.test") -> Any:
        """The mail of an account."""
        return self.store.account(account_of(self.store, address).id)

    def settle(self) -> None:
        """Let what was put off happen."""
        for _ in range(1000):
            if not any(
                call.getTime() <= self.world.reactor.seconds()
                for call in self.world.reactor.getDelayedCalls()
            ):
                return
            self.world.advance(0)


class Talker:
    """
    One client.

    Attributes:
        greeting: What it was told first.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.transport = Transport()
        peer = IPv4Address("TCP", "192.0.2.7", 4321)
        self.protocol = house.factory.buildProtocol(peer)
        self.protocol.makeConnection(self.transport)
        self._count = 0
        self.greeting = self.heard()

    @property
    def gate(self) -> StoreGate:
        gate: Any = self.protocol.gate
        return gate

    def send(self, octets: bytes) -> bytes:
        """Send octets as they are; gives what comes back."""
        self.protocol.dataReceived(octets)
        return self.heard()

    def heard(self) -> bytes:
        """What has been said since the last time."""
        self.house.settle()
        octets = self.transport.value()
        self.transport.clear()
        return octets

    def say(self, command: str | bytes) -> list[str]:
        """
        Send one command.

        Returns:
            The lines of the answer without CRLF; the tagged one last, its
            tag left out.
        """
        self._count += 1
        if isinstance(command, str):
            command = command.encode()
        tag = b"t%d" % self._count
        lines = self.send(b"%b %b\r\n" % (tag, command)).split(b"\r\n")
        said = [line.decode("latin-1") for line in lines[:-1]]
        mark = tag.decode() + " "
        return [line.removeprefix(mark) for line in said]

    def append(
        self, octets: bytes, mailbox: str = "INBOX", flags: str = ""
    ) -> list[str]:
        """APPEND with a literal that does not wait."""
        given = f"({flags}) " if flags else ""
        head = f"APPEND {mailbox} {given}{{{len(octets)}+}}\r\n"
        return self.say(head.encode() + octets)

    def lose(self) -> None:
        """The connection breaks."""
        from twisted.internet.error import ConnectionLost
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.house.settle()
