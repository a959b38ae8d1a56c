"""
The server's side of one IMAP connection [RFC9051] [RFC3501].

    octets -> receive -> next_event -> one event -> its answer -> octets

One event is open at a time; what the client pipelined waits. Who answers:

    Connected                    greet | bye
    a Command                    (untagged | write)* tagged
    Authenticate,
      AuthenticateResponse       challenge | tagged
    Idle                         continuation, later IdleDone | tagged
    AppendMessage                accept_literal | refuse_literal | tagged
    BodyChunk, EndOfBody,
      AppendAborted, Deselected  nothing: the next event may be asked for
    StartTls                     tagged; after OK (`securing`) the listener
                                 sends what is to be sent, starts TLS and
                                 calls `secured`

`untagged` and `write` may be called at any time, so in IDLE too. Once
`closing`, answers that come late are dropped without a word.

The engine answers by itself: CAPABILITY, every syntax error, a command out
of order, a name that no mailbox can have, a SASL mechanism that is not on
offer, LOGIN and AUTHENTICATE where others could see a password, a literal
that is too big. A positive answer to LOGIN or AUTHENTICATE is given the new
capabilities, LOGOUT its BYE. A tagged answer moves the session as
`state.TRANSITIONS` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imailpy.protocol.imap import framing, responses
from imailpy.protocol.imap.answers import (
    CONTINUE,
    MAX_BAD_COMMANDS,
    Answers,
    Mode,
)
from imailpy.protocol.imap.capabilities import (
    Options,
    may_login,
    mechanisms,
)
from imailpy.protocol.imap.commands import (
    AppendEnd,
    AppendMessage,
    Authenticate,
    AuthenticateResponse,
    BodyChunk,
    Capability,
    Command,
    Connected,
    EndOfBody,
    IdleDone,
)
from imailpy.protocol.imap.framing import Announced, Unframed
from imailpy.protocol.imap.grammar import READERS, read_command
from imailpy.protocol.imap.grammar.append import read_first, read_message
from imailpy.protocol.imap.grammar.connection import from_base64
from imailpy.protocol.imap.input import ENOUGH, LineTooLong
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.refusal import Refusal, bad
from imailpy.protocol.imap.state import TRANSITIONS

__all__ = ["Options", "ServerSession"]

# Before login (SECURITY B7).
MAX_COMMANDS = 10
_UNCOUNTED = frozenset(("CAPABILITY", "ID", "NOOP", "STARTTLS", "LOGOUT"))
_LOGINS = frozenset(("LOGIN", "AUTHENTICATE"))

# Events that wait for an answer.
_ASKS = (Command, Connected)

MAX_CHUNK = 64 * 1024
# A line in IDLE or SASL.
MAX_LINE = 8 * 1024


class ServerSession(Answers):
    """One connection; what it can say is in `Answers`."""

    # The contract of imailpy.protocol.engine

    def receive(self, octets: bytes) -> None:
        """Take what came from the client, cut anywhere."""
        if not self.closing and self._mode is not Mode.TLS:
            self._input.receive(octets)

    def end_of_input(self) -> None:
        """The client will send no more."""
        self._end()

    def next_event(self) -> Any | None:
        """Give the next event; None when there is none, or one is open."""
        while True:
            if self._events:
                event = self._events.pop(0)
                if isinstance(event, _ASKS):
                    self._open = event
                return event
            if self._open is not None or self.closing:
                return None
            # A step that ends the session may leave an event behind.
            if not _STEPS[self._mode](self) and not self._events:
                return None

    def want_input(self) -> bool:
        """Whether more input is welcome."""
        return len(self._input) < ENOUGH and not self.closing

    # Steps: each reads one thing and gives whether it got on

    def _wait(self) -> bool:
        return False

    def _read_command(self) -> bool:
        """Read one line of a command."""
        try:
            line = self._input.line(self._room())
        except LineTooLong:
            self._refuse_long_line()
            return True
        if line is None:
            return False
        if not self._command:
            self._tag, self._at = framing.tag_of(line.rstrip(b"\r\n"))
            if self._is_stranger() and framing.is_http(line):
                self.offences.append("http")
                self._end()
                return False
        self._text_octets += len(line)
        literal = self._announced(line)
        if literal is not None:
            self._read_announcement(line, literal)
        elif not self.closing:
            if self._command:
                line = bytes(self._command) + line
            self._complete(line)
        return not self.closing

    def _read_literal(self) -> bool:
        """Read a literal of an argument."""
        piece = self._input.take(self._need)
        if not piece and self._need:
            return False
        self._command += piece
        self._need -= len(piece)
        if not self._need:
            self._mode = Mode.COMMAND
        return True

    def _read_body(self) -> bool:
        """Read a piece of a message."""
        piece = self._input.take(min(self._need, MAX_CHUNK))
        if not piece:
            return False
        self._need -= len(piece)
        self._events.append(BodyChunk(piece))
        if not self._need:
            self._events.append(EndOfBody())
            self._mode = Mode.AFTER_BODY
            self._text_octets = 0
        return True

    def _read_after_body(self) -> bool:
        """Read the end of an APPEND, or what announces its next message."""
        try:
            line = self._input.line(framing.MAX_TEXT)
        except LineTooLong:
            self._refuse_long_line()
            return True
        if line is None:
            return False
        if line == b"\r\n":
            self._events.append(AppendEnd(self._tag))
            return True
        literal = self._announced(line)
        if literal is not None:
            self._read_next_message(line, literal)
        elif not self.closing:
            self._refuse(bad("Want another message or the end"))
        return not self.closing

    def _read_sasl(self) -> bool:
        """Read an answer to a challenge [RFC9051 6.2.2]."""
        gave_up = AuthenticateResponse(self._tag, None)
        try:
            line = self._input.line(MAX_LINE)
        except LineTooLong:
            self._skip(0)
            self._after_skip = gave_up
            return True
        if line is None:
            return False
        octets = from_base64(line[:-2]) if line.endswith(b"\r\n") else None
        if octets is None:
            self._after_skip = gave_up
            self._line_passed(line[-framing.TAIL :])
        else:
            self._events.append(AuthenticateResponse(self._tag, octets))
        return not self.closing

    def _read_idle(self) -> bool:
        """Read DONE; anything else ends IDLE too (SECURITY B7.9)."""
        try:
            line = self._input.line(MAX_LINE)
        except LineTooLong:
            self._skip(0)
            self._after_skip = IdleDone(self._tag, broken=True)
            return True
        if line is None:
            return False
        if line.upper() == b"DONE\r\n":
            self._events.append(IdleDone(self._tag))
        else:
            self._after_skip = IdleDone(self._tag, broken=True)
            self._line_passed(line[-framing.TAIL :])
        return not self.closing

    def _skip_octets(self) -> bool:
        dropped = self._input.drop(self._need)
        self._need -= dropped
        if not self._need:
            self._skip(0)
            return True
        return False

    def _skip_line(self) -> bool:
        tail, ended = self._input.drop_line(framing.TAIL)
        self._tail = (self._tail + tail)[-framing.TAIL :]
        if not ended:
            return False
        self._line_passed(self._tail)
        return not self.closing

    # Inside

    def _announced(self, line: bytes) -> Announced | None:
        """Look for a literal; says BYE when the stream has lost its frame."""
        try:
            return framing.announced(line)
        except Unframed:
            self._refuse(bad("Broken literal"))
            self.bye("Cannot tell where the next command begins")
            return None

    def _line_passed(self, tail: bytes) -> None:
        """The end of a line that no one reads: what comes next?"""
        try:
            literal = framing.announced_unasked(tail)
        except Unframed:
            self.bye("Cannot tell where the next command begins")
            return
        if literal is not None:
            self._skip_unasked(literal, self._most_skipped())
            return
        self._mode = Mode.COMMAND
        if self._after_skip is not None:
            self._events.append(self._after_skip)
            self._after_skip = None

    def _most_skipped(self) -> int:
        if self._is_stranger():
            return framing.MAX_COMMAND_BEFORE_LOGIN
        return self.options.append_limit_octets

    def _skip_unasked(self, literal: Announced, most: int) -> None:
        """Pass over a literal that the client sends without waiting."""
        if literal.waits or self.closing:
            return
        if literal.size_octets > most:
            self.bye("Literal too big", b"TOOBIG")
        else:
            self._skip(literal.size_octets)

    def _room(self) -> int:
        """How many octets the next line of the command may have."""
        if not self._is_stranger():
            return max(0, framing.MAX_TEXT - self._text_octets)
        most = framing.MAX_COMMAND_BEFORE_LOGIN
        if len(self._command) + len(self._input) > most:
            size = framing.MAX_TAG + 4
            if framing.is_id(bytes(self._command[:size])) or (
                not self._command and framing.is_id(self._input.head(size))
            ):
                most = framing.MAX_ID_BEFORE_LOGIN
        return max(0, most - len(self._command))

    def _refuse_long_line(self) -> None:
        if not self._tag:
            head = self._input.head(framing.MAX_TAG + 1)
            self._tag, _ = framing.tag_of(head)
        if self._is_stranger():
            self.offences.append("long-line")
        self._refuse(bad("Command too long"))
        self._skip(0)

    def _complete(self, octets: bytes) -> None:
        """Make an event of a whole command, or refuse it."""
        try:
            if not octets.endswith(b"\r\n"):
                raise bad("Lines end with CRLF")
            octets = octets[:-2]
            if not self._verb:
                self._admit(octets)
            command = read_command(
                self._verb, self._tag, Lexer(octets, self._at)
            )
            self._check(command)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if isinstance(command, Capability):
            self.untagged(responses.capability(self.capabilities()))
            self._finish(command, "OK", "Done", None)
        else:
            self._events.append(command)

    def _admit(self, octets: bytes) -> None:
        """Read the name of a command, and see whether it may come."""
        if not self._tag:
            raise bad("Want a tag and a command")
        verb, self._at = framing.verb_of(octets, self._at)
        if verb not in READERS:
            raise bad("Unknown command")
        self._verb = verb
        if (self.state, verb) not in TRANSITIONS:
            raise bad("Not in this state")
        if self._is_stranger():
            self._admit_stranger(verb)

    def _admit_stranger(self, verb: str) -> None:
        if verb not in _UNCOUNTED:
            self._commands += 1
            if self._commands > MAX_COMMANDS:
                self._bad_commands = MAX_BAD_COMMANDS
                raise bad("Too many commands without a login")
        if verb in _LOGINS and not may_login(self.options, self.secure):
            raise Refusal(
                "NO", "Only over an encrypted connection", b"PRIVACYREQUIRED"
            )
        if verb == "STARTTLS" and (self.secure or not self.options.starttls):
            raise bad("TLS is not on offer")

    def _check(self, command: Command) -> None:
        """See whether what a command asks for is on offer."""
        if isinstance(command, Authenticate):
            offered = mechanisms(self.options, self.secure)
            if command.mechanism not in offered:
                raise Refusal("NO", "Mechanism not on offer", b"CANNOT")

    # Literals

    def _read_announcement(self, line: bytes, literal: Announced) -> None:
        """A line ends in a literal: of an argument, or to be appended."""
        most = min(framing.MAX_LITERAL, self._most_skipped())
        try:
            if not self._command:
                # Without its line end, so that a name may end there.
                self._admit(line[:-2])
            self._command += line
            if self._verb == "APPEND":
                lexer = Lexer(bytes(self._command), self._at)
                message = read_first(self._tag, lexer, literal)
                if message is not None:
                    most = self.options.append_limit_octets
                    self._announce(message, literal)
                    return
            self._expect_literal(literal)
        except Refusal as refusal:
            if self._verb == "APPEND":
                most = self.options.append_limit_octets
            self._refuse(refusal)
            # Too big to be kept is too big to be passed over.
            too_big = refusal.code == b"TOOBIG"
            self._skip_unasked(literal, -1 if too_big else most)

    def _expect_literal(self, literal: Announced) -> None:
        """Let a literal of an argument come, if it is not too big."""
        most = framing.MAX_COMMAND
        if self._is_stranger():
            most = framing.MAX_COMMAND_BEFORE_LOGIN
            if self._verb == "ID":
                most = framing.MAX_ID_BEFORE_LOGIN
        size = literal.size_octets
        if size > framing.MAX_LITERAL or len(self._command) + size > most:
            raise bad("Literal too big", b"TOOBIG")
        if literal.binary:
            raise bad("No binary literal here")
        self._need = size
        self._mode = Mode.LITERAL
        if literal.waits:
            self._output.append(CONTINUE)

    def _read_next_message(self, line: bytes, literal: Announced) -> None:
        """MULTIAPPEND: one more message [RFC3502 6.3.11]."""
        try:
            message = read_message(
                self._tag, Lexer(line), literal, self._mailbox
            )
            self._announce(message, literal)
        except Refusal as refusal:
            self._refuse(refusal)
            self._skip_unasked(literal, self.options.append_limit_octets)

    def _announce(self, message: AppendMessage, literal: Announced) -> None:
        """Ask whether a message may come."""
        if message.size_octets > self.options.append_limit_octets:
            raise Refusal("NO", "Message too big", b"TOOBIG")
        if not message.size_octets:
            # An error by [RFC3502 6.3.11].
            raise Refusal("NO", "An empty message is none")
        self._command = bytearray()
        self._need = message.size_octets
        self._waits = literal.waits
        self._mailbox = message.mailbox
        self._events.append(message)


_STEPS: dict[Mode, Callable[[ServerSession], bool]] = {
    Mode.GREETING: ServerSession._wait,
    Mode.COMMAND: ServerSession._read_command,
    Mode.LITERAL: ServerSession._read_literal,
    Mode.BODY: ServerSession._read_body,
    Mode.AFTER_BODY: ServerSession._read_after_body,
    Mode.SASL: ServerSession._read_sasl,
    Mode.IDLE: ServerSession._read_idle,
    Mode.SKIP_OCTETS: ServerSession._skip_octets,
    Mode.SKIP_LINE: ServerSession._skip_line,
    Mode.TLS: ServerSession._wait,
}
