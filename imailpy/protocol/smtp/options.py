"""What a server session is set to."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import field, frozen


class Flavour(Enum):
    """Which of the three it speaks."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"


class LineEnds(Enum):
    """
    What becomes of a message with a bare CR or a bare LF.

    Neither ever ends the message, whatever the choice.
    """

    # Refuse it, once it has come whole, and close.
    REJECT = "reject"
    # A bare LF becomes CRLF, a bare CR a space.
    NORMALIZE = "normalize"


@frozen
class Limits:
    """
    Attributes:
        command_octets: In a command line, its CRLF included.
        auth_octets: In an AUTH command or response [RFC4954 4].
        fatal_line_octets: A longer line ends the connection.
        junk_commands: Commands since the last message (RCPT, DATA and BDAT
            aside) before 421.
        errors: Refusals of the engine's own before 421.
        recipients: In one transaction; at least 100 [RFC5321 4.5.3.1.8].
        chunks: BDATs in one message, beside one for every 4 KB of it.
        chunk_octets: The largest BDAT that is still a number; a larger one
            is an error of framing.
        swallowed_octets: What is read on of a refused message, so that the
            client hears why, before the connection is closed.
        waiting_octets: Input that may wait before reading stops.
    """

    command_octets: int = 2048
    auth_octets: int = 12288
    fatal_line_octets: int = 16 * 1024
    junk_commands: int = 100
    errors: int = 20
    recipients: int = 1000
    chunks: int = 1000
    chunk_octets: int = 2**31 - 1
    swallowed_octets: int = 64 * 1024 * 1024
    waiting_octets: int = 64 * 1024


def _no_mechanisms(tls: bool) -> tuple[str, ...]:
    return ()


def _host_name(_: object, __: object, value: str) -> None:
    if not (value and value.isascii() and value.isprintable()):
        raise ValueError(f"not a host name: {value!r}")
    if " " in value:
        raise ValueError(f"not a host name: {value!r}")


@frozen
class SessionOptions:
    """
    Attributes:
        host_name: Ours, for the replies that the engine gives itself.
        flavour: What it speaks.
        mechanisms: Given whether TLS is on, the SASL mechanisms on offer.
        max_message_octets: Larger ones get a 552 5.3.4.
        starttls: Whether STARTTLS is offered while TLS is not on.
        tls: Whether TLS is on from the first octet.
        auth_required: MAIL without AUTH gets a 530 [RFC6409 4.3].
        line_ends: What becomes of bare CR and bare LF in a message.
        refuse_early_talk: A client that speaks before it was greeted gets
            a 554, and the connection is closed.
        limits: How much of everything.
        expn: Whether EXPN is answered.
        xclient: Whether the peer may tell who its client is.
    """

    host_name: str = field(validator=_host_name)
    flavour: Flavour = Flavour.SMTP
    mechanisms: Callable[[bool], tuple[str, ...]] = _no_mechanisms
    max_message_octets: int = 50 * 1024 * 1024
    starttls: bool = False
    tls: bool = False
    auth_required: bool = False
    line_ends: LineEnds = LineEnds.REJECT
    refuse_early_talk: bool = False
    limits: Limits = Limits()
    expn: bool = False
    xclient: bool = False

    @property
    def lmtp(self) -> bool:
        """Whether it is LMTP."""
        return self.flavour is Flavour.LMTP
