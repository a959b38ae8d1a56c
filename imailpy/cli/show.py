"""How answers look to a person, and to a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from imailpy.cli.door import Door


def answer(door: Door, value: Any, text: str) -> None:
    """Print the JSON of `value`, or `text` for a person."""
    if door.as_json:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
    elif text:
        click.echo(text)


def table(
    door: Door,
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str],
    nothing: str,
) -> None:
    """Print rows under their column names, or as JSON."""
    if door.as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(nothing)
        return
    cells = [[spell(name, row.get(name)) for name in columns] for row in rows]
    widths = [
        max(len(name), *(len(line[at]) for line in cells))
        for at, name in enumerate(columns)
    ]
    for line in [list(columns), *cells]:
        padded = [
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def spell(name: str, value: Any) -> str:
    """Spell one value for a person."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if name.endswith("_at") or name == "next_try":
        moment = datetime.fromtimestamp(value, UTC)
        return moment.strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)
