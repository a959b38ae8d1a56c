"""What FETCH asks for."""

from __future__ import annotations

from attrs import frozen


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
