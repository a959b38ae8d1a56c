"""What the header section of the message itself says, for listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imailpy.message.bounds import MAX_FIELD
from imailpy.message.date import parse_date
from imailpy.message.encoded_word import decode_words, one_line
from imailpy.message.entity import CONTENT_FIELDS
from imailpy.message.envelope import ENVELOPE_FIELDS
from imailpy.message.header import CR, LF, NUL, RawField, unfold
from imailpy.message.rendition import LISTED_FIELDS, Rendition
from imailpy.message.subject import (
    base_subject,
    message_id,
    thread_references,
)

_LISTED = frozenset(LISTED_FIELDS)
_INDEXED = CONTENT_FIELDS | ENVELOPE_FIELDS | {b"references"}


def _uses() -> dict[bytes, tuple[bytes, bool, bool]]:
    """
    Give the fields that are looked at, in lower case and as most programs
    spell them: (name, whether it is listed, whether it is indexed).
    """
    uses = {}
    for name in _LISTED | _INDEXED | {b"received"}:
        use = (name, name in _LISTED, name in _INDEXED)
        written = name.title()
        for spelt in (
            name,
            written,
            written.replace(b"-Id", b"-ID"),
            written.replace(b"Mime", b"MIME"),
        ):
            uses[spelt] = use
    return uses


_USES = _uses()


def index_fields(fields: Sequence[RawField]) -> dict[bytes, list[bytes]]:
    """Give the unfolded values of indexed fields, by lower-case name."""
    values: dict[bytes, list[bytes]] = {}
    for _, name, value in fields:
        use = _USES.get(name) or _USES.get(name.lower())
        if use is not None and use[2]:
            name = use[0]
            if name in values:
                values[name].append(unfold(value))
            else:
                values[name] = [unfold(value)]
    return values


class Summary:
    """
    Takes in the fields, gives their share of the rendition.

    Attributes:
        hops: Received fields.
    """

    __slots__ = ("_complete", "_listed", "_values", "hops")

    def __init__(self) -> None:
        self.hops = 0
        self._complete = True
        self._listed = b""
        self._values: Mapping[bytes, Sequence[bytes]] = {}

    def read(
        self,
        fields: Sequence[RawField],
        complete: bool,
    ) -> Mapping[bytes, Sequence[bytes]]:
        """
        Take the fields of the section.

        Args:
            complete: Whether `fields` are all.

        Returns:
            Unfolded values of indexed fields, by lower-case name.
        """
        listed = []
        values: dict[bytes, list[bytes]] = {}
        uses = _USES
        for raw, name, value in fields:
            use = uses.get(name) or uses.get(name.lower())
            if use is None:
                continue
            name, is_listed, is_indexed = use
            if is_listed:
                listed.append(raw)
            elif name == b"received":
                self.hops += 1
            if is_indexed:
                short = value.strip(b" \t\r\n")
                if (
                    LF in short
                    or CR in short
                    or NUL in short
                    or len(value) > MAX_FIELD
                ):
                    short = unfold(value)
                if name in values:
                    values[name].append(short)
                else:
                    values[name] = [short]
        self._listed = b"".join(listed)
        if listed and not listed[-1].endswith(b"\n"):
            self._listed += b"\r\n"
        self._complete = complete
        self._values = values
        return values

    def rendition(
        self,
        *,
        envelope: bytes,
        body: bytes,
        bodystructure: bytes,
        structure: bytes,
        header_octets: int,
        preview: str,
        truncated: bool,
        has_8bit: bool,
        has_8bit_header: bool,
        has_nul: bool,
        longest_line: int,
    ) -> Rendition:
        """Give the rendition; the scanner brings its share of it."""
        first = self._first
        written, subject, base = first(b"date"), "", ""
        sent = parse_date(written) if written else None
        if value := first(b"subject"):
            subject = one_line(decode_words(value))
            base = base_subject(subject)
        own_id = first(b"message-id")
        return Rendition(
            envelope=envelope,
            body=body,
            bodystructure=bodystructure,
            structure=structure,
            header_octets=header_octets,
            listed_fields=self._listed,
            header_complete=self._complete,
            sent_date=sent.seconds if sent else None,
            sent_day=sent.day if sent else None,
            subject=subject,
            base_subject=base,
            message_id=message_id(own_id) if own_id else "",
            references=thread_references(
                first(b"references"), first(b"in-reply-to")
            ),
            preview=preview,
            hops=self.hops,
            truncated=truncated,
            has_8bit=has_8bit,
            has_8bit_header=has_8bit_header,
            has_nul=has_nul,
            longest_line=longest_line,
        )

    def _first(self, name: bytes) -> bytes | None:
        values = self._values.get(name)
        return values[0] if values else None
