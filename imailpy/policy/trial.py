"""
A policy and its tests, tried: text in, results out.

This runs in a process of its own (`IProcesses.python`), because a policy
may do anything, and because no limit holds as well as the end of a process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from attrs import asdict, field, frozen

from imailpy.policy.api import Registration
from imailpy.policy.book import (
    POLICY,
    PolicyWrong,
    Source,
    joined,
    load_module,
    place_of,
    read,
    wrong_of,
)
from imailpy.policy.standard import STANDARD

TESTS = "policy_test"


@frozen
class Tested:
    """
    One test.

    Attributes:
        where: `policy_test.py:12`: where it begins, or where it failed.
        complaint: Empty: it passed.
    """

    name: str
    where: str
    complaint: str = ""


@frozen
class Tried:
    """
    What a trial has found.

    Attributes:
        wrong: Why the policy cannot be used, with file and line; empty: it
            can, as far as its tests tell.
        checks: What it registers: name, stage, place, line.
        tests: In the order of the file.
    """

    wrong: str = ""
    checks: tuple[dict[str, Any], ...] = ()
    tests: tuple[Tested, ...] = field(factory=tuple)


def attempt(policy: Source, tests: Source | None) -> Tried:
    """Load a policy, run its tests; nothing is raised."""
    try:
        module, registrations = read(policy)
        joined(STANDARD, registrations, policy.file)
    except PolicyWrong as wrong:
        return Tried(str(wrong))
    checks = described(registrations)
    if tests is None:
        return Tried("", checks)
    # The tests beside it find it by `import policy`.
    before = sys.modules.get(POLICY)
    sys.modules[POLICY] = module
    try:
        found = _run(load_module(TESTS, tests), tests)
    except PolicyWrong as wrong:
        return Tried(str(wrong), checks)
    finally:
        if before is None:
            sys.modules.pop(POLICY, None)
        else:
            sys.modules[POLICY] = before
    if not found:
        return Tried(f"{tests.file} has no test", checks)
    failed = [each for each in found if each.complaint]
    if not failed:
        return Tried("", checks, found)
    first = failed[0]
    wrong_text = (
        f"{first.where}: {first.name} failed: {first.complaint}"
        f" ({len(failed)} of {len(found)} tests failed)"
    )
    return Tried(wrong_text, checks, found)


def described(
    registrations: Sequence[Registration],
) -> tuple[dict[str, Any], ...]:
    """Spell what a policy registers."""
    return tuple(
        {
            "name": each.name,
            "stage": each.stage,
            "place": place_of(each),
            "line": each.line,
        }
        for each in registrations
    )


def _run(module: ModuleType, source: Source) -> tuple[Tested, ...]:
    found = []
    for name, function in list(vars(module).items()):
        if not name.startswith("test_") or not callable(function):
            continue
        code = getattr(function, "__code__", None)
        where = f"{source.file}:{getattr(code, 'co_firstlineno', 0)}"
        try:
            function()
        except (Exception, SystemExit) as error:
            wrong = wrong_of(source.file, error)
            if wrong.line:
                where = f"{wrong.file}:{wrong.line}"
            found.append(Tested(name, where, _only(wrong.text)))
        else:
            found.append(Tested(name, where))
    return tuple(found)


def _only(text: str) -> str:
    """Leave out the exception's name where its text says it all."""
    head = "imailpy.policy.testing.Unexpected: "
    if text == "AssertionError":
        return "its assertion does not hold"
    return text.removeprefix(head).removeprefix("AssertionError: ")


# To and from the process


def question(policy: Source, tests: Source | None) -> bytes:
    """Spell what `answer` reads."""
    asked = {
        "policy": asdict(policy),
        "tests": None if tests is None else asdict(tests),
    }
    return json.dumps(asked).encode()


def answer(octets: bytes) -> bytes:
    """Try what `question` spelt."""
    asked = json.loads(octets)
    tests = asked["tests"]
    tried = attempt(
        Source(**asked["policy"]), None if tests is None else Source(**tests)
    )
    return json.dumps(asdict(tried)).encode()


def read_answer(octets: bytes) -> Tried:
    """Read what `answer` spelt; raises `ValueError`."""
    told = json.loads(octets)
    return Tried(
        told["wrong"],
        tuple(told["checks"]),
        tuple(Tested(**each) for each in told["tests"]),
    )
