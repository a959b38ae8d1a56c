"""Mailboxes: authenticated state."""

from __future__ import annotations

from attrs import frozen

from imailpy.protocol.imap.commands.base import Command


@frozen
class Enable(Command):
    """ENABLE; capability names in capitals."""

    capabilities: tuple[str, ...]


@frozen
class Select(Command):
    """
    SELECT, or EXAMINE where `read_only`.

    Attributes:
        parameters: name in capitals -> tokens as written, for the
            extensions [RFC4466 2.1].
    """

    mailbox: str
    read_only: bool
    parameters: tuple[tuple[str, tuple[bytes, ...]], ...] = ()


@frozen
class Create(Command):
    """CREATE; `special_use` as in `\\Sent` [RFC6154 3], or None."""

    mailbox: str
    special_use: str | None = None


@frozen
class Delete(Command):
    """DELETE."""

    mailbox: str


@frozen
class Rename(Command):
    """RENAME."""

    old: str
    new: str


@frozen
class Subscribe(Command):
    """SUBSCRIBE, or UNSUBSCRIBE where not `subscribed`."""

    mailbox: str
    subscribed: bool


@frozen
class List(Command):
    """
    LIST [RFC9051 6.3.9] [RFC5258].

    Attributes:
        reference: As decoded.
        patterns: With `*` and `%`; an empty one asks for the delimiter.
        selection: SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE.
        returns: SUBSCRIBED, CHILDREN, SPECIAL-USE, STATUS.
        status_items: For RETURN (STATUS (...)) [RFC5819].
        extended: Whether the extended form was used.
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status_items: tuple[str, ...] = ()
    extended: bool = False


@frozen
class Lsub(Command):
    """LSUB of rev1."""

    reference: str
    pattern: str


class Namespace(Command):
    """NAMESPACE [RFC2342]."""


@frozen
class Status(Command):
    """STATUS; items in capitals."""

    mailbox: str
    items: tuple[str, ...]


class Idle(Command):
    """IDLE [RFC2177]: answered by `+`; `IdleDone` follows."""


@frozen
class IdleDone(Command):
    """
    DONE, with the tag of its IDLE.

    Attributes:
        broken: The client said something else, which ends IDLE too: the
            answer goes out as BAD whatever it was to be.
    """

    broken: bool = False


@frozen
class Deselected:
    """
    No mailbox is selected any more: a SELECT named what cannot be one.

    The engine tells the client itself [RFC9051 6.3.2]. Needs no answer.
    """
