"""
The server's side of SMTP, submission and LMTP.

    session = ServerSession(SessionOptions("mx.example.org"))
    session.next_event()              # Connected
    session.answer(Reply(220, "mx.example.org ESMTP"))
    session.receive(octets)
    while (event := session.next_event()) is not None:
        ...                           # session.answer(reply)
    transport.write(session.octets_to_send())

What has come waits here, in order, while an event is open. What the session
can answer by itself it answers; the rest become events (`events.py`).

It is always in one of a few readings: commands, the message after DATA, the
octets of a BDAT, an answer to a challenge of SASL, or nothing, from the 220
to STARTTLS until `secured`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from imailpy.errors import PeerError
from imailpy.mail import NULL_PATH, Envelope, Reply
from imailpy.protocol.smtp import events, replies
from imailpy.protocol.smtp.commands import Simple
from imailpy.protocol.smtp.grammar import (
    READERS,
    looks_like_http,
    parse_command,
    split_verb,
)
from imailpy.protocol.smtp.introducing import Introducing
from imailpy.protocol.smtp.receiving import Receiving
from imailpy.protocol.smtp.signing_in import SigningIn
from imailpy.protocol.smtp.state import TRANSITIONS, State
from imailpy.protocol.smtp.transaction import Transaction

# Commands that lead to a message are bounded by other limits.
_NO_JUNK = frozenset(("RCPT", "DATA"))


class ServerSession(Introducing, Receiving, SigningIn):
    """
    One connection from a client. `imailpy.protocol.engine.Engine`.

    Its attributes are those of `Conversation`.
    """

    # What a listener calls

    def receive(self, octets: bytes) -> None:
        """Take what came from the client, cut anywhere."""
        # Between the 220 to STARTTLS and TLS nothing counts [RFC3207 4.2].
        if not (self.closing or self._gone or self._read is self._nothing):
            self._input.add(octets)

    def end_of_input(self) -> None:
        """The client will send no more; what it did not finish is void."""
        self._gone = True
        if self._then is None:
            self._close("connection lost")
        else:
            self._input.clear()

    def next_event(self) -> events.Event | None:
        """Give the next event; None: there is none yet, or one is open."""
        if self._then is not None:
            return None
        while True:
            if self._events:
                return self._events.popleft()
            if self.closing:
                return None
            read = self._read
            event = read()
            if event is not None:
                return event
            if self._read is read and not self._events:
                return None

    def answer(self, reply: Reply) -> None:
        """
        Answer the open event.

        Raises:
            ValueError: None is open.
        """
        then = self._then
        if then is None:
            raise ValueError("no event is open")
        self._then = None
        then(reply)
        self._answered()

    def answer_each(self, said: Sequence[Reply]) -> None:
        """
        Answer `EndOfBody` in LMTP, in the order of the recipients.

        Raises:
            ValueError: It is not open, or the number is wrong.
        """
        if self._then != self._body_answered or not self.options.lmtp:
            raise ValueError("no LMTP message is open")
        if len(said) != len(self._running.recipients):
            raise ValueError("one reply for each recipient")
        self._then = None
        self._body_replies(list(said))
        self._answered()

    def _answered(self) -> None:
        if self._gone:
            self._close("connection lost")
        elif self._parting is not None:
            self.part(self._parting)

    def part(self, reply: Reply) -> None:
        """
        Say a last word, a 421, and close: now, or once the open event is
        answered. A message that has not come whole is void.
        """
        if self._then is not None:
            self._parting = reply
        elif not self.closing:
            self._say(reply)
            self._close("closed by us")

    @property
    def open(self) -> bool:
        """Whether an event waits for its answer."""
        return self._then is not None

    def octets_to_send(self) -> bytes:
        """Give what is to be sent, and forget it."""
        out = self._out
        if not out:
            return b""
        octets = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return octets

    def want_input(self) -> bool:
        """Whether more is welcome: False asks to stop reading."""
        waiting = self._input
        return (
            waiting.empty or len(waiting) < self.options.limits.waiting_octets
        )

    # What a listener may want to know

    @property
    def envelope(self) -> Envelope:
        """The transaction so far; an empty one outside of any."""
        if self._transaction is None:
            return Envelope(NULL_PATH)
        return self._transaction.envelope

    @property
    def protocol(self) -> str:
        """The word for `with` in Received [RFC3848] [RFC6531 4.3]."""
        if self.options.lmtp:
            name = "LMTP"
        elif self.hello is not None and self.hello.verb == "EHLO":
            name = "ESMTP"
        else:
            return "SMTP"
        if self._utf8:
            name = f"UTF8{name.removeprefix('E')}"
        if self.tls:
            name += "S"
        if self.authenticated:
            name += "A"
        return name

    # Commands

    def _read_command(self) -> events.Event | None:
        while not self.closing:
            if self._input.empty:
                return None
            try:
                line = self._line()
                if line is None:
                    return None
                event = self._command(line)
            except PeerError as error:
                self._refuse(error)
                event = None
            if event is not None:
                return event
            if self._events or self._read is not self._commands:
                return None
        return None

    def _command(self, line: bytes) -> events.Event | None:
        limits = self.options.limits
        if len(line) + 2 > self._short_octets:
            if line[:5].upper() == b"AUTH ":
                most, reply = limits.auth_octets, replies.RESPONSE_TOO_LONG
            else:
                most, reply = limits.command_octets, replies.LINE_TOO_LONG
            self._bounded(line, most, reply)
        try:
            verb, argument = split_verb(line)
        except PeerError as error:
            if line == b"\0":
                # The third line of a PROXY header of version 2.
                self._offence("http")
                raise PeerError(replies.NOT_HTTP) from None
            raise self._bare_line_end(error) from None
        if verb == "BDAT" and self.state is not State.REFUSED:
            return self._bdat(parse_command(verb, argument))  # type: ignore[arg-type]
        self._owed = 0
        if (self.state, verb) not in TRANSITIONS:
            raise self._out_of_order(verb, argument)
        if verb not in _NO_JUNK:
            self._junk += 1
            if self._junk > limits.junk_commands:
                self._offence("junk")
                self._say(replies.TOO_MANY_COMMANDS)
                return None
            if verb == "XCLIENT" and not self.options.xclient:
                # Whatever it says.
                raise PeerError(replies.NO_XCLIENT)
        command = parse_command(verb, argument)
        if not (verb != "RCPT" or argument.isascii() or self._utf8):
            raise PeerError(replies.NEED_SMTPUTF8)
        return self._HANDLERS[verb](self, command)

    @property
    def _utf8(self) -> bool:
        """Whether the transaction began with SMTPUTF8."""
        transaction = self._transaction
        return transaction is not None and transaction.parameters.smtputf8

    def _bare_line_end(self, error: PeerError) -> PeerError:
        """A second command with a bare CR or LF is the end."""
        self._owed = 0
        if error.reply is replies.BARE_LINE_END:
            self._bare_line_ends += 1
            if self._bare_line_ends > 1:
                self._offence("line-ends")
                return PeerError(error.reply, fatal=True)
        return error

    def _out_of_order(self, verb: str, argument: str) -> PeerError:
        """Why this verb is not for now."""
        lmtp = self.options.lmtp
        transaction = self._transaction
        if verb not in READERS:
            if looks_like_http(f"{verb} {argument}"):
                self._offence("http")
                return PeerError(replies.NOT_HTTP)
            return PeerError(replies.UNKNOWN_COMMAND)
        if self.state is State.REFUSED:
            return PeerError(replies.ONLY_QUIT)
        if self.state is State.CONNECTED:
            return PeerError(replies.NEED_LHLO if lmtp else replies.NEED_HELLO)
        if self.state is State.CHUNKS:
            return PeerError(replies.IN_CHUNKS)
        if transaction is None:
            return PeerError(replies.NEED_MAIL)
        if verb == "DATA":
            # Others may be sent along with their RCPTs [RFC2920 3.1]; LMTP
            # insists on 503 [RFC2033 4.2].
            if transaction.refused and not lmtp:
                return PeerError(replies.NO_RECIPIENTS)
            return PeerError(replies.NEED_RCPT)
        return PeerError(replies.IN_TRANSACTION)

    def _on_mail(self, mail: events.Mail) -> events.Event:
        options = self.options
        if options.auth_required and not self.authenticated:
            if options.starttls and not (
                self.tls or options.mechanisms(False)
            ):
                raise PeerError(replies.NEED_STARTTLS)
            raise PeerError(replies.NEED_AUTH)
        size_octets = mail.parameters.size_octets
        if size_octets and size_octets > options.max_message_octets:
            raise PeerError(replies.TOO_BIG)
        self._heard = mail
        return self._ask(mail, self._mail_answered)

    def _mail_answered(self, reply: Reply) -> None:
        self._say(reply)
        if reply.positive:
            mail = self._heard
            self._transaction = Transaction(mail.reverse_path, mail.parameters)
            self.state = State.SENDER_GIVEN

    def _on_rcpt(self, rcpt: events.Rcpt) -> events.Event | None:
        transaction = self._running
        if len(transaction.recipients) >= self.options.limits.recipients:
            # Counting these as mistakes would end a list's transaction.
            self._say(replies.TOO_MANY_RECIPIENTS)
            return None
        self._heard = rcpt
        return self._ask(rcpt, self._rcpt_answered)

    def _rcpt_answered(self, reply: Reply) -> None:
        self._say(reply)
        transaction = self._transaction
        if transaction is None:
            return
        if reply.positive:
            transaction.recipients.append(self._heard.recipient)
            self.state = State.RECIPIENT_GIVEN
        else:
            transaction.refused = True

    def _on_verify(self, verify: events.Verify) -> events.Event:
        return self._ask(verify, self._say)

    def _on_rset(self, _: Simple) -> None:
        self._end_transaction("RSET")
        self._say(replies.OK)

    def _on_quit(self, _: Simple) -> None:
        self._say(Reply(221, f"{self.options.host_name} closing", "2.0.0"))
        self._close("QUIT")
        self._events.append(events.Quit())

    def _on_data(self, _: Simple) -> events.Event:
        return self._data()

    def _on_noop(self, _: Simple) -> None:
        self._say(replies.OK)

    def _on_help(self, _: Simple) -> None:
        self._say(replies.HELP)

    def _on_expn(self, expand: events.Expand) -> events.Event:
        if not self.options.expn:
            raise PeerError(replies.NOT_OFFERED)
        return self._ask(expand, self._say)

    _HANDLERS: dict[str, Callable[[Any, Any], events.Event | None]] = {
        "EHLO": Introducing._on_hello,
        "HELO": Introducing._on_hello,
        "LHLO": Introducing._on_hello,
        "MAIL": _on_mail,
        "RCPT": _on_rcpt,
        "DATA": _on_data,
        "RSET": _on_rset,
        "NOOP": _on_noop,
        "QUIT": _on_quit,
        "HELP": _on_help,
        "VRFY": _on_verify,
        "EXPN": _on_expn,
        "STARTTLS": Introducing._on_starttls,
        "XCLIENT": Introducing._on_xclient,
        "AUTH": SigningIn._auth,
    }
