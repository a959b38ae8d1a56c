"""How a client session goes about its work."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from attrs import field, frozen


class TlsUse(Enum):
    """When STARTTLS is used."""

    NEVER = "never"
    # Where the server offers it [RFC7435].
    OFFERED = "offered"
    # Or there is no mail: the session breaks instead.
    REQUIRED = "required"


class ClientMechanism(Protocol):
    """
    The client's side of one SASL exchange; used once [RFC4422 3].

    Attributes:
        name: As in `SCRAM-SHA-256`.
        secret_in_clear: Whether it shows the password to the server, and so
            is left alone without TLS.
        done: Whether nothing is owed any more: a server that says 235
            before is not the one that knows the secret.
    """

    name: str
    secret_in_clear: bool

    @property
    def done(self) -> bool:
        """Whether the client side is satisfied."""
        ...

    def start(self) -> bytes | None:
        """Give the initial response, None where the server speaks first."""
        ...

    def step(self, challenge: bytes) -> bytes:
        """
        Answer a challenge.

        Raises:
            ValueError: It does not prove what it must: the session breaks.
        """
        ...


def _host_name(_: object, __: object, value: str) -> None:
    """A name of our own that would forge a command line [SECURITY B5.6]."""
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError(f"not a name for EHLO: {value!r}")


@frozen
class ClientOptions:
    """
    Attributes:
        host_name: Our name for EHLO; a host name or address literal.
        lmtp: Speak LMTP.
        starttls: When to use STARTTLS.
        tls: The connection is under TLS from the first octet.
        mechanisms: Ways to sign in, the best first, made for this session
            alone. Empty: do not sign in. Otherwise the session breaks where
            none of them can be used.
        allow_clear: Show a password without TLS too.
        chunking: Use BDAT where it is offered [RFC3030].
        pipelining: Use it where it is offered [RFC2920].
        reply_lines: Most lines in one reply.
        reply_octets: Most octets in one reply.
    """

    host_name: str = field(validator=_host_name)
    lmtp: bool = False
    starttls: TlsUse = TlsUse.OFFERED
    tls: bool = False
    mechanisms: tuple[ClientMechanism, ...] = ()
    allow_clear: bool = False
    chunking: bool = True
    pipelining: bool = True
    reply_lines: int = 128
    reply_octets: int = 32 * 1024
