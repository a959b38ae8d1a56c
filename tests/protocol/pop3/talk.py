"""A listener for engine tests: one account, three messages, no socket."""

from __future__ import annotations

from collections.abc import Iterable

from imailpy.mail import Secret
from imailpy.protocol.pop3 import (
    Authenticate,
    AuthenticateResponse,
    Connected,
    Event,
    ListAll,
    Login,
    Maildrop,
    Offer,
    OutputWaits,
    Quit,
    Retrieve,
    ServerSession,
    StartTls,
    Top,
)
from imailpy.protocol.pop3.top import TopCut

MESSAGES = {
    7: b"Subject: one\r\n\r\nfirst\r\nsecond\r\nthird\r\n",
    9: b"Subject: dots\r\n\r\n.\r\n..two\r\nx.\r\n.",
    12: b"\r\nno header\r\n",
}
OPEN = Offer(("PLAIN", "LOGIN"), user=True, starttls=True)


class Talk:
    """
    Drives an engine and answers its events.

    Attributes:
        events: What it was asked.
        piece: How large the pieces are in which messages are sent.
        gone: UIDs that somebody else has expunged.
    """

    def __init__(self, offer: Offer = OPEN, *, piece: int = 5) -> None:
        self.engine = ServerSession(offer)
        self.events: list[Event] = []
        self.piece = piece
        self.gone: set[int] = set()
        self.expunged: tuple[int, ...] | None = None
        self.said = b""

    def hear(self, pieces: Iterable[bytes]) -> bytes:
        """Feed pieces; gives all that was said so far."""
        self.work()
        for piece in pieces:
            self.engine.receive(piece)
            self.work()
        return self.said

    def work(self) -> None:
        """Answer events until there is none."""
        while (event := self.engine.next_event()) is not None:
            if isinstance(event, OutputWaits):
                self.said += self.engine.octets_to_send()
                continue
            self.events.append(event)
            self.answer(event)
        self.said += self.engine.octets_to_send()

    def answer(self, event: Event) -> None:
        engine = self.engine
        if isinstance(event, Connected):
            engine.ok("ready")
        elif isinstance(event, Login):
            self._login((event.authcid, event.password))
        elif isinstance(event, Authenticate | AuthenticateResponse):
            self._sasl(event)
        elif isinstance(event, StartTls):
            engine.begin_tls()
        elif isinstance(event, ListAll):
            for _ in engine.listing(event):
                pass
        elif isinstance(event, Retrieve | Top):
            self._send(event)
        elif isinstance(event, Quit):
            self.expunged = event.deleted
            engine.ok("Goodbye")

    def _login(self, shown: tuple[str, Secret]) -> None:
        if shown == ("ann", Secret(b"pass word")):
            maildrop = Maildrop(
                0xABCD, tuple(MESSAGES), [len(m) for m in MESSAGES.values()]
            )
            self.engine.opened(maildrop, "welcome")
        else:
            self.engine.error("Authentication failed", "AUTH")

    def _sasl(self, event: Authenticate | AuthenticateResponse) -> None:
        if isinstance(event, Authenticate):
            octets = event.initial
            if octets is None:
                self.engine.challenge(b"")
                return
        else:
            octets = event.octets
        if octets is None:
            self.engine.error("Authentication cancelled")
            return
        _, name, password = (octets + b"\0\0\0").split(b"\0")[:3]
        self._login((name.decode("latin-1"), Secret(password)))

    def _send(self, event: Retrieve | Top) -> None:
        engine = self.engine
        if event.uid in self.gone:
            engine.error("Message is gone")
            return
        octets = MESSAGES[event.uid]
        if isinstance(event, Top):
            octets = TopCut(event.lines).feed(octets)
        engine.begin(f"{engine.size(event)} octets")
        for at in range(0, len(octets), self.piece):
            engine.body(octets[at : at + self.piece])
        engine.end()
