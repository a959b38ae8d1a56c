"""imailctl check."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from imailpy.cli.door import (
    EX_CONFIG,
    EX_NOPERM,
    EX_PROBLEMS,
    EX_UNAVAILABLE,
    Door,
    Failed,
)
from imailpy.cli.show import answer

_MANY = 20_000


def add_to(main: click.Group) -> None:
    """Add the verb."""

    @main.command("check")
    @click.argument("file", required=False)
    @click.option(
        "--attempts",
        default=_MANY,
        show_default=True,
        help="How many ways to relay are tried.",
    )
    @click.option("--seed", default=1, show_default=True)
    @click.pass_context
    def check(
        context: click.Context, /, file: str | None, attempts: int, seed: int
    ) -> None:
        """
        Try to make a configuration relay for strangers.

        FILE is a configuration; without it the one of the running server is
        tried. The accounts and aliases are those of the server's directory,
        or, where there is none, made up. Exits with 1 when there is a
        problem; each names the entry that is to blame.

        \b
        Examples:
          imailctl --data /var/lib/imailpy check
          imailctl check new.toml --json
        """
        door: Door = context.obj
        arguments: dict[str, Any] = {"count": attempts, "seed": seed}
        if file is not None:
            arguments |= {"text": _read(file), "file": os.path.abspath(file)}
        found = _perform(door, file, arguments)
        answer(door, found, told(found))
        if found["problems"]:
            context.exit(EX_PROBLEMS)


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{file}: {error}", EX_CONFIG) from None


def _perform(door: Door, file: str | None, arguments: dict[str, Any]) -> Any:
    """Ask the server, or the store; without both, a store of nobody."""
    if file is None:
        return door.perform("check", **arguments)
    try:
        if door.data is None and door.config is None:
            door.config = file
        return door.perform("check", **arguments)
    except Failed as failed:
        # A configuration that is wrong cannot say where its store is.
        if failed.exit_code not in (EX_UNAVAILABLE, EX_NOPERM, EX_CONFIG):
            raise
        if "twisted.internet.reactor" in sys.modules:
            # The store was opened, and refused: a reactor runs only once.
            raise
    from imailpy.cli.offline import perform

    with tempfile.TemporaryDirectory(prefix="imailctl-check-") as directory:
        return perform(directory, None, "check", arguments)


def told(found: dict[str, Any]) -> str:
    """Spell what was found."""
    lines = [f"warning: {each}" for each in found["warnings"]]
    lines += [
        f"{each['entry']}: {each['kind']}: {each['text']}"
        if each["entry"]
        else f"{each['kind']}: {each['text']}"
        for each in found["problems"]
    ]
    if found["relayed"]:
        by = ", ".join(
            f"{count} by {rule}"
            for rule, count in sorted(found["relayed"].items())
        )
        lines.append(f"relayed as configured: {by}")
    if found.get("made_up"):
        lines.append("there is no directory: its accounts were made up")
    count = len(found["problems"])
    verdict = f"{count} problems" if count else "no problem"
    lines.append(
        f"{found['file']}: {verdict}; {found['played']} attempts to relay, "
        f"{found['taken']} recipients taken (seed {found['seed']})"
    )
    return "\n".join(lines)
