"""
The client's side, for mail that we send through somebody else's server.

A server may be a liar: what it says is checked as strictly as what a client
says, and SCRAM is not `finished` before the server has proven itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Protocol

from imailpy.mail import Secret
from imailpy.protocol.sasl.prepare import Unpreparable, prepared
from imailpy.protocol.sasl.scram import (
    BINDING_TYPE,
    FEWEST_ITERATIONS,
    MOST_ITERATIONS,
    NONCE,
    PLAIN_NAME,
    PLUS_NAME,
    attributes,
    decode,
    digest,
    encode,
    encode_name,
    keyed,
    nonce_text,
    salted_password,
    xor,
)


class ServerRefused(Exception):
    """The server said what it must not say, or could not prove itself."""


class ClientExchange(Protocol):
    """One mechanism at work, client's side."""

    mechanism: str
    # Whether a success of the host protocol may be believed now.
    finished: bool

    def start(self) -> bytes | None:
        """Give the initial response; None when the mechanism has none."""
        ...

    def step(self, challenge: bytes) -> bytes:
        """
        Answer a challenge.

        For SCRAM one call takes about 0.2 us an iteration, up to 0.3 s with
        the most that a server may ask: `IPool.run(exchange.step, octets)`
        keeps that out of the reactor.

        Raises:
            ServerRefused: Give up: cancel the exchange and hang up.
        """
        ...


def best(
    offered: Collection[str], *, tls: bool, binding: bytes | None
) -> str | None:
    """
    Choose the strongest mechanism of those that the server names.

    Args:
        offered: In capitals.
        tls: Without it no mechanism is chosen that shows the password.
        binding: The TLS exporter's octets, None without.

    Returns:
        None when there is none that may be used.
    """
    if binding is not None and PLUS_NAME in offered:
        return PLUS_NAME
    if PLAIN_NAME in offered:
        return PLAIN_NAME
    if tls:
        for name in ("PLAIN", "LOGIN"):
            if name in offered:
                return name
    return None


def client(
    mechanism: str,
    authcid: str,
    password: Secret,
    *,
    authzid: str = "",
    nonce: bytes = b"",
    binding: bytes | None = None,
) -> ClientExchange:
    """
    Begin the client's side of an exchange.

    Args:
        mechanism: As `best` chose it.
        password: UTF-8.
        authzid: Whom to act as; empty: oneself.
        nonce: For SCRAM: at least 18 random octets.
        binding: The TLS exporter's octets of this connection, None without:
            with them, SCRAM without -PLUS tells the server that a -PLUS it
            offered got lost on the way.

    Raises:
        ValueError: No such mechanism, or a name that cannot be sent.
    """
    if mechanism == "PLAIN":
        return PlainClient(authcid, password, authzid)
    if mechanism == "LOGIN":
        return LoginClient(authcid, password)
    if mechanism in (PLAIN_NAME, PLUS_NAME):
        plus = mechanism == PLUS_NAME
        return ScramClient(authcid, password, authzid, nonce, binding, plus)
    raise ValueError(f"unknown mechanism {mechanism}")


class PlainClient:
    """PLAIN [RFC4616]."""

    mechanism = "PLAIN"

    def __init__(self, authcid: str, password: Secret, authzid: str) -> None:
        parts = authzid.encode(), authcid.encode(), password.reveal()
        if any(b"\0" in part for part in parts):
            raise ValueError("NUL in name or password")
        self._message = Secret(b"\0".join(parts))
        self.finished = False

    def start(self) -> bytes | None:
        self.finished = True
        return self._message.reveal()

    def step(self, challenge: bytes) -> bytes:
        if challenge or self.finished:
            raise ServerRefused("PLAIN has no challenge")
        self.finished = True
        return self._message.reveal()


class LoginClient:
    """LOGIN: whatever the two questions say, name, then password."""

    mechanism = "LOGIN"

    def __init__(self, authcid: str, password: Secret) -> None:
        self._answers = [Secret(authcid.encode()), password]
        self.finished = False

    def start(self) -> bytes | None:
        return None

    def step(self, challenge: bytes) -> bytes:
        if self.finished:
            raise ServerRefused("LOGIN asks for two things only")
        answer = self._answers.pop(0)
        self.finished = not self._answers
        return answer.reveal()


class ScramClient:
    """SCRAM-SHA-256 and SCRAM-SHA-256-PLUS [RFC5802] [RFC7677]."""

    def __init__(
        self,
        authcid: str,
        password: Secret,
        authzid: str,
        nonce: bytes,
        binding: bytes | None,
        plus: bool,
    ) -> None:
        if plus and binding is None:
            raise ValueError("no channel to bind to")
        self.mechanism = PLUS_NAME if plus else PLAIN_NAME
        self.finished = False
        self._password = password
        self._nonce = nonce_text(nonce)
        self._bound = binding if plus and binding is not None else b""
        flag = b"n" if binding is None else b"y"
        if plus:
            flag = b"p=" + BINDING_TYPE
        act_as = b"a=" + encode_name(authzid) if authzid else b""
        self._header = b"%b,%b," % (flag, act_as)
        try:
            name = encode_name(prepared(authcid))
        except Unpreparable as error:
            raise ValueError("a name that cannot be sent") from error
        self._bare = b"n=%b,r=%b" % (name, self._nonce)
        self._signature: Secret | None = None

    def start(self) -> bytes | None:
        return self._header + self._bare

    def step(self, challenge: bytes) -> bytes:
        if self.finished:
            raise ServerRefused("SCRAM is over")
        try:
            if self._signature is None:
                return self._prove(challenge)
            return self._verify(challenge, self._signature)
        except ValueError as error:
            raise ServerRefused("not a SCRAM message") from error

    def _prove(self, challenge: bytes) -> bytes:
        """Answer server-first-message with client-final-message."""
        pairs = attributes(challenge)
        if [letter for letter, _ in pairs[:3]] != [b"r", b"s", b"i"]:
            raise ServerRefused("want nonce, salt and iterations")
        nonce, salt = pairs[0][1], decode(pairs[1][1])
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise ServerRefused("not an answer to our nonce")
        if NONCE.fullmatch(nonce) is None or not salt:
            raise ServerRefused("not a nonce and a salt")
        iterations = self._iterations(pairs[2][1])
        salted = salted_password(self._password.reveal(), salt, iterations)
        without_proof = b"c=%b,r=%b" % (
            encode(self._header + self._bound),
            nonce,
        )
        message = b",".join((self._bare, challenge, without_proof))
        client_key = keyed(salted, b"Client Key")
        proof = xor(client_key, keyed(digest(client_key), message))
        server_key = keyed(salted, b"Server Key")
        self._signature = Secret(keyed(server_key, message))
        return without_proof + b",p=" + encode(proof)

    def _iterations(self, text: bytes) -> int:
        # A server that asks for one iteration wants to try passwords, one
        # that asks for 10^9 wants us busy [SECURITY B9.6].
        if not text.isdigit() or len(text) > 7:
            raise ServerRefused("iteration count out of range")
        iterations = int(text)
        if not FEWEST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise ServerRefused("iteration count out of range")
        return iterations

    def _verify(self, challenge: bytes, signature: Secret) -> bytes:
        """Let the server prove itself."""
        letter, value = attributes(challenge)[0]
        if letter != b"v":
            raise ServerRefused("the server says that it failed")
        if not hmac.compare_digest(decode(value), signature.reveal()):
            raise ServerRefused("the server does not know the password")
        self.finished = True
        return b""
