"""What SEARCH looks for. Nesting is bounded by the grammar."""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import SystemFlag
from imailpy.protocol.imap.commands.base import SequenceSet


@frozen
class And:
    """All of them; an empty one is ALL."""

    keys: tuple[SearchKey, ...]


@frozen
class Or:
    """Either."""

    left: SearchKey
    right: SearchKey


@frozen
class Not:
    """The contrary."""

    key: SearchKey


@frozen
class HasFlag:
    """ANSWERED, DELETED ...; their UN- forms stand inside a `Not`."""

    flag: SystemFlag


@frozen
class IsRecent:
    """RECENT of rev1; NEW and OLD are made of it [RFC3501 6.4.4]."""


@frozen
class HasKeyword:
    """KEYWORD; UNKEYWORD stands inside a `Not`."""

    keyword: str


@frozen
class InSet:
    """A sequence-set, or UID with one where `by_uid`."""

    sequence: SequenceSet
    by_uid: bool


@frozen
class DateIs:
    """
    BEFORE, ON, SINCE of the internal date, SENT- forms of Date.

    Attributes:
        field: `internal`, `sent` or `saved`.
        relation: `before`, `on` or `since`.
        day: Days since 1970-01-01; time and zone are disregarded.
    """

    field: str
    relation: str
    day: int


@frozen
class SizeIs:
    """LARGER or SMALLER, both strict; `relation` is `larger`/`smaller`."""

    relation: str
    octets: int


@frozen
class HeaderHas:
    """
    HEADER, FROM, TO, CC, BCC, SUBJECT.

    Attributes:
        field: Lower-case name.
        text: Case-folded; empty: the field is there.
    """

    field: str
    text: str


@frozen
class TextHas:
    """BODY, or TEXT where `header` too; `text` is case-folded."""

    text: str
    header: bool


SearchKey = (
    And
    | Or
    | Not
    | HasFlag
    | IsRecent
    | HasKeyword
    | InSet
    | DateIs
    | SizeIs
    | HeaderHas
    | TextHas
)
