"""
AUTH [RFC4954 4].

The exchange itself is SASL's; here are base64, length and order. AUTH is a
point of synchronisation: nothing may come behind it, or behind a response,
before it is answered. The one exception of the standard is an initial
response to a mechanism that needs no more.
"""

from __future__ import annotations

import binascii

from imailpy.errors import PeerError
from imailpy.mail import Reply
from imailpy.protocol.smtp import events, replies
from imailpy.protocol.smtp.commands import Auth
from imailpy.protocol.smtp.conversation import Conversation


class SigningIn(Conversation):
    """How a server session signs a client in."""

    # Whether the client has been sent a challenge, or waits for one.
    _trips = False

    def challenge(self, octets: bytes) -> None:
        """
        Answer `Authenticate` or `AuthenticateResponse` with a challenge.

        Raises:
            ValueError: Neither of them is open.
        """
        if self._then != self._auth_answered:
            raise ValueError("no AUTH is open")
        self._then = None
        if self._gone or self._parting is not None:
            self._close("closed by us")
            return
        self._trips = True
        if self._pipelined():
            return
        encoded = binascii.b2a_base64(octets, newline=False)
        self._out.append(b"334 " + encoded + b"\r\n")
        self._read = self._read_response

    def _auth(self, command: Auth) -> events.Event | None:
        if self.authenticated:
            raise PeerError(replies.ALREADY_SIGNED_IN)
        mechanisms = self.options.mechanisms
        offered = mechanisms(self.tls)
        if command.mechanism not in offered:
            under_tls = mechanisms(True)
            if not under_tls and not offered:
                raise PeerError(replies.NOT_OFFERED)
            if not self.tls and (
                command.mechanism in under_tls or not offered
            ):
                raise PeerError(replies.NEED_TLS)
            raise PeerError(replies.NO_MECHANISM)
        initial = None
        if command.initial is not None:
            # A lone "=" is the empty response [RFC4954 4].
            text = "" if command.initial == "=" else command.initial
            initial = _decoded(text.encode())
        self._trips = initial is None
        if self._pipelined():
            return None
        return self._ask(
            events.Authenticate(command.mechanism, initial),
            self._auth_answered,
        )

    def _read_response(self) -> events.Event | None:
        try:
            line = self._line()
            if line is None:
                return None
            self._bounded(
                line,
                self.options.limits.auth_octets,
                replies.RESPONSE_TOO_LONG,
            )
            octets = None if line == b"*" else _decoded(line)
        except PeerError as error:
            # The exchange is over; the session goes on.
            self._read = self._commands
            self._refuse(error)
            return None
        if self._pipelined():
            return None
        return self._ask(
            events.AuthenticateResponse(octets), self._auth_answered
        )

    def _auth_answered(self, reply: Reply) -> None:
        self._read = self._commands
        if self._pipelined():
            return
        if reply.code == 235:
            self.authenticated = True
            self._say(reply)
        elif reply.permanent:
            self._refuse(PeerError(reply))
        else:
            self._say(reply)

    def _pipelined(self) -> bool:
        """Whether something came that had to wait: the end of it."""
        if not (self._trips and len(self._input)):
            return False
        self._offence("auth-pipelining")
        self._refuse(PeerError(replies.AUTH_PIPELINED, fatal=True))
        return True


def _decoded(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise PeerError(replies.NOT_BASE64) from None
