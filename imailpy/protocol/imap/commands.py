"""
IMAP commands as values [RFC9051 6] [RFC3501 6].

Their arguments are checked for form, not for meaning: whether a mailbox
exists is for the store to say. Mailbox names are decoded and canonical
(Unicode NFC, `INBOX` in capitals); a name that cannot be one is refused by
the grammar.
"""

from __future__ import annotations

from attrs import frozen

from imailpy.mail import Secret, SystemFlag

# Stands for "*" in a sequence set: the largest number in use.
STAR = 0


@frozen
class SequenceSet:
    """
    A sequence-set as written: message numbers or UIDs.

    Attributes:
        ranges: (first, last) with `STAR` for "*", in the order written.
        saved: It is "$", the saved result [RFC5182].
    """

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False


@frozen
class Command:
    """
    One command.

    Attributes:
        tag: To be repeated in the tagged response; safe to echo.
    """

    tag: bytes


# The connection


@frozen
class Connected:
    """The connection stands: answer with `greet` or `bye`."""


# Any state


class Capability(Command):
    """CAPABILITY; answered by the engine, which knows the list best."""


class Noop(Command):
    """NOOP, and CHECK of rev1."""


class Logout(Command):
    """LOGOUT; the engine puts BYE before the tagged answer."""


@frozen
class Id(Command):
    """ID [RFC2971]; at most 30 pairs, values may be None."""

    fields: tuple[tuple[str, str | None], ...]


# Not authenticated


class StartTls(Command):
    """STARTTLS."""


@frozen
class Authenticate(Command):
    """AUTHENTICATE; `initial` is decoded, None when absent [RFC4959]."""

    mechanism: str
    initial: bytes | None


@frozen
class AuthenticateResponse(Command):
    """
    The client's answer to a challenge, with the tag of its AUTHENTICATE.

    Attributes:
        octets: Decoded; None when the client gave up with `*` or sent no
            base64: answer BAD.
    """

    octets: bytes | None


@frozen
class Login(Command):
    """LOGIN."""

    user: str
    password: Secret


# Authenticated


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


# Selected


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


# What FETCH asks for


@frozen
class Item:
    """UID, FLAGS, INTERNALDATE, RFC822.SIZE, ENVELOPE, BODY, BODYSTRUCTURE."""

    name: str


@frozen
class Section:
    """
    BODY[...] and its kin [RFC9051 6.4.5.1].

    Attributes:
        label: What the response calls it, without the partial's `<n>`:
            `BODY[1.2.MIME]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`.
        part: Part numbers; empty for the whole message.
        what: "" (all of it), HEADER, TEXT, MIME, HEADER.FIELDS or
            HEADER.FIELDS.NOT.
        fields: Lower-case names, for the two HEADER.FIELDS.
        peek: Leaves \\Seen alone.
        start: First octet wanted, None for no partial.
        count: Octets wanted at most.
    """

    label: bytes
    part: tuple[int, ...] = ()
    what: str = ""
    fields: tuple[bytes, ...] = ()
    peek: bool = False
    start: int | None = None
    count: int = 0


FetchItem = Item | Section


# What SEARCH looks for. Nesting is bounded by the grammar.


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
