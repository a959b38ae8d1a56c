"""
Stages and their checks: how they are put in order, and how they are asked.

The order itself is in `imailpy.policy.standard`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from operator import is_
from typing import Any, Generic, TypeVar

from attrs import evolve, frozen

from imailpy.mail import Decision, Mark, Verdict
from imailpy.policy import content
from imailpy.policy.facts import (
    ConnectFacts,
    DataFacts,
    HelloFacts,
    MailFacts,
    MessageFacts,
    RcptFacts,
)
from imailpy.policy.settings import PolicySettings

F = TypeVar("F")

# What a check may give back. A check that has to look something up gives an
# awaitable, and only then.
Answer = Decision | None | Awaitable[Decision | None]

_HARDNESS = {verdict: at for at, verdict in enumerate(Verdict)}
_HARDNESS[Verdict.UNKNOWN] = -1
_ACCEPT = Verdict.ACCEPT


@frozen
class Check(Generic[F]):
    """
    One check; built in and an operator's own have the same form.

    Attributes:
        name: Dotted, stable.
        function: Gives a `Decision`, or None for nothing to say.
        setting: What it is configured by, `section.key`: a refusal that
            names no entry of its own names this one.
        on: Whether these settings have it asked at all; None: always.
        source: Where it is written, `policy.py:12`; empty when built in.
    """

    name: str
    function: Callable[[F, PolicySettings], Answer]
    setting: str = ""
    on: Callable[[PolicySettings], bool] | None = None
    source: str = ""

    def rehearsing(self) -> Check[F]:
        """Itself, unless its function counts: then one with a likeness."""
        make = getattr(self.function, "rehearsing", None)
        return self if make is None else evolve(self, function=make())

    def is_on(self, settings: PolicySettings) -> bool:
        """Whether it is asked."""
        return self.on is None or self.on(settings)

    def entry(self, settings: PolicySettings) -> str:
        """Where it is configured: `imailpy.toml:12`, or its default."""
        if self.source:
            return self.source
        if self.setting:
            return settings.entry(self.setting)
        return f"{self.name} (built in)"


@frozen
class Asked:
    """
    One check of a trail.

    Attributes:
        check: Which.
        said: None: it had nothing to say.
    """

    check: Check[Any]
    said: Decision | None


@frozen
class Place(Generic[F]):
    """
    One step of a stage.

    Attributes:
        step: As in REALM.md 4; 0 for a step that is not in that list.
        name: What an operator calls it.
        checks: In the order in which they are asked.
    """

    step: int
    name: str
    checks: tuple[Check[F], ...] = ()


@frozen
class Row(Generic[F]):
    """
    The checks of one stage.

    Attributes:
        stage: Its name in log and history.
        places: In order.
        functions: All their checks' functions, in order.
    """

    stage: str
    places: tuple[Place[F], ...]

    @property
    def checks(self) -> tuple[Check[F], ...]:
        """All checks in order."""
        return tuple(check for place in self.places for check in place.checks)

    def rehearsing(self) -> Row[F]:
        """A row whose checks count for themselves; itself if none counts."""
        made = [check.rehearsing() for check in self.checks]
        if all(map(is_, made, self.checks)):
            return self
        return evolve(
            self,
            places=tuple(
                evolve(each, checks=tuple(made.pop(0) for _ in each.checks))
                for each in self.places
            ),
        )

    def with_check(self, place: str, check: Check[F]) -> Row[F]:
        """Give a row with one check more, the last of its place."""
        if place not in [each.name for each in self.places]:
            raise ValueError(f"{self.stage} has no place {place}")
        return evolve(
            self,
            places=tuple(
                evolve(each, checks=(*each.checks, check))
                if each.name == place
                else each
                for each in self.places
            ),
        )


def _accepted(stage: str) -> Decision:
    return Decision(Verdict.ACCEPT, f"{stage}.accept", "no check objected")


# A check, ready to be asked, and what it said.
_Pair = tuple[Callable[[F, PolicySettings], Answer], Check[F]]
_Heard = tuple[Decision, Check[F]]


class Evaluation(Generic[F]):
    """
    A row, ready to be asked.

    Args:
        row: Whose checks.
        settings: What they are told.
        number: Of the settings' snapshot; every decision carries it.
    """

    __slots__ = (
        "_accepted",
        "_checks",
        "_stamp",
        "number",
        "settings",
        "stage",
    )

    def __init__(
        self, row: Row[F], settings: PolicySettings, number: int
    ) -> None:
        self.stage = row.stage
        self.settings = settings
        self.number = number
        self._checks = tuple(
            (check.function, check)
            for check in row.checks
            if check.is_on(settings)
        )
        plain = _accepted(row.stage)
        # Most checks say one and the same thing each time: what was said
        # last, and that with our number.
        self._stamp = plain, plain
        self._accepted = self._stamped(plain, None)

    async def decide(
        self, facts: F, trail: list[Asked] | None = None
    ) -> Decision:
        """As `ask`, for those who can wait."""
        answer = self.ask(facts, trail)
        return answer if isinstance(answer, Decision) else await answer

    def ask(
        self, facts: F, trail: list[Asked] | None = None
    ) -> Decision | Awaitable[Decision]:
        """
        Ask the checks in order, up to the first that refuses.

        Args:
            facts: Of this stage.
            trail: Gets every check that was asked, and what it said.

        Returns:
            The refusal; without one the hardest decision, of equally hard
            ones the first; without any a plain acceptance. A signal that
            could not be had (UNKNOWN) is in the trail and counts as nothing.
            Something to wait for only where a check has to wait.
        """
        settings = self.settings
        checks = iter(self._checks)
        for function, check in checks:
            said = function(facts, settings)
            if said is not None or trail is not None:
                return self._on(said, check, facts, trail, checks, [])
        return self._accepted

    def _on(
        self,
        said: Answer,
        check: Check[F],
        facts: F,
        trail: list[Asked] | None,
        checks: Iterator[_Pair[F]],
        heard: list[_Heard[F]],
    ) -> Decision | Awaitable[Decision]:
        """
        Go on from where a check has said something.

        Args:
            said: What.
            check: Which.
            checks: Those that are left.
            heard: What those before it said.
        """
        settings = self.settings
        while True:
            if said is not None:
                if not isinstance(said, Decision):
                    return self._after(
                        said, check, facts, trail, checks, heard
                    )
                if trail is not None:
                    stamped = self._stamped(said, check)
                    trail.append(Asked(check, stamped))
                if said.refuses:
                    return self._stamped(said, check)
                heard.append((said, check))
            elif trail is not None:
                trail.append(Asked(check, None))
            for pair in checks:
                said = pair[0](facts, settings)
                if said is not None or trail is not None:
                    check = pair[1]
                    break
            else:
                return self._together(heard) if heard else self._accepted

    async def _after(
        self,
        waiting: Awaitable[Decision | None],
        check: Check[F],
        facts: F,
        trail: list[Asked] | None,
        checks: Iterator[_Pair[F]],
        heard: list[_Heard[F]],
    ) -> Decision:
        """Go on when a check knows."""
        said = await waiting
        answer = self._on(said, check, facts, trail, checks, heard)
        return answer if isinstance(answer, Decision) else await answer

    def _together(self, heard: list[_Heard[F]]) -> Decision:
        """Give what comes of decisions none of which refuses."""
        hardest, by = heard[0]
        if len(heard) == 1 and hardest.verdict is _ACCEPT:
            return self._stamped(hardest, by)
        hardness = -1
        marks: tuple[Mark, ...] = ()
        for said, check in heard:
            how_hard = _HARDNESS[said.verdict]
            if said.marks:
                marks += said.marks
            if how_hard > hardness:
                hardest, hardness, by = said, how_hard, check
        if hardness < 0:
            return self._accepted
        if marks != hardest.marks:
            hardest = evolve(hardest, marks=marks)
        return self._stamped(hardest, by)

    def _stamped(self, said: Decision, check: Check[F] | None) -> Decision:
        last, stamped = self._stamp
        if said is not last or stamped.snapshot != self.number:
            entry = said.entry
            if entry is None and check is not None and said.refuses:
                # A refusal always names what an operator could change.
                entry = check.entry(self.settings)
            stamped = Decision(
                said.verdict,
                said.rule,
                said.reason,
                said.reply,
                entry,
                self.number,
                said.marks,
                said.held,
            )
            self._stamp = said, stamped
        return stamped


def settle(
    decisions: Sequence[Decision], answered_each: bool
) -> list[Decision]:
    """
    Fit decisions of several recipients to what the protocol can say.

    SMTP has one reply after the message: it is refused only if every
    recipient refuses it. Otherwise it is taken, and kept away from the
    inbox of a recipient that refused it; a mailbox without room gets it
    from the queue when it has. LMTP answers each [RFC2033 4.2].
    """
    if (
        answered_each
        or len(decisions) == 1
        or all(each.refuses for each in decisions)
    ):
        return list(decisions)
    return [_taken(each) if each.refuses else each for each in decisions]


def _taken(refusal: Decision) -> Decision:
    """Give what becomes of a refusal that can no longer be said."""
    waits = refusal.rule == content.QUOTA
    return evolve(
        refusal,
        verdict=Verdict.ACCEPT if waits else Verdict.QUARANTINE,
        reason=f"{refusal.reason}; others took it in the same transaction",
        reply=None,
    )


@frozen
class Pipeline:
    """The rows of all stages."""

    connect: Row[ConnectFacts]
    hello: Row[HelloFacts]
    mail: Row[MailFacts]
    rcpt: Row[RcptFacts]
    message: Row[MessageFacts]
    data: Row[DataFacts]

    @property
    def rows(self) -> tuple[Row[Any], ...]:
        """In the order of a session."""
        return (
            self.connect,
            self.hello,
            self.mail,
            self.rcpt,
            self.message,
            self.data,
        )

    def rehearsing(self) -> Pipeline:
        """A pipeline that leaves no trace; itself if none of it does."""
        rows = {row.stage: row.rehearsing() for row in self.rows}
        if all(map(is_, rows.values(), self.rows)):
            return self
        made: dict[str, Row[Any]] = dict(rows)
        return Pipeline(**made)
