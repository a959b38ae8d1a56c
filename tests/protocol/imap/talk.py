"""A handler that grants everything, and a client that reads a script."""

from collections.abc import Iterable
from typing import Any

from imailpy.protocol.imap import commands as c
from imailpy.protocol.imap.session import Options, ServerSession
from imailpy.protocol.imap.state import State

SECURE = Options(tls=True, append_limit_octets=1000)


class Grants:
    """
    Answers every event positively, at once.

    Attributes:
        events: What was seen; pieces of a message are joined.
        said: What the session sent.
    """

    def __init__(
        self,
        options: Options = SECURE,
        state: State | None = None,
        answers: dict[type, tuple[str, str, bytes | None]] | None = None,
    ) -> None:
        self.session = ServerSession(options)
        self.answers = answers or {}
        self.events: list[Any] = []
        self.said = b""
        self.turn()
        self.events.clear()
        self.said = b""
        if state is not None:
            self.session.set_state(state)

    def turn(self) -> None:
        """Answer all that can be answered."""
        while True:
            event = self.session.next_event()
            if event is None:
                break
            self.note(event)
            self.answer(event)
        self.said += self.session.octets_to_send()

    def note(self, event: Any) -> None:
        """Keep an event, pieces of a message joined."""
        last = self.events[-1] if self.events else None
        if isinstance(event, c.BodyChunk) and isinstance(last, c.BodyChunk):
            self.events[-1] = c.BodyChunk(last.octets + event.octets)
        else:
            self.events.append(event)

    def answer(self, event: Any) -> None:
        """Grant it."""
        session = self.session
        status, text, code = self.answers.get(
            type(event), ("OK", "Done", None)
        )
        if isinstance(event, c.Connected):
            session.greet("imailpy ready")
        elif isinstance(event, c.AppendMessage) and status == "OK":
            session.accept_literal()
        elif isinstance(event, c.Idle) and status == "OK":
            session.continuation("idling")
        elif isinstance(event, c.Authenticate) and event.initial is None:
            session.challenge(b"")
        elif isinstance(event, c.AuthenticateResponse):
            if event.octets is None:
                session.tagged(event.tag, "BAD", "Given up")
            else:
                session.tagged(event.tag, status, text, code)
        elif isinstance(event, c.Command):
            session.tagged(event.tag, status, text, code)

    def hear(self, pieces: bytes | Iterable[bytes]) -> "Grants":
        """Let the client say something."""
        for piece in [pieces] if isinstance(pieces, bytes) else pieces:
            self.session.receive(piece)
            self.turn()
        return self


def selected(octets: bytes) -> Grants:
    """Say something with a mailbox selected."""
    return Grants(state=State.SELECTED).hear(octets)


def one_command(line: bytes) -> Any:
    """Read one command that must be granted; give its value."""
    heard = selected(b"t " + line + b"\r\n")
    if len(heard.events) != 1 or not heard.said.endswith(b"t OK Done\r\n"):
        raise AssertionError(f"{line!r}: {heard.said!r}")
    return heard.events[0]


def refusal(line: bytes) -> bytes:
    """Read one command that must be refused; give what is said."""
    heard = selected(b"t " + line + b"\r\n")
    wrong = [e for e in heard.events if not isinstance(e, c.Deselected)]
    if wrong:
        raise AssertionError(f"{line[:99]!r}: {wrong!r}")
    again = heard.said
    heard.hear(b"u NOOP\r\n")
    if not heard.session.closing and not heard.said.endswith(b"u OK Done\r\n"):
        raise AssertionError(f"{line[:99]!r}: lost the session")
    return again
