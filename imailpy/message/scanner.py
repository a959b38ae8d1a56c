"""
Read a message once, while it arrives, and find everything that is asked of it
later.

    scanner = Scanner()
    for chunk in chunks:
        scanner.feed(chunk)
    rendition = scanner.finish()

The scanner is a machine with two states. In HEADER it takes lines of the
header section of the innermost open entity; in BODY it measures octets in
bulk and looks for delimiter lines of the open multiparts with `bytes.find`,
never line by line. A delimiter line closes what is open inside its multipart.

    HEADER --section complete, leaf or multipart--> BODY
    HEADER --section complete, message inside-----> HEADER (of that message)
    BODY   --delimiter--> HEADER (of the next part)
    BODY   --close delimiter--> BODY (epilogue)

A delimiter line is `--boundary` or `--boundary--` with nothing but blanks
behind it, in at most 512 octets [RFC2046 5.1.1]; where two open multiparts
claim a line, the inner one has it. So a boundary that is the beginning of
another is no trouble. Lines end with LF, a CR before it belongs to the end:
messages with bare LF, which IMAP APPEND may bring, scan alike.

What is decided never depends on how the octets were cut: only a line that is
not complete yet, and may still become a delimiter or end a section, is kept
back (514 octets at most). Past the bounds of `bounds` the rest of the message
is one opaque part, or the entity is, and the rendition says `truncated`.
"""

from __future__ import annotations

from imailpy.message.bodystructure import render_bodies
from imailpy.message.bounds import (
    MAX_ALL_ADDRESSES,
    MAX_ALL_SECTIONS,
    MAX_DELIMITER,
    MAX_FIELD,
    MAX_FIELDS,
    MAX_PARTS,
)
from imailpy.message.entity import Entity, Kind
from imailpy.message.envelope import render_envelope
from imailpy.message.header import SectionReader, raw_fields
from imailpy.message.measure import Measure
from imailpy.message.preview import Excerpt
from imailpy.message.rendition import Rendition
from imailpy.message.structure import pack_entities
from imailpy.message.summary import Summary, index_fields

_Hit = tuple[int, int, Entity, bool]


class Scanner:
    """
    Scans one message.

    Attributes:
        size_octets: What was fed so far.
        steps: Turns of the loops so far: work that is not done in bulk.
        hops: Received fields, known once the header section is complete.
    """

    __slots__ = (
        "_address_room",
        "_at",
        "_colon_in_delimiter",
        "_delimiters",
        "_entities",
        "_excerpt",
        "_has_8bit_header",
        "_held",
        "_indexed_octets",
        "_line_start",
        "_measure",
        "_open",
        "_section",
        "_summary",
        "_truncated",
        "size_octets",
        "steps",
    )

    def __init__(self) -> None:
        self.size_octets = 0
        self.steps = 0
        self._held = b""
        # Offset of the next octet that will be consumed.
        self._at = 0
        self._measure = Measure()
        self._entities: list[Entity] = []
        self._open: list[Entity] = []
        # Content of a delimiter line -> its multipart, whether it closes.
        self._delimiters: dict[bytes, tuple[Entity, bool]] = {}
        self._colon_in_delimiter = False
        self._section: SectionReader | None = None
        self._indexed_octets = 0
        self._address_room = MAX_ALL_ADDRESSES
        self._truncated = False
        # Whether the next octet begins a line.
        self._line_start = True
        self._has_8bit_header = False
        self._summary = Summary()
        self._excerpt = Excerpt()
        self._begin(None, is_message=True)

    @property
    def hops(self) -> int:
        return self._summary.hops

    @property
    def header_complete(self) -> bool:
        """Whether the message's own header section has ended."""
        return self._section is None or len(self._entities) > 1

    def feed(self, octets: bytes) -> None:
        """Scan the next octets, cut anywhere."""
        self.size_octets += len(octets)
        data = self._held + octets if self._held else octets
        at = self._scan(data, False)
        self._held = data[at:]

    def finish(self) -> Rendition:
        """Scan what was kept back and give what was found."""
        data, self._held = self._held, b""
        if data or self._section is not None:
            self._scan(data, True)
        self._close(None)
        body, bodystructure = render_bodies(self._entities)
        message = self._entities[0]
        measure = self._measure
        return self._summary.rendition(
            envelope=message.envelope,
            body=body,
            bodystructure=bodystructure,
            structure=pack_entities(self._entities),
            header_octets=message.body_start,
            preview=self._excerpt.preview(),
            truncated=self._truncated,
            has_8bit=measure.has_8bit,
            has_8bit_header=self._has_8bit_header,
            has_nul=measure.has_nul,
            longest_line=measure.longest_line,
        )

    def _scan(self, data: bytes, final: bool) -> int:
        """Scan `data`; give where what must be kept back begins."""
        at = 0
        while True:
            self.steps += 1
            before, section = at, self._section
            if section is not None:
                at = self._scan_header(section, data, at, final)
                if self._section is section:
                    return at
            elif not self._delimiters:
                # Nothing can end the body.
                self._take_body(data, at, len(data))
                return len(data)
            else:
                at = self._scan_body(data, at, final)
                if self._section is None and (at == len(data) or at == before):
                    return at

    # -- HEADER

    def _scan_header(
        self, section: SectionReader, data: bytes, at: int, final: bool
    ) -> int:
        if self._colon_in_delimiter:
            end = self._scan_guarded(section, data, at, final)
        else:
            end = section.take(data, at, final)
        self._at += end - at
        self._measure.add(data[at:end])
        if section.done:
            self._end_header(section)
        return end

    def _scan_guarded(
        self, section: SectionReader, data: bytes, at: int, final: bool
    ) -> int:
        """
        Take lines of a header section where a delimiter could pass for a
        field, since a boundary has a colon.
        """
        inside = section.inside_line
        line = -1 if inside else at
        if inside or not data.startswith(b"--", at):
            line = data.find(b"\n--", at) + 1 or -1
        while line >= 0:
            self.steps += 1
            end = data.find(b"\n", line)
            if end < 0 and not final:
                if len(data) - line <= MAX_DELIMITER:
                    return section.take(data[:line], at, False)
                break
            end = len(data) if end < 0 else end
            if self._delimiter(data, line, end) is not None:
                return section.take(data[:line], at, True)
            line = data.find(b"\n--", end) + 1 or -1
        if not final and data.endswith(b"\n-"):
            return section.take(data[:-1], at, False)
        return section.take(data, at, final)

    def _end_header(self, section: SectionReader) -> None:
        """The section of the innermost entity is complete."""
        entity = self._open[-1]
        self._section = None
        measure = self._measure
        entity.body_start = entity.body_end = self._at
        entity.lines_before = measure.line_ends
        if entity.parent is None:
            self._has_8bit_header = measure.has_8bit
            measure.has_8bit = False
        self._read_fields(entity, section)
        if entity.kind is Kind.MULTIPART:
            self._list_delimiters()
        elif entity.kind is Kind.MESSAGE:
            if len(self._entities) >= MAX_PARTS:
                entity.become_opaque()
                self._truncated = True
            else:
                self._begin(entity, is_message=True)
        else:
            self._excerpt.begin(entity)

    def _read_fields(self, entity: Entity, section: SectionReader) -> None:
        octets = section.octets
        self._indexed_octets += len(octets)
        fields = section.fields
        if fields is None or len(fields) >= MAX_FIELDS:
            fields = raw_fields(octets, most=MAX_FIELDS)
        self.steps += len(fields)
        complete = not section.overlong and len(fields) < MAX_FIELDS
        if entity.parent is None:
            values = self._summary.read(fields, complete)
        else:
            values = index_fields(fields)
        if entity.is_message:
            envelope = render_envelope(values, self._address_room)
            entity.envelope = envelope.octets
            self._address_room -= envelope.address_octets
            complete = complete and not envelope.truncated
        if len(octets) > MAX_FIELD:
            complete = complete and all(
                len(value) <= MAX_FIELD for _, _, value in fields
            )
        if not entity.read_fields(values) or not complete:
            self._truncated = True

    # -- BODY

    def _scan_body(self, data: bytes, at: int, final: bool) -> int:
        keep, hit = self._find_delimiter(data, at, final)
        if hit is None:
            self._take_body(data, at, keep)
            return keep
        line, end, multipart, closes = hit
        self._take_body(data, at, line)
        self._close(multipart)
        self._at += end - line
        self._measure.add(data[line:end])
        self._line_start = True
        if closes:
            multipart.boundary = b""
            self._list_delimiters()
        else:
            self._begin(multipart, is_message=False)
        return end

    def _find_delimiter(
        self, data: bytes, at: int, final: bool
    ) -> tuple[int, _Hit | None]:
        """
        Look for the first delimiter line.

        Returns:
            Up to where there is none for sure, and what was found.
        """
        find = data.find
        size = len(data)
        line = at
        if not (self._line_start and data.startswith(b"--", at)):
            if self._line_start and size - at < 2 and not final:
                return at if data[at:] == b"-" else size, None
            line = find(b"\n--", at) + 1 or -1
        while line >= 0:
            self.steps += 1
            end = find(b"\n", line)
            if end < 0:
                if not final and size - line <= MAX_DELIMITER:
                    return line, None
                end = size
            found = self._delimiter(data, line, end)
            if found is not None:
                return line, (line, min(end + 1, size), *found)
            line = find(b"\n--", end) + 1 or -1
        if not final and data.endswith(b"\n-", at):
            return size - 1, None
        return size, None

    def _delimiter(
        self, data: bytes, line: int, end: int
    ) -> tuple[Entity, bool] | None:
        if end - line > MAX_DELIMITER:
            return None
        return self._delimiters.get(data[line:end].rstrip())

    def _list_delimiters(self) -> None:
        """Collect the delimiters that are looked for from now on."""
        delimiters: dict[bytes, tuple[Entity, bool]] = {}
        for entity in self._open:
            if entity.boundary:
                line = b"--" + entity.boundary
                delimiters[line] = (entity, False)
                delimiters[line + b"--"] = (entity, True)
        self._delimiters = delimiters
        self._colon_in_delimiter = any(b":" in line for line in delimiters)

    # -- both

    def _begin(self, parent: Entity | None, *, is_message: bool) -> None:
        """Open an entity whose header section begins here."""
        entity = Entity(parent, self._at, is_message=is_message)
        entity.lines_before = self._measure.line_ends
        self._entities.append(entity)
        self._open.append(entity)
        if parent is not None:
            parent.children.append(entity)
        if (
            len(self._entities) >= MAX_PARTS
            or self._indexed_octets > MAX_ALL_SECTIONS
        ):
            # One opaque part takes the rest of the message.
            entity.become_opaque()
            entity.envelope = render_envelope({}).octets
            self._truncated = True
            self._delimiters = {}
            self._colon_in_delimiter = False
        else:
            self._section = SectionReader()

    def _close(self, multipart: Entity | None) -> None:
        """
        Close what is open inside `multipart`, None for everything: the line
        end before this place belongs to the delimiter.
        """
        here = end = self._at
        line_ends = self._measure.line_ends
        if multipart is not None:
            last = self._measure.last
            end -= 2 if last == b"\r\n" else last.endswith(b"\n")
        closed = False
        while self._open and self._open[-1] is not multipart:
            entity = self._open.pop()
            if end < entity.body_start:
                end = entity.body_start
            entity.body_end = end
            shorter = multipart is not None and end < here
            entity.lines = line_ends - shorter - entity.lines_before
            self._excerpt.end(entity)
            if entity.kind is Kind.MULTIPART:
                closed = True
                if not entity.children:
                    entity.become_text()
        if closed:
            self._list_delimiters()

    def _take_body(self, data: bytes, start: int, end: int) -> None:
        if end > start:
            if self._excerpt.wants:
                self._excerpt.add(data, start, end)
            self._line_start = data[end - 1] == 10
            self._at += end - start
            self._measure.add(data[start:end])
