"""
What the server says: the half of a session that a handler sees.

`ServerSession` adds the other half, what the client says.
"""

from __future__ import annotations

import binascii
from enum import Enum
from typing import Any

from imailpy.protocol.imap import responses
from imailpy.protocol.imap.capabilities import Options, capabilities
from imailpy.protocol.imap.commands import (
    AppendAborted,
    AppendEnd,
    AppendMessage,
    Authenticate,
    AuthenticateResponse,
    Command,
    Connected,
    Deselected,
    Idle,
    IdleDone,
    StartTls,
)
from imailpy.protocol.imap.input import Input
from imailpy.protocol.imap.refusal import Refusal
from imailpy.protocol.imap.state import ON_NO, TRANSITIONS, State

CONTINUE = b"+ OK\r\n"
# Before login (SECURITY B7).
MAX_BAD_COMMANDS = 3


class Mode(Enum):
    """What the next octets of the client are."""

    GREETING = "nothing was said yet"
    COMMAND = "a command, or more of one behind a literal"
    LITERAL = "a literal of a command"
    BODY = "a message that is appended"
    AFTER_BODY = "what stands behind an appended message"
    SASL = "an answer to a challenge"
    IDLE = "DONE"
    SKIP_OCTETS = "a literal of a command that was answered already"
    SKIP_LINE = "the rest of a command that was answered already"
    TLS = "nothing: TLS is to come first"


_APPENDING = frozenset((Mode.BODY, Mode.AFTER_BODY))
_LOGINS = frozenset(("LOGIN", "AUTHENTICATE"))


class Answers:
    """
    What a session can say, and where it stands.

    Attributes:
        options: What the connection offers.
        state: Where it stands.
        secure: Whether it is encrypted.
        closing: Whether to close once `octets_to_send` is sent.
        offences: What no mail client does: `http`, `long-line`, `errors`.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.state = State.NOT_AUTHENTICATED
        self.secure = options.tls
        self.closing = False
        self.offences: list[str] = []
        self._input = Input()
        self._output: list[bytes] = []
        self._events: list[Any] = [Connected()]
        self._open: Any = None
        self._mode = Mode.GREETING
        self._commands = 0
        self._bad_commands = 0
        self._tail = b""
        self._after_skip: Command | None = None
        # Of the command that is being read, see `_forget_command`.
        self._command = bytearray()
        self._text_octets = 0
        self._need = 0
        self._waits = False
        self._tag = b""
        self._verb = ""
        self._at = 0
        self._mailbox = ""

    def octets_to_send(self) -> bytes:
        """Give what is to be sent, and forget it."""
        octets = b"".join(self._output)
        self._output.clear()
        return octets

    @property
    def idling(self) -> bool:
        """Whether the client is in IDLE."""
        return self._mode is Mode.IDLE

    @property
    def securing(self) -> bool:
        """Whether STARTTLS was granted and `secured` is to come."""
        return self._mode is Mode.TLS

    @property
    def open_tag(self) -> bytes | None:
        """Tag of the command that waits for its answer, None for none."""
        return getattr(self._open, "tag", None)

    def capabilities(self) -> tuple[str, ...]:
        """What the session can now."""
        return capabilities(self.options, self.state, self.secure)

    # Answers

    def greet(self, text: str) -> None:
        """Answer `Connected`: welcome, with the capabilities."""
        if self.closing:
            return
        self._answer(Connected)
        code = responses.capability(self.capabilities())
        self.untagged(responses.condition("OK", text, code))
        self._mode = Mode.COMMAND

    def untagged(self, octets: bytes) -> None:
        """
        Say one untagged response, at any time.

        Args:
            octets: Without "* " and CRLF, as `responses` renders it.
        """
        if not self.closing:
            self._output.append(b"* %b\r\n" % octets)

    def write(self, octets: bytes) -> None:
        """Say whole responses: with "* " and CRLF, many in one block."""
        if not self.closing:
            self._output.append(octets)

    def tagged(
        self, tag: bytes, status: str, text: str, code: bytes | None = None
    ) -> None:
        """
        Answer the open command.

        Args:
            status: `OK`, `NO` or `BAD`.
            text: For a person; what is not printable ASCII becomes `?`.
            code: Response code without its brackets.

        Raises:
            ValueError: No command of that tag is open.
        """
        if self.closing:
            return
        command = self._open
        if not isinstance(command, Command) or command.tag != tag:
            raise ValueError("no command of that tag is open")
        if isinstance(command, AppendMessage):
            self.refuse_literal(status, text, code)
            return
        if isinstance(command, IdleDone) and command.broken:
            status, text, code = "BAD", "Expected DONE", None
        self._open = None
        self._finish(command, status, text, code)

    def continuation(self, text: str) -> None:
        """Answer `Idle`: it begins."""
        if self.closing:
            return
        self._answer(Idle)
        self._output.append(b"+ %b\r\n" % responses.text_of(text))
        self._mode = Mode.IDLE

    def challenge(self, octets: bytes) -> None:
        """Answer `Authenticate` or `AuthenticateResponse`: go on."""
        if self.closing:
            return
        self._answer(Authenticate, AuthenticateResponse)
        encoded = binascii.b2a_base64(octets, newline=False)
        self._output.append(b"+ %b\r\n" % encoded)
        self._mode = Mode.SASL

    def accept_literal(self) -> None:
        """Answer `AppendMessage`: let the message come."""
        if self.closing:
            return
        self._answer(AppendMessage)
        if self._waits:
            self._output.append(CONTINUE)
            self._waits = False
        self._mode = Mode.BODY

    def refuse_literal(
        self, status: str, text: str, code: bytes | None = None
    ) -> None:
        """
        Answer the whole APPEND, instead of `accept_literal` or later, while
        its message comes. What still comes of it is passed over.

        Raises:
            ValueError: No APPEND is under way.
        """
        if self.closing:
            return
        if isinstance(self._open, AppendMessage):
            self._open = None
        elif self._open is not None or self._mode not in _APPENDING:
            raise ValueError("no APPEND is under way")
        # An end that the handler has not seen yet: all has come.
        complete = any(isinstance(e, AppendEnd) for e in self._events)
        self._events.clear()
        passed_over, need = not self._waits and not complete, self._need
        self._say_tagged(self._tag, status, text, code)
        self._forget_command()
        if passed_over:
            self._skip(need)

    def secured(self) -> None:
        """TLS is on: the session begins anew, but is not greeted again."""
        if self._mode is not Mode.TLS:
            raise ValueError("STARTTLS was not granted")
        self.secure = True
        self._commands = self._bad_commands = 0
        self._mode = Mode.COMMAND

    def set_state(self, state: State) -> None:
        """Move the session as no answer does: its mailbox is gone, say."""
        self.state = state

    def bye(self, text: str, code: bytes | None = None) -> None:
        """Say good-bye and close; an open event needs no answer then."""
        if not self.closing:
            self.untagged(responses.condition("BYE", text, code))
            self._end()

    # Inside

    def _answer(self, *kinds: type[Any]) -> None:
        if not isinstance(self._open, kinds):
            raise ValueError("no event is open that can be answered so")
        self._open = None

    def _finish(
        self, command: Command, status: str, text: str, code: bytes | None
    ) -> None:
        """Say the tagged answer and move the session."""
        verb, old = self._verb, self.state
        if status == "OK":
            self.state = TRANSITIONS.get((old, verb), old)
        elif status == "NO":
            self.state = ON_NO.get((old, verb), old)
        if self.state is State.LOGOUT:
            self.untagged(responses.condition("BYE", "Good-bye"))
        if status == "OK" and verb in _LOGINS and code is None:
            code = responses.capability(self.capabilities())
        self._say_tagged(command.tag, status, text, code)
        self._forget_command()
        if self.state is State.LOGOUT:
            self._end()
        elif status == "OK" and isinstance(command, StartTls):
            # What came along came from anybody (SECURITY B2.1).
            self._mode = Mode.TLS
            self._input.clear()

    def _say_tagged(
        self, tag: bytes, status: str, text: str, code: bytes | None
    ) -> None:
        said = responses.condition(status, text, code)
        self._output.append(b"%b %b\r\n" % (tag, said))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer a command that no event was made of."""
        after = ON_NO.get((self.state, self._verb))
        if self._tag:
            self._say_tagged(
                self._tag, refusal.status, refusal.text, refusal.code
            )
        else:
            self.untagged(responses.condition("BAD", refusal.text))
        if self._mode is Mode.AFTER_BODY:
            self._events.append(AppendAborted())
        if refusal.status == "NO" and after is not None:
            self.state = after
            self._events.append(Deselected())
        self._forget_command()
        if refusal.status == "BAD" and self._is_stranger():
            self._bad_commands += 1
            if self._bad_commands >= MAX_BAD_COMMANDS:
                self.offences.append("errors")
                self.bye("Too many bad commands")

    def _is_stranger(self) -> bool:
        return self.state is State.NOT_AUTHENTICATED

    def _forget_command(self) -> None:
        """Be ready for the next command."""
        # Text and literals of a command that is read in several pieces.
        if self._command:
            self._command = bytearray()
        self._text_octets = 0
        # Octets of a literal that are still to come; whether the client
        # waits for us before it sends them.
        self._need = 0
        self._waits = False
        self._tag = b""
        self._verb = ""
        self._at = 0
        self._mailbox = ""
        if self._mode is not Mode.GREETING:
            self._mode = Mode.COMMAND

    def _skip(self, need: int) -> None:
        """Pass over a literal and the rest of its command."""
        if not self.closing:
            self._need = need
            self._tail = b""
            self._mode = Mode.SKIP_OCTETS if need else Mode.SKIP_LINE

    def _end(self) -> None:
        """Nothing more comes and nothing more is said."""
        if self.closing:
            return
        appending = (
            isinstance(self._open, AppendMessage)
            or (
                self._mode in _APPENDING
                and not isinstance(self._open, AppendEnd)
            )
            # One that was refused, and nobody has seen it yet.
            or any(isinstance(event, AppendAborted) for event in self._events)
        )
        self.closing = True
        self._open = None
        self._events.clear()
        self._input.clear()
        if appending:
            self._events.append(AppendAborted())
