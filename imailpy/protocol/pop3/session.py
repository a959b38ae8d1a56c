"""
One POP3 session, server's side [RFC1939] [RFC2449].

Commands that need nobody else are answered here at once; for the others
there is one open event at a time. Responses leave in order; where much is
to be sent, `OutputWaits` gives the listener a moment to let it leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from imailpy.mail import Secret
from imailpy.protocol.pop3.dots import Stuffing
from imailpy.protocol.pop3.events import (
    Authenticate,
    AuthenticateResponse,
    Connected,
    Event,
    ListAll,
    Login,
    OutputWaits,
    Quit,
    Retrieve,
    StartTls,
    Top,
)
from imailpy.protocol.pop3.grammar import (
    Command,
    Foreign,
    Malformed,
    NotInClear,
    decode_response,
    parse_command,
)
from imailpy.protocol.pop3.maildrop import Maildrop, NoSuchMessage
from imailpy.protocol.pop3.state import TRANSITIONS, Offer, State
from imailpy.protocol.pop3.wire import Wire

# Lines that make no sense, after which we hang up.
_MOST_ERRORS = 20


class ServerSession(Wire):
    """
    The engine.

    Attributes:
        offer: What CAPA tells and AUTH, USER and STLS obey; may be changed
            at any time.
        state: Where the session stands.
        utf8: Whether the client takes UTF-8 [RFC6856 2].
        tls: Whether the connection is protected.
    """

    def __init__(self, offer: Offer, *, tls: bool = False) -> None:
        super().__init__()
        self.offer = offer
        self.state = State.CONNECTED
        self.utf8 = False
        self.tls = tls
        self._errors = 0
        self._name: bytes | None = None
        self._stuffing: Stuffing | None = None
        self._listing = False
        self._maildrop = Maildrop(0)
        self._open: Event | None = None
        self._begun = False

    # What every engine has

    def next_event(self) -> Event | None:
        """Give the next event; None while one is open or nothing is there."""
        if self._open is not None or self.closing or self._switching:
            return None
        if not self._begun:
            self._begun = True
            self._open = Connected()
            return self._open
        while not self.closing:
            if self._output_is_much():
                return OutputWaits()
            line = self._line()
            if line is None:
                return None
            self._open = self._take(line)
            if self._open is not None:
                return self._open
        return None

    # Answers

    @property
    def answer_due(self) -> bool:
        """Whether an event waits for its answer."""
        return self._open is not None

    @property
    def in_response(self) -> bool:
        """Whether a long response is being sent: no other word fits in."""
        return self._stuffing is not None or self._listing

    def ok(self, text: str) -> None:
        """Answer `Connected` or `Quit`: yes."""
        event = self._answered()
        if isinstance(event, Connected):
            self.state = State.AUTHORIZATION
        elif not isinstance(event, Quit):
            raise ValueError(f"{event} has an answer of its own")
        self._say_ok(text)
        if isinstance(event, Quit):
            self._end()

    def error(
        self, text: str, code: str | None = None, *, fatal: bool = False
    ) -> None:
        """
        Answer any event: no.

        Args:
            text: One line for a person.
            code: Response code without brackets, such as `SYS/TEMP`
                [RFC3206].
            fatal: Close the connection then.
        """
        event = self._answered()
        if isinstance(event, Login | Authenticate | AuthenticateResponse):
            self._forget_login()
        self._say_error(text, code)
        if fatal or isinstance(event, Connected | Quit):
            self._end()

    def challenge(self, octets: bytes) -> None:
        """Answer `Authenticate` or `AuthenticateResponse`: go on."""
        self._answered()
        self._challenged = True
        self._say_challenge(octets)

    def opened(self, maildrop: Maildrop, text: str) -> None:
        """Answer `Login`, `Authenticate`, `AuthenticateResponse`: yes."""
        self._answered()
        self._forget_login()
        self._maildrop = maildrop
        self.state = State.TRANSACTION
        self._say_ok(text)

    def begin_tls(self) -> bool:
        """
        Answer `StartTls`: yes.

        Returns:
            True: send what there is, begin TLS, then call `secured`. False:
            the client did not wait for the answer, and what it sent may be
            somebody else's: the connection is closing [SECURITY B2.1].
        """
        self._answered()
        if self._input:
            self._say_error("Do not send anything behind STLS")
            self._end()
            return False
        self._switching = True
        self._say_ok("Begin TLS negotiation")
        return True

    def secured(self) -> None:
        """TLS is on: nothing that was said before counts [RFC2595 4]."""
        self._switching = False
        self._forget_input()
        self._errors = 0
        self.state = State.AUTHORIZATION
        self.tls = True
        self.utf8 = False
        self._forget_login()

    def begin(self, text: str) -> None:
        """Answer `Retrieve` or `Top`: the message follows."""
        self._answered()
        self._stuffing = Stuffing()
        self._say_ok(text)

    def body(self, octets: bytes) -> None:
        """Send a piece of the message."""
        if self._stuffing is None:
            raise ValueError("no message was begun")
        self._say(self._stuffing.feed(octets))

    def end(self) -> None:
        """The message is complete."""
        if self._stuffing is None:
            raise ValueError("no message was begun")
        self._say(self._stuffing.end())
        self._stuffing = None

    def listing(self, event: ListAll) -> Iterator[None]:
        """Answer `ListAll`, a piece at each step: let it leave between."""
        self._listing = True
        self._say_ok("Listing follows")
        for lines in self._maildrop.lines(event.unique_ids):
            self._say(b"".join(lines))
            yield
        self._say(b".\r\n")
        self._listing = False
        self._answered()

    def size(self, event: Retrieve | Top) -> int:
        """Octets of an event's message, as LIST tells them."""
        return self._maildrop.size(event.number)

    def goodbye(self, text: str) -> None:
        """Say a last word where there is room for one, and close."""
        if self.closing:
            return
        if not self.in_response and self._open is None:
            self._say_error(text, "SYS/TEMP")
        self._end()

    # Lines

    def _take(self, line: bytes) -> Event | None:
        """Work off a line; give what the listener has to answer."""
        try:
            if self._challenged:
                return self._response(line)
            return self._execute(parse_command(line))
        except Malformed as error:
            self._bad(str(error))
        except NotInClear as error:
            # The same whoever it is [SECURITY B2.7].
            self._bad(str(error), "AUTH")
        except NoSuchMessage:
            self._say_error("No such message")
        except Foreign:
            # Not a word: what we say could be of use to whoever sent a
            # browser here.
            self.offences.append("http")
            self._end()
        return None

    def _response(self, line: bytes) -> Event:
        """Read the client's answer to a challenge."""
        self._challenged = False
        if line == b"*":
            return AuthenticateResponse(None)
        return AuthenticateResponse(decode_response(line))

    def _execute(self, command: Command) -> Event | None:
        if (self.state, command.verb) not in TRANSITIONS:
            raise Malformed("Not now")
        return _EXECUTORS[command.verb](self, command)

    # Signing in

    def _user(self, command: Command) -> None:
        self._check_user()
        self._name = command.text
        self.state = State.USER_GIVEN
        # The same words whoever it is [SECURITY B8.3].
        self._say_ok("Send your password")

    def _pass(self, command: Command) -> Event:
        name, password = self._name or b"", command.text
        self._check_user()
        try:
            password.decode()
            authcid = name.decode()
        except UnicodeDecodeError:
            # Refused like any wrong password, in the same time.
            return Login("", Secret(b""))
        return Login(authcid, Secret(password))

    def _check_user(self) -> None:
        if not self.offer.user:
            raise NotInClear("Sign in after STLS")

    def _auth(self, command: Command) -> Event | None:
        mechanism = command.text.decode("ascii")
        if not mechanism:
            # Older clients ask so what there is.
            names = [name.encode() for name in self.offer.mechanisms]
            self._say_lines("Mechanisms follow", names)
            return None
        if mechanism not in self.offer.mechanisms:
            if not self.offer.mechanisms and not self.tls:
                raise NotInClear("Sign in after STLS")
            raise Malformed("Unknown mechanism")
        return Authenticate(mechanism, command.initial)

    def _stls(self, command: Command) -> Event:
        if self.tls:
            raise Malformed("TLS is on already")
        if not self.offer.starttls:
            raise Malformed("TLS is not available")
        if self.utf8:
            # [RFC6856 2.1]
            raise Malformed("STLS comes before UTF8")
        return StartTls()

    def _utf8(self, command: Command) -> None:
        self.utf8 = True
        self._say_ok("UTF-8 it is")

    def _forget_login(self) -> None:
        self._name = None
        self._challenged = False
        if self.state is State.USER_GIVEN:
            self.state = State.AUTHORIZATION

    # In every state

    def _capa(self, command: Command) -> None:
        names = [
            b"TOP",
            b"UIDL",
            b"RESP-CODES",
            b"AUTH-RESP-CODE",
            b"PIPELINING",
            b"EXPIRE NEVER",
            b"UTF8 USER",
            b"LANG",
        ]
        if self.offer.user:
            names.append(b"USER")
        if self.offer.mechanisms:
            names.append(b"SASL " + " ".join(self.offer.mechanisms).encode())
        if self.offer.starttls and not self.tls:
            names.append(b"STLS")
        self._say_lines("Capability list follows", names)

    def _lang(self, command: Command) -> None:
        """LANG: English is all we speak [RFC6856 3]."""
        wanted = command.text.lower()
        if not wanted:
            self._say_lines("Language listing follows:", [b"en English"])
        elif wanted in (b"*", b"en", b"i-default"):
            self._say_ok("en Language is English")
        else:
            self._say_error("No such language")

    def _quit(self, command: Command) -> Event | None:
        if self.state is State.TRANSACTION:
            return Quit(self._maildrop.deleted())
        self._say_ok("Goodbye")
        self._end()
        return None

    # With a maildrop

    def _stat(self, command: Command) -> None:
        maildrop = self._maildrop
        self._say_ok(f"{len(maildrop)} {maildrop.size_octets}")

    def _list(self, command: Command) -> Event | None:
        if not command.numbers:
            return ListAll(unique_ids=False)
        (number,) = command.numbers
        self._say_ok(f"{number} {self._maildrop.size(number)}")
        return None

    def _uidl(self, command: Command) -> Event | None:
        if not command.numbers:
            return ListAll(unique_ids=True)
        (number,) = command.numbers
        unique_id = self._maildrop.unique_id(number).decode()
        self._say_ok(f"{number} {unique_id}")
        return None

    def _retr(self, command: Command) -> Event:
        (number,) = command.numbers
        return Retrieve(number, self._maildrop.uid(number))

    def _top(self, command: Command) -> Event:
        number, lines = command.numbers
        return Top(number, self._maildrop.uid(number), lines)

    def _dele(self, command: Command) -> None:
        (number,) = command.numbers
        self._maildrop.delete(number)
        self._say_ok("Marked as deleted")

    def _rset(self, command: Command) -> None:
        self._maildrop.reset()
        self._say_ok("Nothing is marked")

    def _noop(self, command: Command) -> None:
        self._say_ok("")

    # Words of this session

    def _answered(self) -> Event:
        event, self._open = self._open, None
        if event is None:
            raise ValueError("nothing was asked")
        return event

    def _bad(self, text: str, code: str | None = None) -> None:
        """Answer a line that makes no sense, up to a point."""
        self._errors += 1
        if self._errors >= _MOST_ERRORS:
            self.offences.append("errors")
            self._say_error("Too many errors")
            self._end()
        else:
            self._say_error(text, code)

    def _end(self) -> None:
        """Nothing more is read; what was said is still sent."""
        self.state = State.CLOSED
        self._stop()


_EXECUTORS: dict[str, Callable[[ServerSession, Command], Event | None]] = {
    "AUTH": ServerSession._auth,
    "CAPA": ServerSession._capa,
    "DELE": ServerSession._dele,
    "LANG": ServerSession._lang,
    "LIST": ServerSession._list,
    "NOOP": ServerSession._noop,
    "PASS": ServerSession._pass,
    "QUIT": ServerSession._quit,
    "RETR": ServerSession._retr,
    "RSET": ServerSession._rset,
    "STAT": ServerSession._stat,
    "STLS": ServerSession._stls,
    "TOP": ServerSession._top,
    "UIDL": ServerSession._uidl,
    "USER": ServerSession._user,
    "UTF8": ServerSession._utf8,
}
