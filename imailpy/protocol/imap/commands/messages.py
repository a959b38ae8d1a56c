"""Messages: selected state."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import SystemFlag
from imailpy.protocol.imap.commands.base import Command, SequenceSet
from imailpy.protocol.imap.commands.fetch_items import FetchItem
from imailpy.protocol.imap.commands.search_keys import SearchKey


class Close(Command):
    """CLOSE."""


class Unselect(Command):
    """UNSELECT [RFC3691]."""


@frozen
class Expunge(Command):
    """EXPUNGE, or UID EXPUNGE with its set [RFC4315]."""

    uids: SequenceSet | None = None


@frozen
class Search(Command):
    """
    SEARCH or UID SEARCH [RFC9051 6.4.4].

    Attributes:
        key: What to look for; a conjunction is an `And`.
        by_uid: UID SEARCH.
        returns: MIN, MAX, ALL, COUNT, SAVE [RFC4731]; None when RETURN was
            not given, empty for `RETURN ()`.
    """

    key: SearchKey
    by_uid: bool
    returns: frozenset[str] | None = None


@frozen
class Fetch(Command):
    """
    FETCH or UID FETCH [RFC9051 6.4.5]; macros are spelt out.

    Attributes:
        modifiers: For the extensions, as in `Select.parameters`.
    """

    sequence: SequenceSet
    items: tuple[FetchItem, ...]
    by_uid: bool
    modifiers: tuple[tuple[str, tuple[bytes, ...]], ...] = ()


@frozen
class Store(Command):
    """
    STORE or UID STORE [RFC9051 6.4.6].

    Attributes:
        mode: `replace`, `add` or `remove`.
        silent: .SILENT.
    """

    sequence: SequenceSet
    mode: str
    flags: SystemFlag
    keywords: frozenset[str]
    silent: bool
    by_uid: bool
    modifiers: tuple[tuple[str, tuple[bytes, ...]], ...] = ()


@frozen
class Copy(Command):
    """COPY or UID COPY."""

    sequence: SequenceSet
    mailbox: str
    by_uid: bool


@frozen
class Move(Command):
    """MOVE or UID MOVE [RFC6851]."""

    sequence: SequenceSet
    mailbox: str
    by_uid: bool
