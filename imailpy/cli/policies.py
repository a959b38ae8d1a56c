"""imailctl policy test, policy functions."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import click
from attrs import asdict

from imailpy.cli.door import EX_PROBLEMS, EX_UNAVAILABLE, Door, Failed
from imailpy.cli.show import answer, table

if TYPE_CHECKING:
    from imailpy.policy.trial import Tried


def add_to(main: click.Group) -> None:
    """Add the noun, or to it."""
    noun = main.commands.get("policy")
    if not isinstance(noun, click.Group):
        noun = _noun(main)
    _add_functions(noun)
    _add_test(noun)


def _noun(main: click.Group) -> click.Group:
    @main.group("policy")
    def policy() -> None:
        """The checks, and the policy in Python."""

    return policy


def _add_functions(noun: click.Group) -> None:
    @noun.command("functions")
    @click.pass_obj
    def functions(door: Door) -> None:
        """The functions of the policy in Python, and how each stands."""
        rows = door.perform("policy.functions")
        table(
            door,
            rows,
            (
                "name",
                "stage",
                "place",
                "entry",
                "calls",
                "failures",
                "slow",
                "state",
            ),
            "no policy in Python",
        )


def _add_test(noun: click.Group) -> None:
    @noun.command("test")
    @click.argument("file", required=False)
    @click.option(
        "--tests",
        metavar="FILE",
        help="Its tests, where they are not FILE_test.py beside it.",
    )
    @click.pass_context
    def test(
        context: click.Context, file: str | None, tests: str | None
    ) -> None:
        """
        Try a policy in Python: load it, run its tests.

        Without FILE that of the configuration. Exits with 1 when it would
        not be taken. The server need not run.
        """
        door: Door = context.obj
        limit_s = 10.0
        if file is None:
            told = door.settings().policy
            file, limit_s = told.file, float(told.test_seconds)
            tests = tests or told.tests
        if not file:
            raise click.UsageError("the configuration names no policy")
        tried = _try(file, tests or None, limit_s)
        if door.as_json:
            answer(door, asdict(tried), "")
        else:
            _print(door, tried, file)
        if tried.wrong:
            context.exit(EX_PROBLEMS)


def _print(door: Door, tried: Tried, file: str) -> None:
    if tried.checks:
        table(door, tried.checks, ("name", "stage", "place", "line"), "")
        click.echo()
    if tried.tests:
        rows = [
            {
                "test": each.name,
                "result": "failed" if each.complaint else "passed",
                "at": each.where,
                "because": each.complaint,
            }
            for each in tried.tests
        ]
        table(door, rows, ("test", "result", "at", "because"), "")
        click.echo()
    if tried.wrong:
        click.echo(f"not taken: {tried.wrong}")
    else:
        click.echo(
            f"{file}: fine: {len(tried.checks)} checks, "
            f"{len(tried.tests)} tests passed"
        )


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", EX_UNAVAILABLE) from None
    except UnicodeDecodeError:
        raise Failed(f"{path} is not UTF-8", EX_PROBLEMS) from None


def _try(file: str, tests: str | None, limit_s: float) -> Tried:
    """Have it tried as the server does, in a process of its own."""
    from imailpy.policy import trial
    from imailpy.policy.book import Source
    from imailpy.realm.custom.keeper import MEMORY_OCTETS
    from imailpy.world.real_processes import how_it_ended, words_of

    policy = Source(os.path.basename(file), _read(file))
    beside = f"{file.removesuffix('.py')}_test.py"
    if tests is None and os.path.exists(beside):
        tests = beside
    source = None
    if tests is not None:
        source = Source(os.path.basename(tests), _read(tests))
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            words_of(trial.__name__, limit_s, MEMORY_OCTETS),
            input=trial.question(policy, source),
            capture_output=True,
            timeout=limit_s,
            env={"LANG": "C.UTF-8"},
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return trial.Tried(f"{policy.file}: it took over {limit_s:g} s")
    try:
        return trial.read_answer(done.stdout)
    except ValueError:
        code = done.returncode
        ended = how_it_ended(
            code if code >= 0 else None,
            -code if code < 0 else None,
            done.stderr.decode("utf-8", "replace"),
        )
        return trial.Tried(f"{policy.file}: {ended}")
