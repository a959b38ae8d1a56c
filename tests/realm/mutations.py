"""
Breaking each check of the realm once, to see whether anybody notices.

    python -m tests.realm.mutations

breaks one thing after another in this process (a check says nothing, takes
what it refused; a cell of the relay table is turned over; a claim always or
never holds; a condition is dropped) and runs the tests of the checks each
time. What no test notices is a survivor, and is listed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import evolve, frozen

from imailpy.mail import Decision, Verdict
from imailpy.policy import relay, spoof
from imailpy.policy.pipeline import Check
from imailpy.policy.relay import GRANTS, Claim
from imailpy.policy.settings import RelayPolicy
from imailpy.policy.standard import STANDARD

# Tests of the checks, quick ones first.
WITNESSES = (
    "tests.policy.test_relay",
    "tests.policy.test_onward",
    "tests.policy.test_stages",
    "tests.policy",
    "tests.realm.test_gate",
    "tests.realm.test_battery",
    "tests.roof.test_sending",
    "tests.admin.test_checking",
    "tests.realm",
)


@frozen
class Mutation:
    """
    One thing that is broken.

    Attributes:
        name: For people.
        breaks: Breaks it; gives what mends it.
    """

    name: str
    breaks: Callable[[], Callable[[], None]]


def mutations() -> list[Mutation]:
    """All of them."""
    return [*checks(), *cells(), *claims(), *conditions()]


# What can be broken


def checks() -> Iterator[Mutation]:
    """Each check says nothing, or takes what it refused."""
    for row in STANDARD.rows:
        for check in row.checks:
            name = f"{row.stage} {check.name}"
            yield Mutation(
                f"{name} says nothing", _instead(check, lambda f, s: None)
            )
            yield Mutation(
                f"{name} takes everything", _instead(check, taking(check))
            )


def taking(check: Check[Any]) -> Callable[..., Any]:
    """A check that refuses nothing any more."""
    function = check.function

    def takes(facts: Any, settings: Any) -> Any:
        said = function(facts, settings)
        if said is not None and not isinstance(said, Decision):

            async def later() -> Any:
                return _taken(await said)

            return later()
        return _taken(said)

    return takes


def _taken(said: Decision | None) -> Decision | None:
    if said is None or not said.refuses:
        return said
    return evolve(said, verdict=Verdict.ACCEPT, reply=None)


def _instead(
    check: Check[Any], function: Callable[..., Any]
) -> Callable[[], Callable[[], None]]:
    def breaks() -> Callable[[], None]:
        before = check.function
        object.__setattr__(check, "function", function)
        return lambda: object.__setattr__(check, "function", before)

    return breaks


# Whoever makes one of these is somebody, and with `anyone` somebody may.
_COVERED = (
    Claim.LISTED,
    Claim.LOCAL_USER,
    Claim.LOCAL_DOMAIN,
    Claim.ACCEPTED,
)


def cells() -> Iterator[Mutation]:
    """Each cell of the relay table says the opposite."""
    for policy in RelayPolicy:
        for claim in Claim:
            if policy is RelayPolicy.ANYONE and claim in _COVERED:
                continue
            yield Mutation(
                f"cell {policy.value}: {claim.value}", _cell(policy, claim)
            )


def _cell(
    policy: RelayPolicy, claim: Claim
) -> Callable[[], Callable[[], None]]:
    def breaks() -> Callable[[], None]:
        before = GRANTS[policy]
        GRANTS[policy] = before ^ {claim}

        def mend() -> None:
            GRANTS[policy] = before

        return mend

    return breaks


def claims() -> Iterator[Mutation]:
    """Each claim always holds, or never."""
    always = Decision(Verdict.ACCEPT, "relay.mutant", "always")
    for name in ("_PROVEN", "_SAID"):
        for claim, proof in getattr(relay, name):
            for word, said in (("always", always), ("never", None)):
                yield Mutation(
                    f"claim {claim.value} {word} holds",
                    _set(
                        relay,
                        name,
                        tuple(
                            (each, (lambda f, s, said=said: said))
                            if each is claim
                            else (each, other)
                            for each, other in getattr(relay, name)
                        ),
                    ),
                )
            del proof


def conditions() -> Iterator[Mutation]:
    """Conditions that somebody could have forgotten."""
    for module, name, value in (
        (relay, "LMTP", "nothing"),
        (relay, "SUBMISSION", "nothing"),
        (spoof, "_admitted", lambda facts, settings: True),
        (spoof, "_admitted", lambda facts, settings: False),
        (relay, "_nobody", relay._sent_on),
    ):
        shown = getattr(value, "__name__", value)
        yield Mutation(
            f"{module.__name__}.{name} is {shown}",
            _set(module, name, value),
        )


def _set(
    module: Any, name: str, value: Any
) -> Callable[[], Callable[[], None]]:
    def breaks() -> Callable[[], None]:
        before = getattr(module, name)
        setattr(module, name, value)
        return lambda: setattr(module, name, before)

    return breaks


# Who notices


def noticed(
    mutation: Mutation, witnesses: Sequence[str] = WITNESSES
) -> str | None:
    """Give the first test that fails with it; None: it survives."""
    mend = mutation.breaks()
    try:
        for name in witnesses:
            found = _run(name)
            if found is not None:
                return found
    finally:
        mend()
    return None


def _run(name: str) -> str | None:
    from twisted.trial.runner import TestLoader

    suite = TestLoader().loadByName(name, recurse=True)
    result = _First()
    suite.run(result)
    return result.first


class _First(unittest.TestResult):
    """Stops at the first test that fails."""

    first: str | None = None

    def addError(self, test: Any, err: Any) -> None:
        self._note(test)

    def addFailure(self, test: Any, err: Any) -> None:
        self._note(test)

    def _note(self, test: Any) -> None:
        if self.first is None:
            self.first = test.id()
        self.stop()


def apart(mutation: Mutation) -> str | None:
    """
    As `noticed`, in a process of its own.

    Some tests remember that they ran already, and fail for that: each
    mutation begins with tests that are new.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, (noticed(mutation) or "").encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        found = stream.read().decode()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{mutation.name}: the tests ended the process")
    return found or None


def main() -> int:
    """Break one thing after another; gives the number of survivors."""
    # What tests write goes where nobody looks for it.
    sys.path.insert(0, os.getcwd())
    os.chdir(tempfile.mkdtemp(prefix="imailpy-mutations-"))
    by = apart(Mutation("nothing is broken", lambda: lambda: None))
    if by is not None:
        print(f"nothing is broken, and yet {by} fails")
        return 1
    survivors = []
    every = mutations()
    for mutation in every:
        by = apart(mutation)
        if by is None:
            survivors.append(mutation.name)
        print(f"{mutation.name}: {by or 'SURVIVES'}", flush=True)
    print(f"{len(every)} mutations, {len(survivors)} survivors")
    for name in survivors:
        print(f"survivor: {name}")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
