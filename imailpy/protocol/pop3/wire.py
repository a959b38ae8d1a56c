"""The octets of a session: lines in, responses out, both within bounds."""

from __future__ import annotations

import base64

from imailpy.protocol.pop3.grammar import MOST_AUTH_LINE, MOST_LINE

# Unread input past which the listener is asked to stop reading.
_MOST_INPUT = 32 * 1024
# Output past which the session waits for it to leave.
_MOST_OUTPUT = 64 * 1024


class Wire:
    """
    What a session reads and says.

    Attributes:
        closing: To be closed once all is sent.
        offences: What no mail client does: `http`, `long-line`, `errors`.
    """

    def __init__(self) -> None:
        self.closing = False
        self.offences: list[str] = []
        self._input = bytearray()
        self._scanned = 0
        self._ended = False
        self._output: list[bytes] = []
        self._output_size = 0
        # A challenge was sent: the next line is its answer.
        self._challenged = False
        # STLS was agreed on, and TLS is not on yet.
        self._switching = False

    def receive(self, octets: bytes) -> None:
        """Take what came from the peer."""
        # What is still sent in clear after STLS was agreed on is nobody's.
        if not self.closing and not self._switching:
            self._input += octets

    def end_of_input(self) -> None:
        """
        The peer is gone.

        What it had sent and was not worked off is dropped: a DELE and a
        QUIT behind a message that may not have arrived must not count.
        """
        self._ended = True
        self._stop()

    def octets_to_send(self) -> bytes:
        """Give what is to be sent, and forget it."""
        octets = b"".join(self._output)
        self._output.clear()
        self._output_size = 0
        return octets

    def want_input(self) -> bool:
        """Whether more input is welcome."""
        return len(self._input) < _MOST_INPUT

    def _output_is_much(self) -> bool:
        return self._output_size >= _MOST_OUTPUT

    def _line(self) -> bytes | None:
        """
        Give the next line without its CRLF, None when there is none.

        One that is too long ends the session: what follows it may be the
        rest of it.
        """
        most = self._most_line()
        at = self._input.find(b"\r\n", self._scanned, most + 2)
        if at < 0:
            if len(self._input) >= most + 2:
                self.offences.append("long-line")
                self._say_error("Line too long")
                self._end()
            # The CR may be there and the LF may not.
            self._scanned = max(0, len(self._input) - 1)
            return None
        line = bytes(self._input[:at])
        del self._input[: at + 2]
        self._scanned = 0
        return line

    def _most_line(self) -> int:
        if self._challenged or self._input[:5].upper() == b"AUTH ":
            return MOST_AUTH_LINE
        return MOST_LINE

    def _say(self, octets: bytes) -> None:
        # After the peer has gone nobody listens, and nothing is kept.
        if not self._ended:
            self._output.append(octets)
            self._output_size += len(octets)

    def _say_ok(self, text: str) -> None:
        self._say(f"+OK {text}\r\n".encode() if text else b"+OK\r\n")

    def _say_error(self, text: str, code: str | None = None) -> None:
        shown = f"[{code}] {text}" if code is not None else text
        self._say(f"-ERR {shown}\r\n".encode())

    def _say_lines(self, text: str, lines: list[bytes]) -> None:
        self._say_ok(text)
        self._say(b"".join(line + b"\r\n" for line in lines) + b".\r\n")

    def _say_challenge(self, octets: bytes) -> None:
        self._say(b"+ " + base64.b64encode(octets) + b"\r\n")

    def _forget_input(self) -> None:
        self._input.clear()
        self._scanned = 0

    def _stop(self) -> None:
        self.closing = True
        self._forget_input()

    def _end(self) -> None:
        """Nothing more is read; what was said is still sent."""
        self._stop()
