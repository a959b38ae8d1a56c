"""
A client that talks to a real SMTP connection without a network.

What it says and hears is the wire's octets, so what a rehearsal shows is
what a client of that kind would be told.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred


class Wire:
    """The transport of one connection; both ends are here."""

    def __init__(self, host: str) -> None:
        self._peer: Any = (
            IPv6Address("TCP", host, 40_000)
            if ":" in host
            else IPv4Address("TCP", host, 40_000)
        )
        self._heard = b""
        self._waiting: Deferred[None] | None = None
        self.closed = False
        self.secured = False

    # What a transport has

    def write(self, octets: bytes) -> None:
        """The server says something."""
        self._heard += octets
        self._wake()

    def writeSequence(self, pieces: Sequence[bytes]) -> None:
        """The server says something, in pieces."""
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """The server closes."""
        self.closed = True
        self._wake()

    abortConnection = loseConnection

    def startTLS(self, context: Any, normal: bool = True) -> bool:
        """TLS begins; there is nothing to hide here."""
        self.secured = True
        return True

    def getPeer(self) -> Any:
        """Where the client is."""
        return self._peer

    def getHost(self) -> Any:
        """Where the server is."""
        return IPv4Address("TCP", "192.0.2.25", 25)

    def setTcpNoDelay(self, on: bool) -> None:
        """Nothing."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Nothing is ever too much."""

    def unregisterProducer(self) -> None:
        """Nothing."""

    def pauseProducing(self) -> None:
        """The client waits for replies anyway."""

    def resumeProducing(self) -> None:
        """Nothing."""

    # What the client does

    async def reply(self) -> str:
        """Wait for one reply; empty once the server has closed."""
        while True:
            end = _end_of_reply(self._heard)
            if end:
                octets, self._heard = self._heard[:end], self._heard[end:]
                text = octets.decode("utf-8", "replace").rstrip("\r\n")
                return text.replace("\r\n", "\n")
            if self.closed:
                return ""
            self._waiting = Deferred()
            await self._waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


def _end_of_reply(octets: bytes) -> int:
    """Give where the first reply ends, 0 when it has not come whole."""
    start = 0
    while True:
        end = octets.find(b"\r\n", start)
        if end < 0:
            return 0
        if octets[start + 3 : start + 4] != b"-":
            return end + 2
        start = end + 2


@frozen
class Question:
    """
    Whom to play.

    Attributes:
        ip: Address of the client.
        sender: Reverse-path; empty for the null one.
        recipients: Forward-paths.
        helo: Name it gives itself; empty: its address literal.
        user: Who signs in; empty: nobody does.
        message: What it sends; empty: a small message.
    """

    ip: str
    sender: str
    recipients: tuple[str, ...]
    helo: str = ""
    user: str = ""
    message: bytes = b""

    @property
    def name(self) -> str:
        """What it says in EHLO."""
        if self.helo:
            return self.helo
        return f"[IPv6:{self.ip}]" if ":" in self.ip else f"[{self.ip}]"

    @property
    def octets(self) -> bytes:
        """What it sends behind DATA, without the last dot."""
        if self.message:
            return b"\r\n".join(self.message.splitlines()) + b"\r\n"
        to = ", ".join(self.recipients[:10])
        author = self.sender or f"postmaster@{self.name}"
        return (
            f"From: {author}\r\nTo: {to}\r\nSubject: a question\r\n"
            "Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n"
            "Message-ID: <why@example.invalid>\r\n\r\nWhy?\r\n"
        ).encode("utf-8", "replace")


@define
class Exchange:
    """
    One command and what came back.

    Attributes:
        said: By the client; empty for the greeting.
        replies: One, or in LMTP one a recipient.
    """

    said: str
    replies: list[str] = field(factory=list)

    @property
    def positive(self) -> bool:
        """Whether all of it was granted."""
        return bool(self.replies) and all(
            reply[:1] in ("2", "3") for reply in self.replies
        )


class Conversation:
    """
    A client that behaves: it asks for TLS where it has to sign in, and goes
    no further than it is let.

    Args:
        connection: A listener's protocol, not connected yet.
        lmtp: It speaks LMTP.
        after: Called behind each exchange.
    """

    def __init__(
        self, connection: Any, wire: Wire, question: Question, after: Any
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._question = question
        self._after = after
        self._offered: set[str] = set()

    async def run(self, lmtp: bool, want_tls: bool) -> None:
        """Say everything."""
        question, wire = self._question, self._wire
        self._connection.makeConnection(wire)
        if await self._hears("", 1) and await self._greets(lmtp):
            if want_tls and "STARTTLS" in self._offered:
                if not await self._says("STARTTLS"):
                    return
                self._connection.handshake_rehearsed()
                if not await self._greets(lmtp):
                    return
            if not question.user or await self._signs_in():
                await self._sends(lmtp)
        if not wire.closed:
            await self._says("QUIT")

    def ends(self) -> None:
        """The client goes away, whatever was said."""
        self._wire.closed = True
        self._connection.connectionLost()

    async def _greets(self, lmtp: bool) -> bool:
        verb = "LHLO" if lmtp else "EHLO"
        exchange = await self._exchange(f"{verb} {self._question.name}")
        self._offered = {
            line[4:].split(" ")[0]
            for reply in exchange.replies
            for line in reply.split("\n")[1:]
        }
        return exchange.positive

    async def _signs_in(self) -> bool:
        user = self._question.user
        # The password is not looked at: a rehearsal believes its user.
        proof = base64.b64encode(f"\0{user}\0rehearsal".encode()).decode()
        return await self._says(f"AUTH PLAIN {proof}", f"AUTH PLAIN ({user})")

    async def _sends(self, lmtp: bool) -> None:
        question = self._question
        octets = question.octets
        path = f"MAIL FROM:<{question.sender}>"
        if "SIZE" in self._offered:
            path += f" SIZE={len(octets)}"
        if "8BITMIME" in self._offered and not octets.isascii():
            path += " BODY=8BITMIME"
        paths = (question.sender, *question.recipients)
        if not all(path_.isascii() for path_ in paths):
            path += " SMTPUTF8"
        if not await self._says(path):
            return
        taken = 0
        for recipient in question.recipients:
            taken += await self._says(f"RCPT TO:<{recipient}>")
        if not taken or not await self._says("DATA"):
            return
        stuffed = octets.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        self._connection.dataReceived(stuffed + b".\r\n")
        await self._hears(
            f"({len(octets)} octets of message)", taken if lmtp else 1
        )

    async def _says(self, line: str, shown: str = "") -> bool:
        return (await self._exchange(line, shown)).positive

    async def _exchange(self, line: str, shown: str = "") -> Exchange:
        if self._wire.closed:
            return Exchange(shown or line)
        self._connection.dataReceived(line.encode() + b"\r\n")
        return await self._heard(shown or line, 1)

    async def _hears(self, said: str, count: int) -> bool:
        return (await self._heard(said, count)).positive

    async def _heard(self, said: str, count: int) -> Exchange:
        exchange = Exchange(said)
        for _ in range(count):
            reply = await self._wire.reply()
            if reply:
                exchange.replies.append(reply)
        self._after(exchange)
        return exchange
