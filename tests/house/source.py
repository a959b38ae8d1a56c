"""The source of the house, read once for all wall tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).parents[2]
PACKAGE = HOUSE / "imailpy"


@cache
def modules() -> dict[str, tuple[str, ast.Module]]:
    """Give module name -> (source, syntax tree) of everything we ship."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        text = path.read_text(encoding="utf-8")
        found[name] = (text, ast.parse(text))
    return found


def room(module: str) -> str:
    """Give the room of a module: `imailpy.store.sqlite.x` -> `store`."""
    return module.partition(".")[2].partition(".")[0]


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give (line, dotted name) of all that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give (line, dotted name) of everything that is called by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)
