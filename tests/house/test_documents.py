"""The documents say what the source says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
from attrs import fields, has, resolve_types
from twisted.trial.unittest import SynchronousTestCase

from imailpy.cli.main import main
from imailpy.config import Configuration
from tests.house.documents import (
    DOCS,
    PARTS,
    documents,
    filled,
    parts_of,
)
from tests.house.source import HOUSE, modules, room

# Rooms that decide, and the rooms whose events are in the log.
DECIDING = {"policy", "realm"}
EVENT = re.compile(
    r"(server|smtp|delivery|queue|dsn|imap|pop3|store|history|ban|stress|policy)"
    r"\.[a-z_]+"
)
RULE = re.compile(r"(connect|hello|login|relay|recipient|submission)\.[a-z_]+")
ROLES = ("sender", "recipient")
# Names of checks, which several rules share.
CHECKS = {
    "submission.authorship",
    "submission.sender_domain",
    "submission.recipient_domain",
    "submission.message_limits",
    "submission.recipient_limits",
}
LINK = re.compile(r"`<([^>`]+)>`_|``((?:docs|etc|tests|imailpy|bench)/\S+?)``")


@cache
def manual() -> str:
    """The manual and all its pages."""
    pages = [DOCS / "manual.rst", *sorted((DOCS / "manual").rglob("*.rst"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def texts(tree: ast.AST) -> Iterator[str]:
    """Give the constants of a module, and its f-strings with `{role}`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield ast.unparse(node)[2:-1]


def fault_points(tree: ast.AST) -> set[str]:
    """Give the names of places where a test may stop a module."""
    return {
        each.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("fault_point", "_fault", "point"))
        for each in node.args
        if isinstance(each, ast.Constant)
    }


def events() -> set[str]:
    """Give the names of what is told to the journal."""
    found: set[str] = set()
    for name, (_, tree) in modules().items():
        if room(name) in ("admin", "cli", "config"):
            continue
        told = {text for text in texts(tree) if EVENT.fullmatch(text)}
        found |= told - fault_points(tree)
    return found - settings_names()


def rules() -> set[str]:
    """Give the names of the rules that a decision may have."""
    found: set[str] = set()
    for name, (_, tree) in modules().items():
        if room(name) not in DECIDING:
            continue
        for text in texts(tree):
            for role in ROLES:
                rule = text.replace("{role}", role)
                if RULE.fullmatch(rule):
                    found.add(rule)
    # An f-string's parts are constants of their own.
    found -= CHECKS | settings_names()
    return {rule for rule in found if not rule.endswith("_")}


def settings_names() -> set[str]:
    """Give `section.key` of every setting: checks name theirs."""
    resolve_types(Configuration)
    return {
        f"{section.name}.{key.name}"
        for section in fields(Configuration)
        if has(section.type)
        for key in fields(section.type)
    }


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    """Give every command as an operator types it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


class MadeTests(SynchronousTestCase):
    """Tables that are made from the source."""

    def test_tables_are_current(self) -> None:
        """The manual prints the tables that the engines obey."""
        for path in documents():
            text = path.read_text(encoding="utf-8")
            self.assertEqual(
                filled(text),
                text,
                f"{path.name}: run python -m tests.house.documents",
            )

    def test_each_table_is_printed(self) -> None:
        """Every table has its place in a document."""
        printed = [
            name
            for path in documents()
            for name in parts_of(path.read_text(encoding="utf-8"))
        ]
        self.assertEqual(sorted(printed), sorted(PARTS))


class ManualTests(SynchronousTestCase):
    """The manual leaves nothing out."""

    def missing(self, wanted: set[str]) -> set[str]:
        """Give what the manual does not name."""
        self.assertGreater(len(wanted), 10)
        return {each for each in wanted if each not in manual()}

    def test_events(self) -> None:
        """Every line of the log is explained."""
        self.assertEqual(self.missing({f"``{e}``" for e in events()}), set())

    def test_rules(self) -> None:
        """Every rule of a decision is explained."""
        self.assertEqual(self.missing({f"``{r}``" for r in rules()}), set())

    def test_commands(self) -> None:
        """Every command of imailctl is shown."""
        wanted = {f"imailctl {command}" for command in commands(main)}
        shown = re.sub(r"imailctl --\w+ \S+ ", "imailctl ", manual())
        self.assertEqual({w for w in wanted if w not in shown}, set())

    def test_sections(self) -> None:
        """Every section of the configuration is explained."""
        sections = {each.name for each in fields(Configuration)}
        sections -= {"file", "lines"}
        self.assertEqual(self.missing({f"[{s}" for s in sections}), set())

    def test_named_files_are_there(self) -> None:
        """What a document sends its reader to exists."""
        missing = []
        for path in [*documents(), HOUSE / "README.rst"]:
            for link, file in LINK.findall(path.read_text(encoding="utf-8")):
                if link.startswith("http"):
                    continue
                target = path.parent / link if link else HOUSE / file
                if not Path(target).exists() and "*" not in file:
                    missing.append((path.name, link or file))
        self.assertEqual(missing, [])
