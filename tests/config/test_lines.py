"""Where each key stands."""

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.config.lines import KeyPath, Position, locate

TEXT = '''\
# remark with = and [brackets]
top = 1
[a]
one = "x # no remark" # remark
"two words" = [
  "first", # [not a table]
  'second', [3, {deep = 4}],
]
b.c.d = """
[no.table]
no = "key"
"""
[[list]]
name = 'a'
[list.inner]
x = 1
[[list]]
name = {y = "}", z = ["]"]}
[ spaced . "out" ]
key = 2026-11-24T00:00:00Z
'''


class LocateTests(SynchronousTestCase):
    """Keys, tables, elements."""

    def test_places(self) -> None:
        """Every key, header and element is where it can be seen."""
        places = locate(TEXT).places
        expected: dict[KeyPath, tuple[int, int]] = {
            ("top",): (2, 1),
            ("a",): (3, 1),
            ("a", "one"): (4, 1),
            ("a", "two words"): (5, 1),
            ("a", "two words", 0): (6, 3),
            ("a", "two words", 1): (7, 3),
            ("a", "two words", 2): (7, 13),
            ("a", "two words", 2, 1): (7, 17),
            ("a", "two words", 2, 1, "deep"): (7, 18),
            ("a", "b"): (9, 1),
            ("a", "b", "c", "d"): (9, 1),
            ("list",): (13, 1),
            ("list", 0): (13, 1),
            ("list", 0, "name"): (14, 1),
            ("list", 0, "inner", "x"): (16, 1),
            ("list", 1): (17, 1),
            ("list", 1, "name", "z", 0): (18, 23),
            ("spaced", "out", "key"): (20, 1),
        }
        found = {
            path: (place.line, place.column)
            for path, place in places.items()
            if path in expected
        }
        self.assertEqual(found, expected)
        self.assertNotIn(("no",), places)

    def test_nearest(self) -> None:
        """What is not there is looked for in the table above it."""
        lines = locate(TEXT)
        self.assertEqual(lines.find(("a", "missing", 3)), Position(3, 1))
        self.assertEqual(lines.find(("missing",)), Position(1, 1))

    def test_duplicates(self) -> None:
        """Keys and tables that are there twice are both found."""
        lines = locate("[a]\nx = 1\nx = 2\n[b]\n[a]\n[[c]]\n[[c]]\n")
        self.assertEqual(
            [(d.path, d.first.line, d.second.line) for d in lines.duplicates],
            [(("a", "x"), 2, 3), (("a",), 1, 5)],
        )

    @settings(max_examples=300, deadline=None)
    @given(st.text(alphabet="ab=[]{}.,\"'\n# \\1", max_size=40))
    def test_any_text(self, text: str) -> None:
        """Any text ends the scan; of TOML it finds every key."""
        lines = locate(text)
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        self.assertEqual(lines.duplicates, [])
        for path in paths(raw, ()):
            self.assertIn(path, lines.places)


def paths(value: Any, path: KeyPath) -> Any:
    """Every key's path in what tomllib gives."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(each, dict):
                yield (*path, key)
            yield from paths(each, (*path, key))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from paths(each, (*path, at))
