"""
One entity of a message while it is scanned: the message, a part, or the
message inside a message part [RFC2045 2.4].

What its content fields say is read once, when its header section is
complete; offsets and line counts come as the scanner goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from imailpy.message.bounds import MAX_BOUNDARY, MAX_DEPTH
from imailpy.message.parameters import (
    ContentField,
    Parameter,
    parse_content_type,
    parse_disposition,
)

Values = Mapping[bytes, Sequence[bytes]]

# The fields that are looked at in a part.
CONTENT_FIELDS = frozenset(
    (
        b"content-type",
        b"content-transfer-encoding",
        b"content-id",
        b"content-description",
        b"content-md5",
        b"content-disposition",
        b"content-language",
        b"content-location",
    )
)

PLAIN = ContentField(b"text", b"plain", (Parameter(b"charset", b"us-ascii"),))
_MESSAGE = ContentField(b"message", b"rfc822")
_OPAQUE = ContentField(b"application", b"octet-stream")
# Encodings under which the octets of a message are the message.
_IDENTITY = frozenset((b"7bit", b"8bit", b"binary"))


class Kind(Enum):
    """What can be inside an entity; the value is its letter when packed."""

    LEAF = "l"
    TEXT = "t"
    MULTIPART = "m"
    # Holds one entity: the message inside.
    MESSAGE = "r"


class Entity:
    """
    An entity; offsets count from the first octet that was scanned.

    Attributes:
        header_start, body_start, body_end: Octets.
        lines: Line ends in its body.
        fields: Unfolded values by lower-case name.
    """

    __slots__ = (
        "body_end",
        "body_start",
        "boundary",
        "children",
        "content",
        "depth",
        "disposition",
        "encoding",
        "envelope",
        "fields",
        "header_start",
        "holds_digest",
        "is_message",
        "kind",
        "lines",
        "lines_before",
        "parent",
    )

    def __init__(
        self, parent: Entity | None, header_start: int, *, is_message: bool
    ) -> None:
        self.parent = parent
        self.depth: int = 1 if parent is None else parent.depth + 1
        self.is_message = is_message
        self.header_start = self.body_start = self.body_end = header_start
        self.lines = self.lines_before = 0
        self.kind = Kind.LEAF
        self.content = PLAIN
        self.encoding = b"7bit"
        self.disposition: ContentField | None = None
        self.boundary = b""
        self.holds_digest = False
        self.children: list[Entity] = []
        self.fields: Values = {}
        self.envelope = b""

    def read_fields(self, values: Values) -> bool:
        """
        Take in what the header section says.

        Returns:
            False when a bound was passed, so that it is opaque or cut.
        """
        self.fields = values
        content = self._content_type(values)
        complete = not content.truncated
        encoding = values.get(b"content-transfer-encoding")
        if encoding:
            words = encoding[0].lower().split(b"(", 1)[0].split()
            self.encoding = words[0].rstrip(b";") if words else b"7bit"
        disposition = values.get(b"content-disposition")
        if disposition:
            self.disposition = parse_disposition(disposition[0])
            if self.disposition and self.disposition.truncated:
                complete = False
        self.content = content
        if content.kind == b"text":
            self.kind = Kind.TEXT
        elif content.kind == b"multipart":
            complete = self._read_multipart(content) and complete
        elif content.kind == b"message":
            complete = self._read_message(content) and complete
        return complete

    def _content_type(self, values: Values) -> ContentField:
        given = values.get(b"content-type")
        content = parse_content_type(given[0]) if given else None
        if content is not None:
            return content
        parent = self.parent
        if parent is not None and parent.holds_digest:
            return _MESSAGE
        return PLAIN

    def _read_multipart(self, content: ContentField) -> bool:
        parameter = content.find(b"boundary")
        boundary = parameter.octets.rstrip() if parameter else b""
        if not boundary:
            # Nothing can part it: it is shown as the text that it is.
            self.become_text()
            return True
        if len(boundary) > MAX_BOUNDARY or self.depth >= MAX_DEPTH:
            self.become_opaque()
            return False
        self.kind = Kind.MULTIPART
        self.boundary = boundary
        self.holds_digest = content.subtype == b"digest"
        return True

    def _read_message(self, content: ContentField) -> bool:
        if content.subtype not in (b"rfc822", b"global", b"news"):
            return True
        if self.encoding not in _IDENTITY or content.subtype == b"news":
            # Its structure is not in its octets [RFC6532 3.7].
            self.become_opaque()
            return True
        if self.depth >= MAX_DEPTH:
            self.become_opaque()
            return False
        self.kind = Kind.MESSAGE
        return True

    def become_opaque(self) -> None:
        """Be some octets, of which nothing is known."""
        self.kind = Kind.LEAF
        self.content = ContentField(
            _OPAQUE.kind, _OPAQUE.subtype, self.content.parameters
        )

    def become_text(self) -> None:
        """Be plain text: a multipart in which there are no parts."""
        self.kind = Kind.TEXT
        self.content = PLAIN
        self.boundary = b""

    @property
    def is_attachment(self) -> bool:
        """Whether it asks not to be shown with the message."""
        disposition = self.disposition
        return disposition is not None and disposition.kind != b"inline"

    @property
    def charset(self) -> str:
        """As its parameter says; "" for none."""
        return self.content.charset
