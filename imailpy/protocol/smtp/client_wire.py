"""
What every part of a client session shares: octets in and out, commands that
wait for their turn, replies that find who waits for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from imailpy.mail import Reply
from imailpy.protocol.smtp.client_events import (
    Broken,
    ClientEvent,
    Closed,
    NeedBody,
)
from imailpy.protocol.smtp.client_options import (
    ClientMechanism,
    ClientOptions,
)
from imailpy.protocol.smtp.client_transaction import Transaction
from imailpy.protocol.smtp.reply_reader import ReplyError, ReplyReader

Answered = Callable[[Reply], None]


class ClientWire:
    """
    Ground of `ClientSession`.

    Attributes:
        closing: Whether the connection is to be closed once
            `octets_to_send` is sent.
        extensions: What the server offers: keyword in capitals -> its
            parameters as said. Empty after HELO.
        tls: Whether the connection is under TLS.
        waiting_for: `greeting`, `hello`, `tls`, `auth`, `nothing`, `mail`
            (MAIL and RCPT), `data` (the 354), `body` (we are to send),
            `end` (the replies after the message) or `quit`.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._reader = ReplyReader(options.reply_lines, options.reply_octets)
        self._out: list[bytes] = []
        self._events: deque[ClientEvent] = deque()
        # Commands that were not sent yet, and who takes replies to come.
        self._unsent: deque[tuple[bytes, Answered]] = deque()
        self._awaiting: deque[Answered] = deque([self._greeted])
        self._transaction: Transaction | None = None
        self._mechanism: ClientMechanism | None = None
        self._must_reset = False
        self._done = 0
        self.closing = False
        self.tls = options.tls
        self.extensions: dict[str, str] = {}
        self.waiting_for = "greeting"

    # What whoever drives it calls

    def receive(self, octets: bytes) -> None:
        """Take what came from the server, cut anywhere."""
        if self.closing:
            return
        if self.waiting_for == "tls" and not self._awaiting:
            self._break("octets behind the reply to STARTTLS", temporary=True)
            return
        self._reader.receive(octets)

    def end_of_input(self) -> None:
        """The server will send no more."""
        # What it still said counts: ask until there is nothing left.
        events: list[ClientEvent] = []
        while (event := self.next_event()) is not None:
            events.append(event)
            if isinstance(event, NeedBody):
                break
        self._events.extendleft(reversed(events))
        if self.closing:
            return
        if self.waiting_for in ("quit", "nothing"):
            self._events.append(Closed())
            self.closing = True
        else:
            self._break("the server closed the connection", temporary=True)

    def next_event(self) -> ClientEvent | None:
        """Give the next event, None when there is none yet."""
        while True:
            if self._events:
                return self._events.popleft()
            if self.closing:
                return None
            try:
                reply = self._reader.next_reply()
            except ReplyError as error:
                self._break(str(error), temporary=True)
                continue
            if reply is None:
                return None
            self._take(reply)

    def octets_to_send(self) -> bytes:
        """Give what is to be sent, and forget it."""
        if not self._out:
            return b""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def want_input(self) -> bool:
        """Always: what is kept of a reply is bounded."""
        return True

    # Sending and taking replies

    def _send(self, octets: bytes, answered: Answered) -> None:
        self._unsent.append((octets, answered))
        self._pump()

    def _pump(self) -> None:
        """Send what may be sent now: all of it, or one command a reply."""
        while self._unsent and (self._together or not self._awaiting):
            octets, answered = self._unsent.popleft()
            self._out.append(octets)
            self._awaiting.append(answered)

    @property
    def _together(self) -> bool:
        """Whether commands go out without waiting for replies."""
        return self._options.pipelining and "PIPELINING" in self.extensions

    def _take(self, reply: Reply) -> None:
        if reply.code == 421:
            self._break("the server closes", temporary=True, reply=reply)
            return
        if not self._awaiting:
            self._break("a reply to nothing", temporary=True, reply=reply)
            return
        answered = self._awaiting.popleft()
        answered(reply)
        if not self.closing:
            self._pump()

    def _break(
        self, reason: str, *, temporary: bool, reply: Reply | None = None
    ) -> None:
        if self.closing:
            return
        transaction = self._transaction
        self._events.append(
            Broken(
                reason,
                temporary,
                reply,
                transaction.results() if transaction is not None else (),
                unknown=reply is None
                and transaction is not None
                and transaction.body_complete,
            )
        )
        self.closing = True
        self._unsent.clear()
        self._awaiting.clear()

    def _greeted(self, reply: Reply) -> None:
        raise NotImplementedError
