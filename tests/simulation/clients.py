"""Clients on other machines: senders that keep at it, and readers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.protocol import Factory, Protocol

from imailpy.delivery.client_protocol import Outgoing, Sent, SessionFailed
from imailpy.delivery.settings import NextHop, Timeouts
from imailpy.delivery.signing_in import mechanisms
from imailpy.mail import Envelope, Path, Recipient, Secret
from imailpy.protocol.smtp.client import ClientSession
from imailpy.protocol.smtp.client_options import ClientOptions
from imailpy.store.bodies import MemoryBody
from imailpy.world.simulated import Machine
from tests.simulation.house import ADDRESS, PASSWORD, pause

# Impatient: an hour of waiting is an hour of other people's events.
_TIMEOUTS = Timeouts(
    connect_s=10.0,
    greeting_s=20.0,
    command_s=20.0,
    data_s=20.0,
    block_s=20.0,
    end_s=60.0,
)
_TROUBLE = (ConnectError, ConnectionLost, SessionFailed, OSError)


class One(Factory):
    """Gives the one protocol it was made for."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: Any) -> Protocol:
        return self._protocol


class Sender:
    """
    Sends messages until the server has answered for every recipient.

    Args:
        user: Signs in and submits as; None: mail from the world.
        auditor: Hears of every reply.
    """

    def __init__(
        self, machine: Machine, auditor: Any, user: str | None = None
    ) -> None:
        self.machine = machine
        self.auditor = auditor
        self.user = user
        self._connection: Outgoing | None = None
        self.attempts = 0

    async def send(
        self,
        name: str,
        octets: bytes,
        sender: str,
        recipients: Sequence[str],
    ) -> None:
        """Send one message; returns when nothing is open any more."""
        left = list(recipients)
        self.auditor.sending(name, octets, recipients)
        while left:
            self.attempts += 1
            sent = await self._try(sender, left, octets)
            if sent is not None:
                left = self.auditor.answered(name, left, sent)
            if left:
                await pause(
                    self.machine, self.machine.random.uniform(0.2, 6.0)
                )

    async def quit(self) -> None:
        """Say goodbye."""
        if self._connection is not None:
            await self._connection.close()

    async def _try(
        self, sender: str, left: Sequence[str], octets: bytes
    ) -> Sent | None:
        try:
            connection = await self._connected()
        except _TROUBLE:
            return None
        envelope = Envelope(
            Path.parse(sender),
            tuple(Recipient(Path.parse(address)) for address in left),
        )
        return await connection.send(envelope, MemoryBody(octets))

    async def _connected(self) -> Outgoing:
        connection = self._connection
        if connection is not None:
            if connection.usable:
                return connection
            connection.abort("used up")
        self._connection = None
        ways: Any = ()
        if self.user is not None:
            hop = NextHop("mx", user=self.user, password=_SECRET)
            # SCRAM would be tried first.
            ways = mechanisms(hop, self.machine.random)[-1:]
        secure = self.user is not None
        options = ClientOptions(
            self.machine.host_name,
            tls=secure,
            mechanisms=ways,
            # BDAT and DATA, pipelined or not: each now and then.
            chunking=self.machine.random.below(2) == 0,
            pipelining=self.machine.random.below(2) == 0,
        )
        made = Outgoing(
            self.machine,
            ClientSession(options),
            _TIMEOUTS,
            lambda transport: transport.startTLS(None),
        )
        await self.machine.network.connect(
            ADDRESS,
            465 if secure else 25,
            One(made),
            tls=True if secure else None,
        )
        await made.ready
        self._connection = made
        return made


_SECRET = Secret(PASSWORD.encode())
_LITERAL = re.compile(rb"\{(\d+)\}\Z")


class Imap(Protocol):
    """Asks one command at a time; gives the whole response."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._parts: list[bytes] = []
        self._literal: int | None = None
        self._waiting: deque[tuple[bytes, Deferred[list[bytes]]]] = deque()
        self._serial = 0
        self._gone = False

    def greeting(self) -> Deferred[list[bytes]]:
        """Wait for the welcome."""
        return self._wait(b"* OK")

    def ask(self, command: str) -> Deferred[list[bytes]]:
        """
        Give lines and literals in turn; those of the tagged line last.

        Fails with `ConnectionLost`.
        """
        self._serial += 1
        tag = b"a%d" % self._serial
        waiting = self._wait(tag + b" ")
        if not self._gone:
            self.transport.write(tag + b" " + command.encode() + b"\r\n")
        return waiting

    def _wait(self, prefix: bytes) -> Deferred[list[bytes]]:
        waiting: Deferred[list[bytes]] = Deferred()
        if self._gone:
            waiting.errback(ConnectionLost())
        else:
            self._waiting.append((prefix, waiting))
        return waiting

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        while self._step():
            pass

    def _step(self) -> bool:
        if self._literal is not None:
            if len(self._octets) < self._literal:
                return False
            self._parts.append(bytes(self._octets[: self._literal]))
            del self._octets[: self._literal]
            self._literal = None
            return True
        end = self._octets.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._octets[:end])
        del self._octets[: end + 2]
        self._parts.append(line)
        literal = _LITERAL.search(line)
        if literal is not None:
            self._literal = int(literal.group(1))
        elif self._waiting and line.startswith(self._waiting[0][0]):
            parts, self._parts = self._parts, []
            self._waiting.popleft()[1].callback(parts)
        return True

    def connectionLost(self, reason: Any = None) -> None:
        self._gone = True
        while self._waiting:
            self._waiting.popleft()[1].errback(ConnectionLost())

    def close(self) -> None:
        """Be gone."""
        if not self._gone and self.transport is not None:
            self.transport.loseConnection()


class Refused(Exception):
    """The server said NO or BAD."""


class Reader:
    """Reads all of a user's mailbox, and tells the auditor."""

    def __init__(self, machine: Machine, auditor: Any, user: str) -> None:
        self.machine = machine
        self.auditor = auditor
        self.user = user

    async def read(self, mailbox: str = "INBOX") -> bool:
        """Read once; False when the server could not be read to the end."""
        try:
            return await self._with_server(self._fetch, mailbox)
        except (*_TROUBLE, Refused):
            return False

    async def tidy(self, mailbox: str = "INBOX") -> bool:
        """Remove every third message."""
        try:
            return await self._with_server(self._remove, mailbox)
        except (*_TROUBLE, Refused):
            return False

    async def shelve(self, mailbox: str) -> bool:
        """Copy everything into a mailbox of its own, and delete that."""
        try:
            return await self._with_server(self._shelve, mailbox)
        except (*_TROUBLE, Refused):
            return False

    async def _with_server(self, work: Any, mailbox: str) -> bool:
        imap = Imap()
        try:
            await self.machine.network.connect(ADDRESS, 143, One(imap))
            await imap.greeting()
            await _ok(imap, f"LOGIN {self.user} {PASSWORD}")
            await work(imap, mailbox)
            await _ok(imap, "LOGOUT")
        finally:
            imap.close()
        return True

    async def _fetch(self, imap: Imap, mailbox: str) -> None:
        said = await _ok(imap, f"SELECT {mailbox}")
        facts = b"\n".join(said)
        validity = _number(rb"UIDVALIDITY (\d+)", facts)
        uid_next = _number(rb"UIDNEXT (\d+)", facts)
        said = await _ok(imap, "UID FETCH 1:* (UID BODY.PEEK[])")
        found = []
        for at, part in enumerate(said):
            uid = re.match(rb"\* \d+ FETCH \(UID (\d+) BODY\[\] \{", part)
            if uid is not None:
                found.append((int(uid.group(1)), said[at + 1]))
        self.auditor.read(self.user, mailbox, validity, uid_next, found)

    async def _remove(self, imap: Imap, mailbox: str) -> None:
        await _ok(imap, f"SELECT {mailbox}")
        said = await _ok(imap, "UID SEARCH ALL")
        uids = [int(n) for n in re.findall(rb"\d+", said[0])]
        some = [uid for uid in uids if uid % 3 == 0]
        if not some:
            return
        text = ",".join(map(str, some))
        self.auditor.removing(self.user, mailbox, some)
        await _ok(imap, f"UID STORE {text} +FLAGS (\\Deleted)")
        await _ok(imap, f"UID EXPUNGE {text}")
        self.auditor.removed(self.user, mailbox, some)

    async def _shelve(self, imap: Imap, mailbox: str) -> None:
        await _ok(imap, f"CREATE {mailbox}")
        await _ok(imap, "SELECT INBOX")
        await _ok(imap, f"UID COPY 1:* {mailbox}")
        await _ok(imap, f"DELETE {mailbox}")


async def _ok(imap: Imap, command: str) -> list[bytes]:
    said = await imap.ask(command)
    if said[-1].split(b" ", 2)[1] != b"OK":
        raise Refused(command, said[-1])
    return said


def _number(pattern: bytes, octets: bytes) -> int:
    found = re.search(pattern, octets)
    if found is None:
        raise Refused(pattern, octets)
    return int(found.group(1))
