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

from collections import deque

from imailpy.mail import NULL_PATH, Envelope, Recipient, Reply
from imailpy.protocol.smtp import client_commands as commands
from imailpy.protocol.smtp.client_events import (
    Closed,
    Finished,
    NeedBody,
    RecipientReply,
)
from imailpy.protocol.smtp.client_opening import Opening
from imailpy.protocol.smtp.client_transaction import Transaction
from imailpy.protocol.smtp.stuffing import DotStuffing


class ClientSession(Opening):
    """
    One connection to a server.

    Its attributes are those of `ClientWire`.
    """

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

    def ask(self, recipient: Recipient) -> None:
        """
        Ask whether a recipient would be taken: MAIL with the null path,
        RCPT, and no more. `Finished` tells its reply.

        Raises:
            ValueError: Not now, or the address is not fit to be sent.
        """
        self.begin(Envelope(NULL_PATH, (recipient,)), 0)
        if self._transaction is not None:
            self._transaction.asks = True

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
                if transaction.asks:
                    self._conclude(place, reply)
            else:
                self._conclude(place, reply)
        elif reply.positive:
            # MAIL refused, RCPT taken: a server that lost the thread.
            self._must_reset = True
        if self._awaiting or self._unsent:
            return
        if transaction.failed is not None:
            self._finish(transaction.failed)
        elif transaction.asks or not transaction.accepted:
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
