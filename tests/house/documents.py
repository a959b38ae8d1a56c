"""
The parts of the documents that are made from the source.

    python -m tests.house.documents

writes them anew, between the lines `.. made: NAME` and `.. made: end`; a
house test compares. So the tables that the manual prints are those that the
engines obey.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path

from imailpy.protocol.imap import state as imap
from imailpy.protocol.pop3 import state as pop3
from imailpy.protocol.smtp import state as smtp
from tests.house.source import HOUSE

DOCS = HOUSE / "docs"
_PART = re.compile(
    r"(?ms)^(\.\. made: (?!end$)([a-z0-9 ]+)\n\n).*?(^\.\. made: end$)"
)

Transitions = Mapping[tuple[Enum, str], Enum]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Spell a simple table of reStructuredText."""
    widths = [
        max(len(row[at]) for row in (head, *rows)) for at in range(len(head))
    ]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n"


def state_name(state: Enum) -> str:
    """What the manual calls a state."""
    return state.name.lower().replace("_", " ")


def order(transitions: Transitions) -> str:
    """Spell a table of commands: which moves a session where."""
    states = list(type(next(iter(transitions))[0]))
    states = [
        state
        for state in states
        if any(key[0] is state for key in transitions)
    ]
    rows = []
    for verb in dict.fromkeys(verb for _, verb in transitions):
        row = [verb]
        for state in states:
            after = transitions.get((state, verb))
            if after is None:
                row.append("no")
            else:
                row.append("yes" if after is state else state_name(after))
        rows.append(row)
    return table(["command", *map(state_name, states)], rows)


def plan() -> str:
    """Spell the house plan of `pyproject.toml`, from roof to ground."""
    text = (HOUSE / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    layers, thinking = [], []
    for contract in contracts:
        if contract["type"] == "layers":
            layers = contract["layers"]
        elif contract["type"] == "forbidden":
            thinking = contract["source_modules"]
    rows = []
    for layer in layers:
        rooms = layer.split(" | ")
        names = ", ".join(f"``{each.split('.')[1]}``" for each in rooms)
        only = [each for each in rooms if each in thinking]
        if len(only) == len(rooms):
            thinks = "thinks only"
        else:
            thinks = ", ".join(f"``{each.split('.')[1]}``" for each in only)
            thinks = f"{thinks} thinks only" if only else "acts"
        rows.append((names, thinks))
    return table(["rooms of a floor", ""], rows)


PARTS: dict[str, Callable[[], str]] = {
    "order of smtp": lambda: order(smtp.TRANSITIONS),
    "order of imap": lambda: order(imap.TRANSITIONS),
    "order of pop3": lambda: order(pop3.TRANSITIONS),
    "house plan": plan,
}


def documents() -> list[Path]:
    """All documents of ours."""
    return sorted(DOCS.rglob("*.rst"))


def filled(text: str) -> str:
    """Give a document with its made parts as they are now."""
    return _PART.sub(
        lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[3]}",
        text,
    )


def parts_of(text: str) -> list[str]:
    """Give the names of the made parts of a document."""
    return [found[2] for found in _PART.finditer(text)]


if __name__ == "__main__":
    for path in documents():
        path.write_text(filled(path.read_text("utf-8")), encoding="utf-8")
