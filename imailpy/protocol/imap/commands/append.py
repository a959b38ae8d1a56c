"""APPEND: a message comes in [RFC9051 6.3.12]."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import SystemFlag
from imailpy.protocol.imap.commands.base import Command


@frozen
class AppendMessage(Command):
    """
    APPEND announces a message [RFC9051 6.3.12] [RFC3502].

    It is answered by `accept_literal` or by a tagged refusal. After the
    first come `BodyChunk`s and `EndOfBody`, then the next `AppendMessage`
    of the same tag, or `AppendEnd`.

    Attributes:
        internal_date: Seconds since 1970, None when absent.
        size_octets: Of the literal.
        first: Whether it is the first of its command.
        binary: It came as literal8 [RFC4466].
    """

    mailbox: str
    flags: SystemFlag
    keywords: frozenset[str]
    internal_date: int | None
    size_octets: int
    first: bool
    binary: bool = False


@frozen
class BodyChunk:
    """A piece of an announced message, at most 64 KB."""

    octets: bytes


@frozen
class EndOfBody:
    """The announced message is complete."""


class AppendEnd(Command):
    """The APPEND command is complete."""


@frozen
class AppendAborted:
    """
    The APPEND will not be completed: broken syntax, the connection lost.

    What it brought so far is void. Needs no answer: the engine tells the
    client itself what went wrong.
    """
