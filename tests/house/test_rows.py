"""docs/security-rows.rst says which test proves which row of SECURITY.md."""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.house.source import HOUSE

TABLE = HOUSE / "docs" / "security-rows.rst"
ROW = re.compile(r"B\d+_\d+")
IN_TABLE = re.compile(r"^ +``(B\d+\.\d+)`` +(yes|part|open) *(\S.*)?$", re.M)


def span(room: int, first: int, last: int) -> Iterator[str]:
    """Ids of a run of rows."""
    return (f"B{room}.{number}" for number in range(first, last + 1))


# The rows that the house itself answers for.
HOUSE_ROWS = (
    *span(1, 1, 15), "B1.18", "B2.1", "B2.2", *span(2, 5, 9),
    *span(2, 11, 13), *span(3, 1, 8), *span(4, 1, 13), "B4.15",
    *span(5, 1, 3), "B5.6", "B5.13", *span(6, 1, 7), "B6.10", "B6.11",
    *span(7, 1, 4), "B7.7", "B7.9", "B7.15", *span(8, 1, 4),
    *span(9, 1, 12), "B11.1", "B11.2", *span(12, 1, 6), *span(13, 1, 6),
    *span(13, 9, 12), "B15.1", "B15.2", *span(15, 5, 8),
)  # fmt: skip

# Rows of the realm that need rooms which are still to come: why.
LATER = {
    "B5.10": "a score of the message: with the content filters; and the web",
    "B5.11": "a flag of the message: with the content filters; and the web",
}

# Rows of which no test can show all, or not yet: why.
PART = {
    "B9.1": "the statistics are python -m tests.realm.timing",
    "B13.6": "no budget of reports for each source yet: with outbound; the "
    "rest is shown",
    "B9.11": "seconds are for bench; here queue and answers are counted",
}

# A test that proves a run of rows has only its first and last in its name.
_RUN = re.compile(r"B(\d+)_(\d+)_to_B\1_(\d+)")


def rows_of(name: str) -> set[str]:
    """Rows that a test says it proves."""
    rows = {found.replace("_", ".") for found in ROW.findall(name)}
    for room, first, last in _RUN.findall(name):
        rows.update(span(int(room), int(first), int(last)))
    return rows


@cache
def tests() -> dict[str, list[str]]:
    """Give row -> dotted names of its tests."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((HOUSE / "tests").rglob("*.py")):
        module = ".".join(path.relative_to(HOUSE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(
                node, ast.FunctionDef | ast.AsyncFunctionDef
            ) and node.name.startswith("test_"):
                for row in rows_of(node.name):
                    found[row].add(f"{module}.{node.name}")
    return {row: sorted(names) for row, names in found.items()}


def lines() -> str:
    """The table as it should be."""
    found = tests()
    written = []
    for row in HOUSE_ROWS:
        state = "yes" if row in found else "open"
        if state == "yes" and row in PART:
            state = "part"
        remark = PART.get(row, "")
        names = ", ".join(
            name.removeprefix("tests.") for name in found.get(row, [])
        )
        mark = f"``{row}``".ljust(9)
        written.append(f"{mark} {state.ljust(4)}  {names}")
        if remark:
            written.append(f"                ({remark})")
    written += ["", "Later:"]
    written += [f"    {row}: {why}" for row, why in LATER.items()]
    return "\n".join(written)


HEAD = """\
Security rows
=============

Which test proves which row of the threat list. ``yes``: tests bear its
number and are meant to show all that it says. ``part``: they show some of
it, the line below tells what is missing. ``open``: nothing shows it.

The table is written by ``IMAILPY_WRITE=1 python -m twisted.trial
tests.house.test_rows``; the same test, without that, fails when the table
names a test that is gone.

.. code-block:: text

"""


class RowTests(SynchronousTestCase):
    """The table of the manual against the tests."""

    def test_table_is_true(self) -> None:
        """Every test that the table names is there, and every row of the
        house that has a test has one in the table."""
        if os.environ.get("IMAILPY_WRITE"):
            body = "".join(f"    {line}\n" for line in lines().splitlines())
            TABLE.write_text(HEAD + body, encoding="utf-8")
        found = tests()
        listed = {
            row: (state, names.split(", ") if names else [])
            for row, state, names in IN_TABLE.findall(
                TABLE.read_text(encoding="utf-8")
            )
        }
        self.assertEqual(set(listed), set(HOUSE_ROWS))
        for row, (_, names) in listed.items():
            for name in names:
                self.assertIn(f"tests.{name}", found[row], row)
            self.assertTrue(names, row)

    def test_every_row_has_a_test(self) -> None:
        """Every row of the house is proved by a test that bears its name."""
        missing = [row for row in HOUSE_ROWS if row not in tests()]
        self.assertEqual(missing, [])

    def test_names(self) -> None:
        """A name may hold several rows, or a run of them."""
        self.assertEqual(rows_of("test_B4_2_B4_4_x"), {"B4.2", "B4.4"})
        self.assertEqual(
            rows_of("test_B4_1_to_B4_3_x"), {"B4.1", "B4.2", "B4.3"}
        )
