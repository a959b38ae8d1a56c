"""
Where the parts of a message are.

    structure = Structure.unpack(rendition.structure)
    span = structure.section((2, 1), "MIME", prefix_octets=120)

Offsets count from the first octet that was scanned. The store keeps fields of
its own (the *prefix*: Return-Path, Received) before those octets: whoever has
them in front says how many they are, and sections of the whole message then
begin at 0, prefix included, while all others are shifted.

Packed, a structure is a line of ASCII for each part, a part before its
children:

    depth kind encoding header_start body_start body_end lines charset
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from attrs import frozen

from imailpy.message.entity import Entity, Kind

# Encodings by their letter; what we do not know is `x`.
_ENCODINGS = {
    "7": "7bit",
    "8": "8bit",
    "i": "binary",
    "b": "base64",
    "q": "quoted-printable",
}
_LETTERS = {name.encode(): letter for letter, name in _ENCODINGS.items()}
_CHARSET = re.compile(r"[!-~]{1,40}")


@frozen
class Part:
    """
    One entity.

    Attributes:
        depth: 1 for the message itself.
        kind: What can be inside.
        encoding: Content transfer encoding in lower case; "" when it is
            none that we can undo: BINARY answers UNKNOWN-CTE.
        header_start, body_start, body_end: Octets.
        lines: Line ends in the body.
        charset: Of text, lower case; "" when it says none.
        is_html: Of text: markup rather than plain text.
        is_attachment: Content-Disposition says so.
    """

    depth: int
    kind: Kind
    encoding: str
    header_start: int
    body_start: int
    body_end: int
    lines: int
    charset: str = ""
    is_html: bool = False
    is_attachment: bool = False

    @property
    def is_text(self) -> bool:
        """Whether people can read it."""
        return self.kind is Kind.TEXT


class Structure:
    """
    The parts of one message.

    Attributes:
        parts: Each before its children; the first is the message itself.
        children: Indices of the children of each.
    """

    __slots__ = ("children", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self.children: list[list[int]] = [[] for _ in self.parts]
        above: list[int] = []
        for index, part in enumerate(self.parts):
            del above[part.depth - 1 :]
            if above:
                self.children[above[-1]].append(index)
            above.append(index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        return self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"Structure({self.parts!r})"

    def pack(self) -> bytes:
        """Give the octets that `unpack` reads."""
        return "\n".join([_packed(part) for part in self.parts]).encode()

    @classmethod
    def unpack(cls, octets: bytes) -> Structure:
        """
        Read what `pack` gave.

        Raises:
            ValueError: It was not made by `pack`.
        """
        return cls([_unpacked(line) for line in octets.decode().split("\n")])

    def find(self, path: Sequence[int]) -> int | None:
        """
        Find a part by its numbers [RFC9051 6.4.5.1].

        Args:
            path: Such as (4, 2, 1); empty for the message itself.

        Returns:
            Its index in `parts`. Part 1 of a message that is no multipart
            is the message's own entity: its body.
        """
        index = 0
        # Whether `index` is a message whose parts are numbered next.
        whole = True
        for number in path:
            if self.parts[index].kind is Kind.MESSAGE and not whole:
                index = self.children[index][0]
                whole = True
            if self.parts[index].kind is Kind.MULTIPART:
                children = self.children[index]
                if not 1 <= number <= len(children):
                    return None
                index = children[number - 1]
            elif number != 1 or not whole:
                return None
            whole = False
        return index

    def section(
        self, path: Sequence[int], what: str, *, prefix_octets: int = 0
    ) -> tuple[int, int] | None:
        """
        Find the octets of a section [RFC9051 6.4.5.1].

        Args:
            path: Part numbers; empty for the message itself.
            what: "", "HEADER", "TEXT" or "MIME".
            prefix_octets: What stands before the octets that were scanned.

        Returns:
            (start, end), or None when there is no such section.
        """
        index = self.find(path)
        if index is None:
            return None
        if not path:
            return self._whole(what, prefix_octets)
        if what in ("HEADER", "TEXT"):
            # Only a message part has them: those of the message inside.
            if self.parts[index].kind is not Kind.MESSAGE:
                return None
            index = self.children[index][0]
        part = self.parts[index]
        shift = prefix_octets
        if what in ("", "TEXT"):
            return part.body_start + shift, part.body_end + shift
        if what not in ("HEADER", "MIME"):
            return None
        if index == 0:
            # Part 1 of a single part message: its header is the message's.
            return 0, part.body_start + shift
        return part.header_start + shift, part.body_start + shift

    def _whole(self, what: str, prefix: int) -> tuple[int, int] | None:
        message = self.parts[0]
        if what == "":
            return 0, message.body_end + prefix
        if what == "HEADER":
            return 0, message.body_start + prefix
        if what == "TEXT":
            return message.body_start + prefix, message.body_end + prefix
        return None


def encoding_name(encoding: bytes) -> str:
    """Give an encoding that we can undo, "" for any other."""
    return _ENCODINGS.get(_LETTERS.get(encoding, "x"), "")


def pack_entities(entities: Sequence[Entity]) -> bytes:
    """Pack what the scanner found."""
    return "\n".join(
        [
            _line(
                entity.depth,
                entity.kind,
                _LETTERS.get(entity.encoding, "x"),
                entity.header_start,
                entity.body_start,
                entity.body_end,
                entity.lines,
                entity.charset if entity.kind is Kind.TEXT else "",
                entity.content.subtype == b"html",
                entity.is_attachment,
            )
            for entity in entities
        ]
    ).encode()


def _line(
    depth: int,
    kind: Kind,
    encoding: str,
    header_start: int,
    body_start: int,
    body_end: int,
    lines: int,
    charset: str,
    is_html: bool,
    is_attachment: bool,
) -> str:
    letter = kind._value_
    if kind is Kind.TEXT and is_html:
        letter = "h"
    if is_attachment:
        letter += "a"
    if charset:
        charset = _charset_word(charset)
    return (
        f"{depth} {letter} {encoding} {header_start} {body_start} "
        f"{body_end} {lines} {charset}"
    )


@lru_cache(maxsize=256)
def _charset_word(charset: str) -> str:
    """Give a charset of ASCII without blanks, or it is none."""
    return charset if _CHARSET.fullmatch(charset) else "?"


def _packed(part: Part) -> str:
    letter = _LETTERS.get(part.encoding.encode(), "x")
    return _line(
        part.depth,
        part.kind,
        letter,
        part.header_start,
        part.body_start,
        part.body_end,
        part.lines,
        part.charset,
        part.is_html,
        part.is_attachment,
    )


def _unpacked(line: str) -> Part:
    words = line.split(" ")
    depth, letter, encoding, header_start, body_start, body_end, lines = words[
        :7
    ]
    is_attachment = letter.endswith("a")
    letter = letter[0]
    is_html = letter == "h"
    return Part(
        int(depth),
        Kind.TEXT if is_html else Kind(letter),
        _ENCODINGS.get(encoding, ""),
        int(header_start),
        int(body_start),
        int(body_end),
        int(lines),
        words[7],
        is_html,
        is_attachment,
    )
