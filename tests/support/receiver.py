"""A receiver that keeps what it is given in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from zope.interface import implementer

from imailpy.interfaces.body import IBody
from imailpy.interfaces.delivery import IReceiver, IReceiving, Transaction
from imailpy.mail import Decision, Reply


@implementer(IBody)
class KeptBody:
    """Octets in memory."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.size_octets = len(octets)
        self.sha256 = hashlib.sha256(octets).digest()
        self.rendition = None
        self.released = False

    def chunks(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        yield self.octets[start:end]

    def release(self) -> None:
        self.released = True


@implementer(IReceiving)
class KeptReceiving:
    """
    One message.

    Attributes:
        transaction: As given.
        octets: What came.
        decisions: What `accept` was called with, None before.
        discarded: How often it was discarded.
    """

    def __init__(
        self, receiver: KeptReceiver, transaction: Transaction
    ) -> None:
        self.transaction = transaction
        self.octets = b""
        self.largest = 0
        self.decisions: Sequence[Decision] | None = None
        self.discarded = 0
        self._receiver = receiver

    def write(self, octets: bytes) -> None:
        self.largest = max(self.largest, len(octets))
        if self._receiver.keep:
            self.octets += octets

    def finish(self) -> KeptBody:
        if self._receiver.finish_error is not None:
            raise self._receiver.finish_error
        return KeptBody(self.octets)

    async def accept(self, decisions: Sequence[Decision]) -> Sequence[Reply]:
        self.decisions = decisions
        replies = self._receiver.replies
        if replies is None:
            return [Reply(250, "Taken", "2.0.0") for _ in decisions]
        if isinstance(replies, Exception):
            raise replies
        if hasattr(replies, "__await__"):
            replies = await replies
        return replies

    def discard(self) -> None:
        self.discarded += 1


@implementer(IReceiver)
class KeptReceiver:
    """
    Keeps all messages that began.

    Attributes:
        messages: In order.
        replies: What `accept` gives: replies, something to await for them,
            an exception; None for a 250 each.
        begin_error: Raised by `begin`, where set.
        finish_error: Raised by `finish`, where set.
        keep: Whether octets are kept.
    """

    def __init__(self) -> None:
        self.messages: list[KeptReceiving] = []
        self.replies: Any = None
        self.begin_error: Exception | None = None
        self.finish_error: Exception | None = None
        self.keep = True

    def begin(self, transaction: Transaction) -> KeptReceiving:
        if self.begin_error is not None:
            raise self.begin_error
        receiving = KeptReceiving(self, transaction)
        self.messages.append(receiving)
        return receiving

    def new_delivery_id(self) -> str:
        return f"delivery{len(self.messages)}"

    @property
    def accepted(self) -> list[KeptReceiving]:
        """Those that `accept` was called for."""
        return [each for each in self.messages if each.decisions is not None]
