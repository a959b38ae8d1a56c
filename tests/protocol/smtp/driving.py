"""A listener that grants everything, unless a test says otherwise."""

from collections.abc import Callable, Iterator
from typing import Any

from imailpy.mail import Reply
from imailpy.protocol.smtp import events
from imailpy.protocol.smtp.options import (
    Flavour,
    Limits,
    LineEnds,
    SessionOptions,
)
from imailpy.protocol.smtp.session import ServerSession
from tests.support.dialogue import client_octets, pieces, server_octets

GRANTED: dict[type, Reply] = {
    events.Connected: Reply(220, "mx.test ESMTP"),
    events.Hello: Reply(250, "mx.test"),
    events.Mail: Reply(250, "OK", "2.1.0"),
    events.Rcpt: Reply(250, "OK", "2.1.5"),
    events.DataBegins: Reply(354, "Go ahead"),
    events.EndOfBody: Reply(250, "Taken", "2.0.0"),
    events.Verify: Reply(252, "Cannot say", "2.0.0"),
    events.Expand: Reply(250, "<a@local.test>", "2.1.5"),
    events.XClient: Reply(220, "mx.test ESMTP"),
    events.StartTls: Reply(220, "Ready", "2.0.0"),
    events.Authenticate: Reply(235, "Welcome", "2.7.0"),
    events.AuthenticateResponse: Reply(235, "Welcome", "2.7.0"),
}

Answer = Callable[[Any], Reply | list[Reply] | bytes | None]


class Granting:
    """
    Drives one session.

    Attributes:
        session: What is driven.
        events: All events, body chunks left out.
        messages: (envelope, octets) of messages that came whole.
        aborted: Reasons of those that did not.
        offences: Kinds.
        said: What the server said so far.
    """

    def __init__(
        self,
        options: SessionOptions,
        answers: dict[type, Any] | None = None,
    ) -> None:
        self.session = ServerSession(options)
        self.answers = {**GRANTED, **(answers or {})}
        self.events: list[Any] = []
        self.messages: list[tuple[Any, bytes]] = []
        self.aborted: list[str] = []
        self.offences: list[str] = []
        self.said = b""
        self._body: list[bytes] = []
        self.turn()

    def turn(self) -> None:
        """Answer all that is open."""
        while (event := self.session.next_event()) is not None:
            if isinstance(event, events.BodyChunk):
                self._body.append(event.octets)
                continue
            self.events.append(event)
            self._note(event)
            self.reply(self.answers.get(type(event)), event)
        self.said += self.session.octets_to_send()

    def _note(self, event: Any) -> None:
        if isinstance(event, events.EndOfBody):
            self.messages.append((self.session.envelope, b"".join(self._body)))
            self._body.clear()
        elif isinstance(event, events.BodyAborted):
            self.aborted.append(event.reason)
            self._body.clear()
        elif isinstance(event, events.Offence):
            self.offences.append(event.kind)

    def reply(self, answer: Any, event: Any = None) -> None:
        """Answer the open event, if this is an answer to it."""
        if callable(answer):
            answer = answer(event)
        if isinstance(answer, bytes):
            self.session.challenge(answer)
        elif isinstance(answer, list):
            self.session.answer_each(answer)
        elif answer is not None:
            self.session.answer(answer)

    def feed(self, *parts: bytes) -> bytes:
        """Feed parts one after another; what the server said to them."""
        before = len(self.said)
        for part in parts:
            self.session.receive(part)
            self.turn()
        return self.said[before:]

    def outcome(self) -> Any:
        """What must not depend on how the octets were cut."""
        return (
            self.said,
            self.messages,
            self.aborted,
            self.events,
            self.session.closing,
        )


def options(**changes: Any) -> SessionOptions:
    """Options of a plain MX."""
    return SessionOptions("mx.test", **changes)


def dialogue_cuts(octets: bytes, every: bool = True) -> Iterator[list[bytes]]:
    """Whole, in small and middling pieces, and in two at every position."""
    yield [octets]
    for size in (1, 2, 3, 7, 4096):
        yield list(pieces(octets, size))
    if every:
        for at in range(1, len(octets)):
            yield [octets[:at], octets[at:]]


def talk(
    dialogue: str,
    session_options: SessionOptions | None = None,
    answers: dict[type, Any] | None = None,
) -> tuple[Granting, bytes]:
    """
    Hold a dialogue in every cut.

    Returns:
        The driver of the last one, and what the server should have said.

    Raises:
        AssertionError: A cut changed something.
    """
    session_options = session_options or options()
    octets = client_octets(dialogue)
    first: Granting | None = None
    for cut in dialogue_cuts(octets):
        driver = Granting(session_options, answers)
        driver.feed(*cut)
        if first is None:
            first = driver
        elif driver.outcome() != first.outcome():
            raise AssertionError(
                f"cut at {len(cut[0])}: {driver.outcome()!r}\n"
                f"whole: {first.outcome()!r}"
            )
    if first is None:
        raise AssertionError("nothing was said")
    return first, server_octets(dialogue)


def codes(said: bytes) -> list[int]:
    """Codes of the replies, in order."""
    return [
        int(line[:3])
        for line in said.split(b"\r\n")
        if line and line[3:4] != b"-"
    ]


def greeted(
    session_options: SessionOptions | None = None,
    answers: dict[type, Any] | None = None,
    hello: bytes = b"EHLO client.test\r\n",
) -> Granting:
    """A driver whose client has said hello."""
    driver = Granting(session_options or options(), answers)
    driver.feed(hello)
    driver.said = b""
    return driver


ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<u@local.test>\r\n"


def in_data(
    session_options: SessionOptions | None = None,
    answers: dict[type, Any] | None = None,
) -> Granting:
    """A driver whose client has been told 354."""
    driver = greeted(session_options, answers)
    driver.feed(ENVELOPE + b"DATA\r\n")
    driver.said = b""
    return driver


__all__ = [
    "ENVELOPE",
    "Flavour",
    "Granting",
    "Limits",
    "LineEnds",
    "codes",
    "dialogue_cuts",
    "greeted",
    "in_data",
    "options",
    "talk",
]
