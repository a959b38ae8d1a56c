"""
The client's side of SMTP and LMTP [RFC5321] [RFC2033].

Octets in, events out; it knows no socket and no clock. It greets, turns TLS
on, signs in, and then sends one message after another:

    session = ClientSession(ClientOptions("mx.example.org"))
    ...                          # Ready
    session.begin(envelope, body.size_octets)
    ...                          # NeedBody: session.send_body(piece)
    ...                          # Finished: begin the next, or quit

After every call, and whenever octets came, ask `next_event` until it gives
None, then send what `octets_to_send` gives. `waiting_for` says which of the
timeouts of [RFC5321 4.5.3.2] runs.

MAIL and all RCPT go out together where PIPELINING is offered; the message
goes by BDAT where CHUNKING is offered, else by DATA.
"""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Callable

from imailpy.mail import Envelope, Reply
from imailpy.protocol.smtp import client_commands as commands
from imailpy.protocol.smtp.client_events import (
    Broken,
    ClientEvent,
    Closed,
    Finished,
    NeedBody,
    Ready,
    RecipientReply,
    StartTls,
)
from imailpy.protocol.smtp.client_options import (
    ClientMechanism,
    ClientOptions,
    TlsUse,
)
from imailpy.protocol.smtp.client_transaction import Transaction
from imailpy.protocol.smtp.reply_reader import ReplyError, ReplyReader
from imailpy.protocol.smtp.stuffing import DotStuffing

Answered = Callable[[Reply], None]

# A command line without extensions [RFC5321 4.5.3.1.4].
_COMMAND_LINE = 512


class ClientSession:
    """
    One connection to a server.

    Attributes:
        closing: Whether the connection is to be closed once
            `octets_to_send` is sent.
        extensions: What the server offers: keyword in capitals -> its
            parameters as said. Empty after HELO.
        tls: Whether the connection is under TLS.
        waiting_for: `greeting`, `hello`, `tls`, `auth`, `nothing`, `mail`
            (MAIL and RCPT), `data` (the 354), `body` (we are to send),
            `end` (the replies after the message) or `quit`.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._reader = ReplyReader(options.reply_lines, options.reply_octets)
        self._out: list[bytes] = []
        self._events: deque[ClientEvent] = deque()
        # Commands that were not sent yet, and who takes replies to come.
        self._unsent: deque[tuple[bytes, Answered]] = deque()
        self._awaiting: deque[Answered] = deque([self._greeted])
        self._transaction: Transaction | None = None
        self._mechanism: ClientMechanism | None = None
        self._must_reset = False
        self._done = 0
        self.closing = False
        self.tls = options.tls
        self.extensions: dict[str, str] = {}
        self.waiting_for = "greeting"

    # What whoever drives it calls

    def receive(self, octets: bytes) -> None:
        """Take what came from the server, cut anywhere."""
        if self.closing:
            return
        if self.waiting_for == "tls" and not self._awaiting:
            self._break("octets behind the reply to STARTTLS", temporary=True)
            return
        self._reader.receive(octets)

    def end_of_input(self) -> None:
        """The server will send no more."""
        # What it still said counts: ask until there is nothing left.
        events: list[ClientEvent] = []
        while (event := self.next_event()) is not None:
            events.append(event)
            if isinstance(event, NeedBody):
                break
        self._events.extendleft(reversed(events))
        if self.closing:
            return
        if self.waiting_for in ("quit", "nothing"):
            self._events.append(Closed())
            self.closing = True
        else:
            self._break("the server closed the connection", temporary=True)

    def next_event(self) -> ClientEvent | None:
        """Give the next event, None when there is none yet."""
        while True:
            if self._events:
                return self._events.popleft()
            if self.closing:
                return None
            try:
                reply = self._reader.next_reply()
            except ReplyError as error:
                self._break(str(error), temporary=True)
                continue
            if reply is None:
                return None
            self._take(reply)

    def octets_to_send(self) -> bytes:
        """Give what is to be sent, and forget it."""
        if not self._out:
            return b""
        octets = b"".join(self._out)
        self._out.clear()
        return octets

    def want_input(self) -> bool:
        """Always: what is kept of a reply is bounded."""
        return True

    def secured(self) -> None:
        """
        TLS is on, as `StartTls` asked; all that was said before is forgotten
        [RFC3207 4.2].
        """
        if self.closing:
            return
        if self.waiting_for != "tls" or not self._reader.empty:
            self._break("octets behind the reply to STARTTLS", temporary=True)
            return
        self.tls = True
        self.extensions = {}
        self._hello()

    def begin(self, envelope: Envelope, size_octets: int) -> None:
        """
        Begin a transaction; only between `Ready` or `Finished` and the next.

        Where `envelope.parameters.smtputf8` is set or an address is not
        ASCII, and the server has no SMTPUTF8, nothing is sent and every
        recipient gets a 5.6.7 [RFC6531 3.2]. A message over the server's
        SIZE gets a 5.3.4. 8BITMIME that the server does not know is left
        out: the message goes as it is.

        Args:
            envelope: Who to whom.
            size_octets: Of the message exactly as `send_body` will give it.

        Raises:
            ValueError: Not now, or an address is not fit to be sent.
        """
        if self.waiting_for != "nothing" or self.closing:
            raise ValueError(f"not now: waiting for {self.waiting_for}")
        commands.check_envelope(envelope)
        transaction = Transaction(envelope, size_octets)
        transaction.smtputf8 = commands.needs_smtputf8(envelope)
        self._transaction = transaction
        refusal = self._cannot(transaction)
        if refusal is not None:
            self._finish(refusal)
            return
        self._envelope(transaction)

    def send_body(self, octets: bytes) -> None:
        """
        Give the next piece of the message, 256 KB at most.

        Ignored when the server has refused the message meanwhile.

        Raises:
            ValueError: More than was announced, or nobody asked.
        """
        transaction = self._transaction
        if self.closing or transaction is None or transaction.failed:
            return
        if self.waiting_for != "body":
            raise ValueError(f"not now: waiting for {self.waiting_for}")
        if not octets:
            raise ValueError("an empty piece")
        if transaction.sent + len(octets) > transaction.size_octets:
            raise ValueError("more than was announced")
        transaction.sent += len(octets)
        if transaction.stuffing is not None:
            self._out.append(transaction.stuffing.add(octets))
            if not transaction.body_complete:
                self._events.append(NeedBody())
                return
            self._end_of_data(transaction)
        else:
            self._chunk(transaction, octets)

    def abort(self, reason: str) -> None:
        """Give up, in the middle of a message too: the session breaks."""
        self._break(reason, temporary=True)

    def quit(self) -> None:
        """Say goodbye; `Closed` follows."""
        if self.closing or self.waiting_for == "quit":
            return
        if self.waiting_for != "nothing":
            self._break("gave up", temporary=True)
            return
        self.waiting_for = "quit"
        self._send(b"QUIT\r\n", self._quit_answered)

    @property
    def may_begin(self) -> bool:
        """Whether another transaction may begin here [RFC9422 MAILMAX]."""
        most = self._limit("MAILMAX")
        return (
            self.waiting_for == "nothing"
            and not self.closing
            and (most is None or self._done < most)
        )

    # Sending and taking replies

    def _send(self, octets: bytes, answered: Answered) -> None:
        self._unsent.append((octets, answered))
        self._pump()

    def _pump(self) -> None:
        """Send what may be sent now: all of it, or one command a reply."""
        while self._unsent and (self._together or not self._awaiting):
            octets, answered = self._unsent.popleft()
            self._out.append(octets)
            self._awaiting.append(answered)

    @property
    def _together(self) -> bool:
        """Whether commands go out without waiting for replies."""
        return self._options.pipelining and "PIPELINING" in self.extensions

    def _take(self, reply: Reply) -> None:
        if reply.code == 421:
            self._break("the server closes", temporary=True, reply=reply)
            return
        if not self._awaiting:
            self._break("a reply to nothing", temporary=True, reply=reply)
            return
        answered = self._awaiting.popleft()
        answered(reply)
        if not self.closing:
            self._pump()

    def _break(
        self, reason: str, *, temporary: bool, reply: Reply | None = None
    ) -> None:
        if self.closing:
            return
        transaction = self._transaction
        self._events.append(
            Broken(
                reason,
                temporary,
                reply,
                transaction.results() if transaction is not None else (),
                unknown=reply is None
                and transaction is not None
                and transaction.body_complete,
            )
        )
        self.closing = True
        self._unsent.clear()
        self._awaiting.clear()

    # Before the first transaction

    def _greeted(self, reply: Reply) -> None:
        if reply.code != 220:
            self._break(
                "not welcome", temporary=not reply.permanent, reply=reply
            )
            return
        self._hello()

    def _hello(self) -> None:
        self.waiting_for = "hello"
        verb = "LHLO" if self._options.lmtp else "EHLO"
        self._send(
            f"{verb} {self._options.host_name}\r\n".encode(), self._ehlo
        )

    def _ehlo(self, reply: Reply) -> None:
        if reply.positive:
            self.extensions = _extensions(reply.text)
            self._secure()
        elif reply.permanent and not self._options.lmtp:
            # A server from before 1995, or one that says it is [RFC5321 3.2].
            self._send(
                f"HELO {self._options.host_name}\r\n".encode(), self._helo
            )
        else:
            self._break("EHLO refused", temporary=True, reply=reply)

    def _helo(self, reply: Reply) -> None:
        if not reply.positive:
            self._break(
                "HELO refused", temporary=not reply.permanent, reply=reply
            )
            return
        self._secure()

    def _secure(self) -> None:
        use = self._options.starttls
        if self.tls or use is TlsUse.NEVER:
            self._sign_in()
        elif "STARTTLS" in self.extensions:
            self.waiting_for = "tls"
            self._send(b"STARTTLS\r\n", self._starttls)
        elif use is TlsUse.REQUIRED:
            self._break("TLS is required, not offered", temporary=True)
        else:
            self._sign_in()

    def _starttls(self, reply: Reply) -> None:
        if reply.code == 220:
            # More in this segment was not said by who holds the key
            # [SECURITY B2.3].
            if not self._reader.empty:
                self._break(
                    "octets behind the reply to STARTTLS", temporary=True
                )
                return
            self._events.append(StartTls())
        elif self._options.starttls is TlsUse.REQUIRED:
            self._break(
                "TLS is required, refused", temporary=True, reply=reply
            )
        else:
            self._sign_in()

    def _sign_in(self) -> None:
        if not self._options.mechanisms:
            self._ready()
            return
        offered = self.extensions.get("AUTH", "").upper().split()
        for mechanism in self._options.mechanisms:
            if mechanism.name in offered and (
                self.tls
                or self._options.allow_clear
                or not mechanism.secret_in_clear
            ):
                self._auth(mechanism)
                return
        self._break("no way to sign in that both sides have", temporary=True)

    def _auth(self, mechanism: ClientMechanism) -> None:
        self.waiting_for = "auth"
        self._mechanism = mechanism
        initial = mechanism.start()
        line = f"AUTH {mechanism.name}\r\n".encode()
        if initial is None:
            self._send(line, self._challenged)
            return
        octets = _base64(initial) or b"="
        short = line[:-2] + b" " + octets + b"\r\n"
        if len(short) <= _COMMAND_LINE:
            self._send(short, self._challenged)
            return

        # Too long for the command: it answers an empty challenge instead
        # [RFC4954 4].
        def asked(reply: Reply) -> None:
            if reply.code == 334:
                self._send(octets + b"\r\n", self._challenged)
            else:
                self._challenged(reply)

        self._send(line, asked)

    def _challenged(self, reply: Reply) -> None:
        mechanism = self._mechanism
        if mechanism is None:
            raise ValueError("no exchange is going on")
        if reply.code == 334:
            try:
                challenge = binascii.a2b_base64(
                    reply.text.strip().encode(), strict_mode=True
                )
                answer = mechanism.step(challenge)
            except ValueError as error:
                self._out.append(b"*\r\n")
                self._break(f"SASL: {error}", temporary=True, reply=reply)
                return
            self._send(_base64(answer) + b"\r\n", self._challenged)
        elif not reply.positive:
            self._break(
                "login refused", temporary=not reply.permanent, reply=reply
            )
        elif not mechanism.done:
            self._break(
                "the server did not prove itself", temporary=True, reply=reply
            )
        else:
            self._ready()

    def _ready(self) -> None:
        self.waiting_for = "nothing"
        self._events.append(Ready(frozenset(self.extensions)))

    def _quit_answered(self, reply: Reply) -> None:
        self._events.append(Closed())
        self.closing = True

    # A transaction

    def _limit(self, name: str) -> int | None:
        """A limit of the server's [RFC9422]."""
        for word in self.extensions.get("LIMITS", "").upper().split():
            key, _, value = word.partition("=")
            if key == name and value.isascii() and value.isdigit():
                return int(value[:9])
        return None

    def _cannot(self, transaction: Transaction) -> Reply | None:
        """Why the server cannot take this, before anything is sent."""
        if transaction.smtputf8 and "SMTPUTF8" not in self.extensions:
            return Reply(
                550, "The next host cannot take internationalized mail",
                "5.6.7",
            )  # fmt: skip
        if transaction.envelope.parameters.body == "BINARYMIME" and not (
            self._chunking and "BINARYMIME" in self.extensions
        ):
            return Reply(554, "The next host cannot take binary mail", "5.6.1")
        size = self.extensions.get("SIZE", "").strip()
        most = int(size[:18]) if size.isascii() and size.isdigit() else 0
        if most and transaction.size_octets > most:
            return Reply(
                552, f"Message too big for the next host ({most})", "5.3.4"
            )
        return None

    @property
    def _chunking(self) -> bool:
        return self._options.chunking and "CHUNKING" in self.extensions

    def _envelope(self, transaction: Transaction) -> None:
        self.waiting_for = "mail"
        extensions = frozenset(self.extensions)
        if self._must_reset:
            self._send(b"RSET\r\n", lambda reply: None)
            self._must_reset = False
        envelope = transaction.envelope
        self._send(
            commands.mail(
                envelope.reverse_path,
                envelope.parameters,
                transaction.size_octets,
                extensions,
                transaction.smtputf8,
            ),
            self._mail_answered,
        )
        most = self._limit("RCPTMAX") or len(envelope.recipients)
        for place, recipient in enumerate(envelope.recipients):
            if place >= most:
                self._conclude(
                    place,
                    Reply(452, f"More than {most} recipients", "4.5.3"),
                )
                continue
            self._send(
                commands.rcpt(
                    recipient, extensions, smtputf8=transaction.smtputf8
                ),
                lambda reply, place=place: self._rcpt_answered(place, reply),  # type: ignore[misc]
            )

    def _mail_answered(self, reply: Reply) -> None:
        transaction = self._running
        self._must_reset = True
        if not reply.positive:
            # What follows in the pipeline is answered 503: not our answer.
            transaction.failed = reply
            self._must_reset = False
            if not self._pipelined:
                self._unsent.clear()
                self._finish(reply)

    @property
    def _pipelined(self) -> bool:
        """Whether replies to this transaction's RCPTs are on their way."""
        return bool(self._awaiting)

    @property
    def _running(self) -> Transaction:
        if self._transaction is None:
            raise ValueError("no transaction")
        return self._transaction

    def _rcpt_answered(self, place: int, reply: Reply) -> None:
        transaction = self._running
        if transaction.failed is None:
            if reply.positive:
                transaction.accepted.append(place)
            else:
                self._conclude(place, reply)
        elif reply.positive:
            # MAIL refused, RCPT taken: a server that lost the thread.
            self._must_reset = True
        if self._awaiting or self._unsent:
            return
        if transaction.failed is not None:
            self._finish(transaction.failed)
        elif not transaction.accepted:
            self._finish(reply)
        else:
            self._begin_body(transaction)

    def _begin_body(self, transaction: Transaction) -> None:
        if not self._chunking:
            self.waiting_for = "data"
            self._send(b"DATA\r\n", self._data_answered)
            return
        self.waiting_for = "body"
        transaction.body_begun = True
        if transaction.size_octets:
            self._events.append(NeedBody())
        else:
            self._chunk(transaction, b"")

    def _data_answered(self, reply: Reply) -> None:
        transaction = self._running
        if reply.code != 354:
            # 2xx makes no sense here: treat it as a failure for now.
            if reply.positive:
                reply = Reply(451, "The next host is confused", "4.5.0")
            self._finish(reply)
            return
        transaction.body_begun = True
        transaction.stuffing = DotStuffing()
        self.waiting_for = "body"
        self._await_final(transaction)
        if transaction.size_octets:
            self._events.append(NeedBody())
        else:
            self._end_of_data(transaction)

    def _end_of_data(self, transaction: Transaction) -> None:
        if transaction.stuffing is not None:
            self._out.append(transaction.stuffing.end())
        self.waiting_for = "end"

    def _chunk(self, transaction: Transaction, octets: bytes) -> None:
        """Send one BDAT [RFC3030 2]."""
        last = transaction.body_complete
        mark = b" LAST" if last else b""
        self._out.append(b"BDAT %d%b\r\n" % (len(octets), mark) + octets)
        if last:
            self.waiting_for = "end"
            self._await_final(transaction)
            return
        transaction.chunks_open += 1
        self._awaiting.append(self._chunk_answered)
        if self._together:
            self._events.append(NeedBody())

    def _chunk_answered(self, reply: Reply) -> None:
        transaction = self._running
        transaction.chunks_open -= 1
        if transaction.failed is None and not reply.positive:
            transaction.failed = reply
            if transaction.body_complete:
                # The last chunk is out: who waits for its replies is told
                # what they are. An LMTP server may send one or many.
                if self._options.lmtp:
                    self._fail_all(reply)
                    self._break("BDAT refused", temporary=True, reply=reply)
                return
        if transaction.failed is not None:
            self._events = deque(
                event
                for event in self._events
                if not isinstance(event, NeedBody)
            )
            if not transaction.chunks_open and not transaction.body_complete:
                self._finish(transaction.failed)
        elif not (self._together or transaction.body_complete):
            # Without PIPELINING every chunk waits for its reply.
            self._events.append(NeedBody())

    def _await_final(self, transaction: Transaction) -> None:
        if not self._options.lmtp:
            self._awaiting.append(self._final)
            return
        for place in transaction.accepted:
            self._awaiting.append(
                lambda reply, place=place: self._final_of(place, reply)  # type: ignore[misc]
            )

    def _final(self, reply: Reply) -> None:
        """The one reply after the message."""
        transaction = self._running
        if not transaction.body_complete:
            self._fail_all(reply)
            self._break("an answer too early", temporary=True, reply=reply)
            return
        if transaction.failed is not None:
            reply = transaction.failed
        self._must_reset = not reply.positive
        self._finish(reply)

    def _final_of(self, place: int, reply: Reply) -> None:
        """One recipient's reply after the message [RFC2033 4.2]."""
        transaction = self._running
        if not transaction.body_complete:
            self._fail_all(reply)
            self._break("an answer too early", temporary=True, reply=reply)
            return
        self._conclude(place, reply)
        if not self._awaiting:
            self._must_reset = False
            self._finish(reply)

    # The end of a transaction

    def _conclude(self, place: int, reply: Reply) -> None:
        """This recipient's reply is known."""
        transaction = self._running
        transaction.replies[place] = reply
        self._events.append(
            RecipientReply(transaction.recipient(place), reply)
        )

    def _fail_all(self, reply: Reply) -> None:
        """Nothing was accepted for those who have no reply yet."""
        if reply.positive:
            return
        for place in self._running.open_places:
            self._conclude(place, reply)

    def _finish(self, reply: Reply) -> None:
        """All that have no reply yet get this one; it is over."""
        transaction = self._running
        for place in transaction.open_places:
            self._conclude(place, reply)
        self._events.append(
            Finished(transaction.results(), transaction.body_complete)
        )
        self._transaction = None
        self._done += 1
        self.waiting_for = "nothing"


def _base64(octets: bytes) -> bytes:
    return binascii.b2a_base64(octets, newline=False)


def _extensions(text: str) -> dict[str, str]:
    """Read the lines behind the first of an EHLO reply [RFC5321 4.1.1.1]."""
    extensions: dict[str, str] = {}
    for line in text.split("\n")[1:]:
        # `AUTH=LOGIN` is how some very old servers write it.
        if line[:5].upper() == "AUTH=":
            line = "AUTH " + line[5:]
        keyword, _, parameters = line.strip().partition(" ")
        keyword = keyword.upper()
        if keyword == "AUTH" and keyword in extensions:
            parameters = f"{extensions[keyword]} {parameters}"
        extensions[keyword] = parameters
    return extensions
