"""
What every part of a server session shares: the octets in and out, the one
open event, the counters, and the one way out of a transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from imailpy.errors import PeerError
from imailpy.mail import Reply
from imailpy.protocol.smtp import events, replies
from imailpy.protocol.smtp.input import Input
from imailpy.protocol.smtp.options import SessionOptions
from imailpy.protocol.smtp.state import State
from imailpy.protocol.smtp.transaction import Transaction

Reader = Callable[[], events.Event | None]


class Conversation:
    """
    Ground of `ServerSession`.

    Attributes:
        options: As given.
        closing: Whether the connection is to be closed once
            `octets_to_send` is sent.
        state: Between which commands it stands.
        tls: Whether TLS is on.
        authenticated: Whether AUTH succeeded.
        hello: The last accepted HELO, EHLO or LHLO; None before.
    """

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self.closing = False
        self.state = State.CONNECTED
        self.tls = options.tls
        self.authenticated = False
        self.hello: events.Hello | None = None
        self._transaction: Transaction | None = None
        self._input = Input()
        self._out: list[bytes] = []
        # What the open event says, until it is answered.
        self._heard: Any = None
        # Events that need no answer and were not given yet.
        self._events: deque[events.Event] = deque()
        # Who takes the answer to the open event; None: no event is open.
        self._then: Callable[[Reply], None] | None = None
        # The peer will send no more.
        self._gone = False
        # Our last word, once the open event is answered.
        self._parting: Reply | None = None
        self._errors = 0
        self._junk = 0
        self._bare_line_ends = 0
        # Replies that an LMTP client still expects to the BDAT LAST behind
        # a chunk that was refused.
        self._owed = 0
        # A line no longer than this need not be looked at.
        limits = options.limits
        self._short_octets = min(
            limits.command_octets,
            limits.auth_octets,
            limits.fatal_line_octets,
        )
        # How the octets that come next are read; `_commands` is a constant.
        self._commands: Reader = self._read_command
        self._nothing: Reader = self._read_nothing
        self._read: Reader = self._read_greeting

    # The readings; the rest is in `receiving` and `signing_in`.

    def _read_greeting(self) -> events.Event | None:
        raise NotImplementedError

    def _read_command(self) -> events.Event | None:
        raise NotImplementedError

    def _read_nothing(self) -> events.Event | None:
        return None

    # Saying something

    def _say(self, reply: Reply) -> None:
        """Send a reply; behind a 421 the connection is closed."""
        self._out.append(replies.wire(reply))
        if reply.code == 421:
            self._close("closed by us")

    def _refuse(self, error: PeerError) -> None:
        """Tell the peer its mistake; too many are the end."""
        self._say(error.reply)
        if error.fatal:
            self._close("the stream is no longer framed")
        else:
            self._mistaken()

    def _mistaken(self) -> None:
        """Count a mistake of the peer's."""
        self._errors += 1
        if self._errors > self.options.limits.errors and not self.closing:
            self._offence("errors")
            self._say(replies.TOO_MANY_ERRORS)

    def _offence(self, kind: str) -> None:
        self._events.append(events.Offence(kind))

    def _ask(
        self, event: events.Event, then: Callable[[Reply], None]
    ) -> events.Event:
        """Open an event; `then` takes its answer."""
        self._then = then
        return event

    # Lines

    def _line(self) -> bytes | None:
        """
        Take a line, without its CRLF; None when there is none yet.

        Raises:
            PeerError: It is far too long, whether it has ended or not.
        """
        line = self._input.line()
        if line is not None and len(line) + 2 <= self._short_octets:
            return line
        octets = len(self._input) if line is None else len(line) + 2
        if octets > self.options.limits.fatal_line_octets:
            self._offence("long-line")
            raise PeerError(replies.LINE_TOO_LONG, fatal=True)
        return line

    def _bounded(self, line: bytes, most_octets: int, too_long: Reply) -> None:
        """See that a line is not longer than its kind may be."""
        if len(line) + 2 > most_octets:
            self._offence("long-line")
            raise PeerError(too_long)

    # Ways out

    def _end_transaction(self, reason: str) -> None:
        """
        Forget the transaction.

        The one way back, for a message that came whole and for every error.
        The listener is told, unless it knows.
        """
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        if not transaction.told:
            self._events.append(
                events.Reset()
                if transaction.content is None
                else events.BodyAborted(reason)
            )
        self.state = State.GREETED

    def _close(self, reason: str) -> None:
        """Say no more, hear no more."""
        self.closing = True
        self._end_transaction(reason)
        self._input.clear()
