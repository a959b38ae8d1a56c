"""A POP3 listener with a store in memory, and clients to talk to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address

from imailpy.interfaces.store import IMailbox
from imailpy.listeners.pop3 import Pop3Factory, Pop3Settings
from tests.support.gate import TableRealm
from tests.support.imap import StoreRealm, Transport
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.store import account_of, deliver, make_store
from tests.support.world import TestWorld, result_of

ALICE = "alice@example.test"


class KnownRealm(TableRealm):
    """A table whose avatars are the store's accounts."""

    def __init__(self, store: Any) -> None:
        super().__init__({ALICE: b"secret"})
        self._store = store

    def gate(self, client: Any) -> Any:
        gate = super().gate(client)
        login = gate.login

        async def known(credentials: Any) -> Any:
            avatar = await login(credentials)
            avatar.account = account_of(self._store, ALICE)
            return avatar

        gate.login = known  # type: ignore[method-assign]
        return gate


class PopTransport(Transport):
    """Tells a cut from a close."""

    aborting = False

    def abortConnection(self) -> None:
        self.aborting = True


class House:
    """
    A listener with its store, realm and clock.

    Attributes:
        world, store, realm, journal, factory: The parts.
    """

    def __init__(
        self, settings: Pop3Settings | None = None, **how: Any
    ) -> None:
        self.world = TestWorld()
        self.store = make_store(self.world)
        self.realm = StoreRealm(self.store)
        self.journal = KeptJournal()
        self.settings = Fixed(settings or Pop3Settings(plaintext_auth=True))
        self.factory = Pop3Factory(
            self.world,
            self.store,
            self.realm,
            self.journal,
            self.settings,
            **how,
        )

    def deliver(self, octets: bytes, **more: Any) -> int:
        """Put a message into Alice's INBOX; gives its UID."""
        return deliver(self.store, ALICE, octets, **more)

    def inbox(self) -> IMailbox:
        """Alice's INBOX."""
        account = account_of(self.store, ALICE)
        return result_of(self.store.account(account.id).open("INBOX"))

    def client(self) -> Client:
        """Somebody connects."""
        return Client(self)


class Client:
    """
    One connection, from the client's side.

    Attributes:
        protocol, transport: Of the server.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        address = IPv4Address("TCP", "192.0.2.7", 4321)
        self.protocol = house.factory.buildProtocol(address)
        self.transport = PopTransport()
        self.protocol.makeConnection(self.transport)

    def say(self, octets: bytes) -> bytes:
        """Send octets; gives what was answered by then."""
        self.protocol.dataReceived(octets)
        return self.hear()

    def hear(self) -> bytes:
        """What the server says until it has nothing more to say."""
        said = self.transport.read()
        while True:
            self.house.world.advance(0)
            more = self.transport.read()
            if not more:
                return said
            said += more

    def sign_in(self, *before: bytes) -> None:
        """Alice opens her maildrop."""
        self.hear()
        for line in before:
            self.say(line + b"\r\n")
        self.say(b"USER " + ALICE.encode() + b"\r\n")
        said = self.say(b"PASS secret\r\n")
        if not said.startswith(b"+OK"):
            raise AssertionError(said)

    def cut(self) -> None:
        """The connection breaks."""
        from twisted.internet.error import ConnectionLost
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionLost()))

    @property
    def closed(self) -> bool:
        """Whether the server has hung up."""
        return self.transport.disconnecting or self.transport.aborting
