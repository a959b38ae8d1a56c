"""
Another mail server: takes, defers, refuses and breaks off as the seed says.

What becomes of a recipient in the end stands in its address: `ok...` is taken
at last, `no...` is refused for good, `tmp...` is put off until whoever sends
gives up.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from imailpy.world.simulated import Universe
from tests.simulation.auditor import delivery_id, digest, name_of

ADDRESS = "203.0.113.9"
DOMAIN = "far.test"
ZONE = {
    DOMAIN: {"MX": [f"10 mx.{DOMAIN}"]},
    f"mx.{DOMAIN}": {"A": [ADDRESS]},
}
_RCPT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)


class Peer:
    """
    The server and what it has taken.

    Attributes:
        taken: (delivery id, recipient) -> how often.
        octets: Delivery id -> (name, digest).
        lost: Recipients of messages taken whose 250 was never sent.
        calm: No mood any more: only what the addresses say.
    """

    def __init__(self, universe: Universe) -> None:
        self.machine = universe.machine("far", ADDRESS)
        self.chance = random.Random(f"peer {universe.seed}")
        self.taken: Counter[tuple[str, str]] = Counter()
        self.octets: dict[str, tuple[str, str]] = {}
        self.lost = 0
        self.calm = False
        factory = Factory.forProtocol(lambda: _Session(self))
        factory.noisy = False
        self.machine.network.listen("", 25, factory)

    def moody(self, share: float) -> bool:
        """Whether it is in that mood now."""
        return not self.calm and self.chance.random() < share

    def take(self, octets: bytes, recipients: list[str]) -> None:
        """Take responsibility."""
        delivery = delivery_id(octets)
        self.octets[delivery] = (name_of(octets), digest(octets))
        self.taken.update((delivery, address) for address in recipients)


class _Session(Protocol):
    """One connection."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._octets = b""
        self._recipients: list[str] = []
        self._in_data = False

    def connectionMade(self) -> None:
        if self._peer.moody(0.1):
            self._say(b"421 4.3.2 not now")
            self.transport.loseConnection()
        else:
            self._say(b"220 mx.far.test ESMTP")

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        while self.transport is not None and self._step():
            pass

    def connectionLost(self, reason: Any = None) -> None:
        self.transport = None

    def _step(self) -> bool:
        end = b"\r\n.\r\n" if self._in_data else b"\r\n"
        piece, found, rest = self._octets.partition(end)
        if not found:
            return False
        self._octets = rest
        if self._in_data:
            self._in_data = False
            self._message((piece + b"\r\n").replace(b"\r\n.", b"\r\n"))
        elif self._peer.moody(0.01):
            self._drop()
        else:
            self._command(piece)
        return True

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._say(b"250-mx.far.test\r\n250-PIPELINING\r\n250 8BITMIME")
        elif verb == b"RCPT":
            self._rcpt(_RCPT.match(line))
        elif verb == b"DATA":
            self._in_data = bool(self._recipients)
            self._say(
                b"354 go on" if self._in_data else b"503 5.5.1 no recipient"
            )
        elif verb == b"QUIT":
            self._say(b"221 2.0.0 bye")
            self.transport.loseConnection()
        else:
            if verb in (b"MAIL", b"RSET"):
                self._recipients = []
            self._say(b"250 2.0.0 OK")

    def _rcpt(self, found: Any) -> None:
        address = found.group(1).decode() if found else "no"
        if address.startswith("no"):
            self._say(b"550 5.1.1 nobody here")
        elif address.startswith("tmp") or self._peer.moody(0.15):
            self._say(b"451 4.2.1 later")
        else:
            self._recipients.append(address)
            self._say(b"250 2.1.5 OK")

    def _message(self, octets: bytes) -> None:
        recipients, self._recipients = self._recipients, []
        if self._peer.moody(0.1):
            self._say(b"451 4.3.0 later")
        elif self._peer.moody(0.1):
            self._drop()
        elif self._peer.moody(0.05):
            self._peer.take(octets, recipients)
            self._peer.lost += len(recipients)
            self._drop()
        else:
            self._peer.take(octets, recipients)
            self._say(b"250 2.0.0 taken")

    def _drop(self) -> None:
        transport, self.transport = self.transport, None
        transport.abortConnection()

    def _say(self, line: bytes) -> None:
        self.transport.write(line + b"\r\n")
