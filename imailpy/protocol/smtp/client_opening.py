"""
From the greeting to the first transaction: EHLO, STARTTLS [RFC3207],
AUTH [RFC4954].
"""

from __future__ import annotations

import binascii

from imailpy.mail import Reply
from imailpy.protocol.smtp.client_events import Ready, StartTls
from imailpy.protocol.smtp.client_options import ClientMechanism, TlsUse
from imailpy.protocol.smtp.client_wire import ClientWire

# A command line without extensions [RFC5321 4.5.3.1.4].
_COMMAND_LINE = 512


class Opening(ClientWire):
    """How a client session gets ready."""

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
