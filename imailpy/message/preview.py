"""The beginning of the text that a listing shows, kept while scanning."""

from __future__ import annotations

from imailpy.message.bounds import PREVIEW_HTML, PREVIEW_PLAIN
from imailpy.message.entity import Entity, Kind
from imailpy.message.structure import encoding_name
from imailpy.message.text import preview


class Excerpt:
    """
    Keeps the beginning of the first plain text, or of the first HTML where
    there is no plain text with something in it.

    Attributes:
        wants: Whether octets of the open entity are to be added.
    """

    __slots__ = ("_entity", "_found", "_html", "_octets", "_room", "wants")

    def __init__(self) -> None:
        self.wants = False
        self._entity: Entity | None = None
        self._octets: list[bytes] = []
        self._room = 0
        self._found = ""
        self._html: tuple[bytes, Entity] | None = None

    def begin(self, entity: Entity) -> None:
        """An entity's body begins."""
        if self._found or entity.kind is not Kind.TEXT:
            return
        if entity.is_attachment:
            return
        subtype = entity.content.subtype
        if subtype in (b"plain", b"enriched", b"markdown"):
            self._room = PREVIEW_PLAIN
        elif subtype == b"html":
            if self._html is not None:
                return
            self._room = PREVIEW_HTML
        else:
            return
        self._entity = entity
        self._octets = []
        self.wants = True

    def add(self, data: bytes, start: int, end: int) -> None:
        """Octets of its body."""
        end = min(end, start + self._room)
        self._room -= end - start
        self._octets.append(data[start:end])
        if self._room == 0:
            self.wants = False

    def end(self, entity: Entity) -> None:
        """An entity is complete."""
        if entity is not self._entity:
            return
        self._entity = None
        self.wants = False
        size = entity.body_end - entity.body_start
        octets = b"".join(self._octets)[:size]
        if entity.content.subtype == b"html":
            self._html = (octets, entity)
        else:
            self._found = _shown(octets, entity)

    def preview(self) -> str:
        """Give the preview; "" when there is no text."""
        if not self._found and self._html is not None:
            return _shown(*self._html)
        return self._found


def _shown(octets: bytes, entity: Entity) -> str:
    return preview(
        octets,
        encoding=encoding_name(entity.encoding),
        charset=entity.charset,
        is_html=entity.content.subtype == b"html",
    )
