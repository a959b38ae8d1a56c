"""
Where in a TOML file each key stands.

`tomllib` reads values and forgets places. This scanner does the opposite: it
follows the grammar just far enough to tell where keys, tables and elements
of arrays begin. It is meant for text that `tomllib` has accepted; of other
text it tells as much as it understands, duplicates among it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress

from attrs import define, field, frozen

# A key's path: names, and numbers for the elements of an array.
KeyPath = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_LITERAL = re.compile(r"'([^'\n]*)'")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:[ \t]|#[^\n]*)*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_WORD = re.compile(r"[^,\]}#\n]*")
_REST_OF_LINE = re.compile(r"[^\n]*\n?")


@frozen
class Position:
    """A place in the file, line and column from 1."""

    line: int
    column: int


@frozen
class Duplicate:
    """A key or table that is there twice."""

    path: KeyPath
    first: Position
    second: Position


@define
class LineMap:
    """
    Where things are.

    Attributes:
        places: Path -> where its key, header or element begins.
        duplicates: In the order of the file.
    """

    places: dict[KeyPath, Position] = field(factory=dict)
    duplicates: list[Duplicate] = field(factory=list)

    def find(self, path: KeyPath) -> Position:
        """Give the place of a path, or of the nearest thing above it."""
        while path:
            place = self.places.get(path)
            if place is not None:
                return place
            path = path[:-1]
        return Position(1, 1)


class _Broken(Exception):
    """The text is not TOML from here on."""


def locate(text: str) -> LineMap:
    """Scan a TOML text; where it is broken the map ends."""
    scanner = _Scanner(text)
    with suppress(_Broken):
        scanner.scan()
    return scanner.map


class _Scanner:
    """One pass over the text."""

    def __init__(self, text: str) -> None:
        self.map = LineMap()
        self._text = text
        self._at = 0
        self._starts = [0]
        for match in re.finditer("\n", text):
            self._starts.append(match.end())
        # Arrays of tables: path -> number of the last element.
        self._last: dict[KeyPath, int] = {}
        self._headers: set[KeyPath] = set()

    def scan(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_SPACE)
            if self._at >= len(self._text):
                return
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
            if (
                self._at < len(self._text)
                and self._text[self._at] not in "\r\n"
            ):
                # Something behind a value: not ours to explain.
                self._skip(_REST_OF_LINE)

    def _header(self) -> KeyPath:
        place = self._place()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        keys = self._keys()
        path: KeyPath = (*self._resolve(keys[:-1]), keys[-1])
        for length in range(1, len(path)):
            self.map.places.setdefault(path[:length], place)
        self._expect("]]" if is_array else "]")
        if is_array:
            number = self._last[path] = self._last.get(path, -1) + 1
            self.map.places.setdefault(path, place)
            path = (*path, number)
        elif path in self._last:
            path = (*path, self._last[path])
        elif path in self._headers:
            first = self.map.places[path]
            self.map.duplicates.append(Duplicate(path, first, place))
        self._headers.add(path)
        self.map.places[path] = place
        return path

    def _resolve(self, keys: Sequence[str]) -> KeyPath:
        """Lead a header's path through the last elements of arrays."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._last:
                path = (*path, self._last[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        place = self._place()
        keys = self._keys()
        path: KeyPath = (*table, *keys)
        if path in self.map.places and path not in self._headers:
            first = self.map.places[path]
            self.map.duplicates.append(Duplicate(path, first, place))
        for length in range(len(table) + 1, len(path) + 1):
            self.map.places.setdefault(path[:length], place)
        self._expect("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        if self._text.startswith("[", self._at):
            self._array(path)
        elif self._text.startswith("{", self._at):
            self._inline_table(path)
        elif not self._skip(_STRING):
            self._skip(_WORD)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        number = 0
        while True:
            self._skip(_SPACE)
            if self._try("]"):
                return
            self.map.places[(*path, number)] = self._place()
            before = self._at
            self._value((*path, number))
            self._skip(_SPACE)
            if not self._try(",") and self._at == before:
                raise _Broken
            number += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while True:
            self._skip(_SPACE)
            if self._try("}"):
                return
            self._pair(path)
            self._skip(_SPACE)
            self._try(",")

    def _keys(self) -> list[str]:
        keys = [self._key()]
        self._skip(_BLANK)
        while self._try("."):
            keys.append(self._key())
            self._skip(_BLANK)
        return keys

    def _key(self) -> str:
        self._skip(_BLANK)
        for pattern in (_BARE, _BASIC, _LITERAL):
            match = pattern.match(self._text, self._at)
            if match is not None:
                self._at = match.end()
                return match.group(match.lastindex or 0)
        raise _Broken

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self._text, self._at)
        if match is None or match.end() == self._at:
            return False
        self._at = match.end()
        return True

    def _try(self, mark: str) -> bool:
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False

    def _expect(self, mark: str) -> None:
        self._skip(_BLANK)
        if not self._try(mark):
            raise _Broken

    def _place(self) -> Position:
        line = bisect_right(self._starts, self._at)
        return Position(line, self._at - self._starts[line - 1] + 1)
