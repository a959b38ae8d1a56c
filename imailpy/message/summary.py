"""What the header section of the message itself says, for listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imailpy.message.date import parse_date
from imailpy.message.encoded_word import decode_words, one_line
from imailpy.message.header import RawField, unfold
from imailpy.message.rendition import LISTED_FIELDS, Rendition
from imailpy.message.subject import (
    base_subject,
    message_id,
    thread_references,
)

_LISTED = frozenset(LISTED_FIELDS)


class Summary:
    """
    Takes in the fields, gives their share of the rendition.

    Attributes:
        hops: Received fields.
    """

    __slots__ = ("_complete", "_listed", "_references", "_values", "hops")

    def __init__(self) -> None:
        self.hops = 0
        self._complete = True
        self._listed = b""
        self._references: bytes | None = None
        self._values: Mapping[bytes, Sequence[bytes]] = {}

    def read(
        self,
        fields: Sequence[RawField],
        values: Mapping[bytes, Sequence[bytes]],
        complete: bool,
    ) -> None:
        """
        Take the fields of the section.

        Args:
            values: Those of the envelope, by lower-case name.
            complete: Whether `fields` are all.
        """
        listed = []
        for raw, name, value in fields:
            name = name.lower()
            if name in _LISTED:
                listed.append(raw)
                if name == b"references" and self._references is None:
                    self._references = unfold(value)
            elif name == b"received":
                self.hops += 1
        self._listed = b"".join(listed)
        if listed and not listed[-1].endswith(b"\n"):
            self._listed += b"\r\n"
        self._complete = complete
        self._values = values

    def rendition(self, **found: Any) -> Rendition:
        """Give the rendition; `found` is the scanner's share of it."""
        sent = parse_date(self._first(b"date") or b"")
        subject = one_line(decode_words(self._first(b"subject") or b""))
        return Rendition(
            listed_fields=self._listed,
            header_complete=self._complete,
            sent_date=sent.seconds if sent else None,
            sent_day=sent.day if sent else None,
            subject=subject,
            base_subject=base_subject(subject),
            message_id=message_id(self._first(b"message-id") or b""),
            references=thread_references(
                self._references, self._first(b"in-reply-to")
            ),
            hops=self.hops,
            **found,
        )

    def _first(self, name: bytes) -> bytes | None:
        values = self._values.get(name)
        return unfold(values[0]) if values else None
