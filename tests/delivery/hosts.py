"""Other people's mail servers, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from imailpy.mail import Envelope, Reply
from imailpy.protocol.smtp import events
from imailpy.protocol.smtp.options import Flavour, SessionOptions
from imailpy.protocol.smtp.session import ServerSession
from tests.support.still_world import StillWorld

OK = Reply(250, "OK", "2.0.0")


@define
class Taken:
    """One message that a host took."""

    envelope: Envelope
    octets: bytes
    tls: bool
    connection: int


class MailHost:
    """
    A server made of our own server engine.

    Attributes:
        rcpt: Forward-path as text -> the reply; others get a 250.
        greeting, mail, data, end: What is said there.
        end_each: For LMTP: path as text -> the reply behind the message.
        silent_at: Event name at which it says no more.
        drop_at: Event name at which it hangs up.
        taken: What it took.
        only: Extensions it offers; None: all of them.
    """

    def __init__(
        self,
        world: StillWorld,
        address: str,
        port: int = 25,
        *,
        name: str = "mx.out.test",
        starttls: bool = False,
        tls: Any = None,
        lmtp: bool = False,
        passwords: dict[str, str] | None = None,
    ) -> None:
        self.world = world
        self.name = name
        self.rcpt: dict[str, Reply] = {}
        self.greeting = Reply(220, f"{name} ESMTP")
        self.mail = self.data = self.end = OK
        self.end_each: dict[str, Reply] = {}
        self.silent_at = self.drop_at = ""
        self.taken: list[Taken] = []
        self.connections = 0
        self.open = self.most_open = 0
        self.signed_in: list[str] = []
        self.passwords = passwords
        # What STARTTLS is answered with; a word, for a network in memory.
        self.context: Any = "server"
        self.drop_after_messages = 0
        self.without: frozenset[bytes] = frozenset()
        self.options = SessionOptions(
            name,
            Flavour.LMTP if lmtp else Flavour.SMTP,
            mechanisms=lambda on: ("PLAIN", "LOGIN") if passwords else (),
            starttls=starttls,
            tls=tls is not None,
        )
        factory = Factory.forProtocol(_Conversation)
        factory.noisy = False
        factory.host = self  # type: ignore[attr-defined]
        world.network.listen(address, port, factory, tls=tls)

    @property
    def bodies(self) -> list[bytes]:
        return [taken.octets for taken in self.taken]

    def recipients(self) -> list[str]:
        """Everybody it took mail for, in order."""
        return [
            str(recipient.forward_path)
            for taken in self.taken
            for recipient in taken.envelope.recipients
        ]


class _Conversation(Protocol):
    factory: Any
    transport: Any

    def connectionMade(self) -> None:
        self.host: MailHost = self.factory.host
        self.host.connections += 1
        self.number = self.host.connections
        self.host.open += 1
        self.host.most_open = max(self.host.most_open, self.host.open)
        self.session = ServerSession(self.host.options)
        self.pieces: list[bytes] = []
        self.messages = 0
        self.gone = False
        self.work()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.host.open -= 1
        self.gone = True
        self.session.end_of_input()

    def dataReceived(self, data: bytes) -> None:
        self.session.receive(data)
        self.work()

    def work(self) -> None:
        while (event := self.session.next_event()) is not None:
            name = type(event).__name__
            if name == self.host.silent_at:
                break
            if name == self.host.drop_at:
                self.gone = True
                self.transport.abortConnection()
                return
            self.handle(event)
            if self.gone:
                return
        octets = self.session.octets_to_send()
        for extension in self.host.without:
            octets = octets.replace(b"250-" + extension + b"\r\n", b"")
        self.transport.write(octets)
        if self.session.closing:
            self.transport.loseConnection()

    def handle(self, event: Any) -> None:
        host, session = self.host, self.session
        match event:
            case events.Connected():
                session.answer(host.greeting)
            case events.Hello():
                session.answer(Reply(250, host.name))
            case events.Mail():
                session.answer(host.mail)
            case events.Rcpt():
                path = str(event.recipient.forward_path)
                session.answer(host.rcpt.get(path, OK))
            case events.DataBegins():
                self.pieces = []
                go = Reply(354, "go on")
                session.answer(go if host.data.positive else host.data)
            case events.BodyChunk():
                self.pieces.append(event.octets)
            case events.EndOfBody():
                self.ended()
            case events.StartTls():
                session.answer(Reply(220, "go on"))
                self.transport.write(session.octets_to_send())
                self.transport.startTLS(self.host.context)
                session.secured()
            case events.Authenticate():
                self.sign_in(event)
            case events.AuthenticateResponse():
                session.answer(Reply(535, "no", "5.7.8"))

    def sign_in(self, event: events.Authenticate) -> None:
        _, user, password = (event.initial or b"\0\0").split(b"\0")
        known = (self.host.passwords or {}).get(user.decode())
        if known is not None and known.encode() == password:
            self.host.signed_in.append(user.decode())
            self.session.answer(Reply(235, "welcome", "2.7.0"))
        else:
            self.session.answer(Reply(535, "no", "5.7.8"))

    def ended(self) -> None:
        host, envelope = self.host, self.session.envelope
        octets = b"".join(self.pieces)
        if host.options.lmtp:
            replies = [
                host.end_each.get(str(recipient.forward_path), OK)
                for recipient in envelope.recipients
            ]
            self.session.answer_each(replies)
        else:
            self.session.answer(host.end)
        if host.end.positive:
            tls = self.session.protocol.rstrip("A").endswith("S")
            host.taken.append(Taken(envelope, octets, tls, self.number))
        self.messages += 1
        if self.messages == host.drop_after_messages:
            self.transport.write(self.session.octets_to_send())
            self.transport.loseConnection()


@define
class MemoryTls:
    """An `ITls` whose contexts are words, for a network in memory."""

    asked: list[tuple[str, bool]] = field(factory=list)

    def server(self, alpn: str) -> Any:
        return "server"

    def client(self, host_name: str, *, verify: bool) -> Any:
        self.asked.append((host_name, verify))
        return "client"

    def client_certificate(self, transport: Any) -> None:
        return None

    def exporter(self, transport: Any) -> bytes | None:
        return None

    def reload(self) -> None:
        pass


def zone(**hosts: Sequence[str]) -> dict[str, Any]:
    """Make a zone: domain (dots as `__`) -> addresses of its one MX."""
    made: dict[str, Any] = {}
    for name, addresses in hosts.items():
        domain = name.replace("__", ".")
        made[domain] = {"MX": [f"10 mx.{domain}"]}
        made[f"mx.{domain}"] = {"A": list(addresses)}
    return made


Scripted = Callable[[], Any]
