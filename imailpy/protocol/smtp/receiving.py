"""
The message: DATA [RFC5321 4.1.1.4] and BDAT [RFC3030 2].

A message that cannot be taken is read to its end all the same, so that the
client hears why and what it sent is never taken for commands; the listener
is told at once and gets no more of it. After a bare CR or LF the connection
is closed as well: whoever sends one may see the end of its message elsewhere
than we do.
"""

from __future__ import annotations

from functools import partial

from imailpy.errors import PeerError
from imailpy.mail import Reply
from imailpy.protocol.smtp import events, replies
from imailpy.protocol.smtp.body import (
    PIECE_OCTETS,
    ChunkFraming,
    Content,
    DataFraming,
)
from imailpy.protocol.smtp.commands import Bdat
from imailpy.protocol.smtp.conversation import Conversation
from imailpy.protocol.smtp.state import TRANSITIONS, State
from imailpy.protocol.smtp.transaction import Transaction


class Receiving(Conversation):
    """How a server session takes a message."""

    # DATA

    def _data(self) -> events.Event:
        return self._ask(events.DataBegins(), self._data_answered)

    def _data_answered(self, reply: Reply) -> None:
        if not reply.positive:
            self._say(reply)
            return
        self._say(reply if reply.code == 354 else replies.GO_AHEAD)
        transaction = self._running
        transaction.content = self._new_content()
        transaction.data = DataFraming(transaction.content)
        self._read = self._read_data

    def _read_data(self) -> events.Event | None:
        transaction = self._running
        content, framing = transaction.content, transaction.data
        if content is None or framing is None:
            raise ValueError("no DATA is open")
        while framing.behind < 0:
            octets = self._input.take(content.taken_octets)
            if not octets:
                return None
            piece = framing.add(octets)
            if framing.behind > 0:
                self._input.give_back(framing.behind)
            if content.failed:
                self._failing(transaction, content)
                if self._events or self.closing:
                    return None
            elif piece:
                return events.BodyChunk(piece)
        return self._message_came(transaction, content)

    # BDAT

    def _bdat(self, command: Bdat) -> events.Event | None:
        """In order or not, its octets are no commands."""
        size_octets = command.size_octets
        if size_octets > self.options.limits.chunk_octets:
            self._offence("framing")
            raise PeerError(replies.BAD_CHUNK, fatal=True)
        verb = "LAST" if command.last else "BDAT"
        if (self.state, verb) not in TRANSITIONS:
            self._misplaced(command)
        elif self.state is State.CHUNKS:
            self._chunk(command)
        else:
            return self._ask(
                events.DataBegins(), partial(self._chunk_answered, command)
            )
        return None

    def _misplaced(self, command: Bdat) -> None:
        """
        Read a chunk that has no place, then refuse it.

        In LMTP there is one reply to LAST for each accepted recipient, and
        with none there is none [RFC2033 4.3].
        """
        count = 1
        if self.options.lmtp and command.last:
            count, self._owed = self._owed, 0
            self._end_transaction("no recipients")
        reply = (
            replies.NEED_MAIL
            if self._transaction is None
            else replies.NEED_RCPT
        )
        self._skip(command.size_octets, reply, count, mistake=True)

    def _chunk_answered(self, command: Bdat, reply: Reply) -> None:
        """The first chunk of a message is let in, or is not."""
        transaction = self._running
        if reply.positive:
            transaction.content = self._new_content()
            transaction.chunks = ChunkFraming(transaction.content)
            self.state = State.CHUNKS
            self._chunk(command)
            return
        count = self._replies_due(transaction, command.last)
        self._end_transaction("refused")
        self._skip(command.size_octets, reply, count, mistake=False)

    def _chunk(self, command: Bdat) -> None:
        transaction = self._running
        content, framing = transaction.content, transaction.chunks
        if content is None or framing is None:
            raise ValueError("no BDAT is open")
        framing.begin(command.size_octets, command.last)
        most = self.options.limits.chunks + content.size_octets // 4096
        if framing.chunks > most:
            self._offence("junk")
            self._say(replies.TOO_MANY_COMMANDS)
            return
        self._read = self._read_chunk

    def _read_chunk(self) -> events.Event | None:
        transaction = self._running
        content, framing = transaction.content, transaction.chunks
        if content is None or framing is None:
            raise ValueError("no BDAT is open")
        while True:
            octets = self._input.take(min(framing.left, content.taken_octets))
            if framing.left and not octets:
                return None
            piece = framing.add(octets)
            if content.failed:
                self._failing(transaction, content, framing.left)
                if self._events or self.closing:
                    return None
            elif piece:
                return events.BodyChunk(piece)
            if not framing.left:
                break
        if framing.last:
            return self._message_came(transaction, content)
        self._read = self._commands
        if content.failed:
            self._give_up(transaction, content, last=False)
        else:
            self._say(replies.OK)
        return None

    def _skip(
        self, size_octets: int, reply: Reply, count: int, *, mistake: bool
    ) -> None:
        """Read octets that nobody wants, then reply."""

        def done() -> None:
            self._read = self._commands
            for _ in range(count):
                self._say(reply)
            if mistake:
                self._mistaken()

        if size_octets > self.options.limits.swallowed_octets:
            done()
            self._close("too much to read on")
            return
        left = size_octets

        def read() -> events.Event | None:
            nonlocal left
            while left:
                octets = self._input.take(min(left, PIECE_OCTETS))
                if not octets:
                    return None
                left -= len(octets)
            done()
            return None

        self._read = read

    # Both

    @property
    def _running(self) -> Transaction:
        if self._transaction is None:
            raise ValueError("no transaction")
        return self._transaction

    def _new_content(self) -> Content:
        return Content(self.options.line_ends, self.options.max_message_octets)

    def _replies_due(self, transaction: Transaction, last: bool) -> int:
        """How many replies the end of this (piece of a) message gets."""
        if not self.options.lmtp:
            return 1
        if last:
            return len(transaction.recipients)
        self._owed = len(transaction.recipients)
        return 1

    def _message_came(
        self, transaction: Transaction, content: Content
    ) -> events.Event | None:
        self._read = self._commands
        if content.failed:
            self._give_up(transaction, content, last=True)
            return None
        transaction.told = True
        return self._ask(events.EndOfBody(), self._body_answered)

    def _body_answered(self, reply: Reply) -> None:
        """One reply; in LMTP it is every recipient's."""
        count = self._replies_due(self._running, last=True)
        self._body_replies([reply] * count)

    def _body_replies(self, said: list[Reply]) -> None:
        self._end_transaction("")
        if any(reply.positive for reply in said):
            self._junk = 0
        for reply in said:
            self._say(reply)

    def _failing(
        self, transaction: Transaction, content: Content, left: int = 0
    ) -> None:
        """It cannot be taken any more: tell the listener, once."""
        if not transaction.told:
            transaction.told = True
            self._events.append(events.BodyAborted(_failure(content).text))
        limits = self.options.limits
        most = self.options.max_message_octets + limits.swallowed_octets
        if content.size_octets + left > most:
            self._give_up(transaction, content, last=True)
            self._close("too much to read on")

    def _give_up(
        self, transaction: Transaction, content: Content, *, last: bool
    ) -> None:
        """It has been read to its end: say what was wrong with it."""
        count = self._replies_due(transaction, last)
        self._end_transaction("")
        for _ in range(count):
            self._say(_failure(content))
        if content.bare:
            self._offence("line-ends")
            self._close("bare CR or LF")


def _failure(content: Content) -> Reply:
    """The worst of what is wrong, wherever the octets were cut."""
    if content.bare:
        return replies.BAD_LINE_ENDS
    if content.nul:
        return replies.NUL_IN_MESSAGE
    return replies.TOO_BIG
