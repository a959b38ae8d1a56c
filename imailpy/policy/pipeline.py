"""
The stages, their checks, and the order of both.

`PLACES` is the order of REALM.md 4, mapped to the stages of a session; a
place whose checks are still to come is there already, so that nothing has
to be moved for them. The numbers are those of that list.

    connect   1 access, limits                            at the greeting
    hello     2 hello                                     at HELO/EHLO
    mail      3 kill and white list, sender ownership     at MAIL
    rcpt      4 relay, existence, 5 block lists,
              6 verification, 7 SPF, 8 quota              at each RCPT
    message   submission rules, 9 DKIM DMARC ARC,
              10 scanners, 11 content, threshold          at end of data
    data      quota of the real size, per recipient       at end of data
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from attrs import evolve, frozen

from imailpy.mail import Decision, Verdict
from imailpy.policy import (
    connect,
    content,
    hello,
    mail,
    rcpt,
    relay,
    sending,
)
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
_REFUSED_FROM = _HARDNESS[Verdict.DEFER]


@frozen
class Check(Generic[F]):
    """
    One check; built in and an operator's own have the same form.

    Attributes:
        name: Dotted, stable.
        function: Gives a `Decision`, or None for nothing to say.
    """

    name: str
    function: Callable[[F, PolicySettings], Answer]


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
        "_functions",
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
        self._functions = tuple(check.function for check in row.checks)
        plain = _accepted(row.stage)
        # Most checks say one and the same thing each time: what was said
        # last, and that with our number.
        self._stamp = plain, plain
        self._accepted = self._stamped(plain)

    async def decide(
        self, facts: F, trail: list[Decision] | None = None
    ) -> Decision:
        """
        Ask the checks in order, up to the first that refuses.

        Args:
            facts: Of this stage.
            trail: Gets what each check that had something to say said.

        Returns:
            The refusal; without one the hardest decision, of equally hard
            ones the first; without any a plain acceptance. A signal that
            could not be had (UNKNOWN) is in the trail and counts as nothing.
        """
        hardest, hardness = self._accepted, -1
        settings = self.settings
        for function in self._functions:
            said = function(facts, settings)
            if said is None:
                continue
            if not isinstance(said, Decision):
                said = await said
                if said is None:
                    continue
            if trail is not None:
                trail.append(said)
            how_hard = _HARDNESS[said.verdict]
            if how_hard >= _REFUSED_FROM:
                return self._stamped(said)
            if how_hard > hardness:
                hardest, hardness = said, how_hard
        if hardest is self._accepted:
            return hardest
        return self._stamped(hardest)

    def _stamped(self, said: Decision) -> Decision:
        last, stamped = self._stamp
        if said is not last or stamped.snapshot != self.number:
            stamped = Decision(
                said.verdict,
                said.rule,
                said.reason,
                said.reply,
                said.entry,
                self.number,
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


STANDARD = Pipeline(
    connect=Row(
        "connect",
        (
            Place(1, "access"),
            Place(1, "bans"),
            Place(
                1,
                "limits",
                (
                    Check("connect.total", connect.total),
                    Check("connect.per_address", connect.per_address),
                    Check("connect.per_network", connect.per_network),
                ),
            ),
        ),
    ),
    hello=Row(
        "hello", (Place(2, "hello", (Check("hello.syntax", hello.syntax),)),)
    ),
    mail=Row(
        "mail",
        (
            Place(2, "greeting", (Check("hello.missing", mail.no_hello),)),
            Place(3, "kill-list"),
            Place(3, "white-list"),
            Place(
                0,
                "submission",
                (
                    Check("submission.login_required", mail.login_required),
                    Check("submission.sender_not_owned", mail.sender_owned),
                ),
            ),
            Place(
                0,
                "sending-limits",
                (Check("submission.message_limits", sending.messages),),
            ),
        ),
    ),
    rcpt=Row(
        "rcpt",
        (
            Place(4, "relay", (Check("relay", relay.relay),)),
            Place(
                0,
                "submission",
                (
                    Check("submission.sender_domain", rcpt.sender_domain),
                    Check(
                        "submission.recipient_domain", rcpt.recipient_domain
                    ),
                ),
            ),
            Place(4, "existence", (Check("recipient.unknown", rcpt.exists),)),
            Place(5, "block-lists"),
            Place(6, "verification"),
            Place(7, "spf"),
            Place(8, "quota", (Check("recipient.quota", rcpt.quota),)),
            Place(
                0,
                "sending-limits",
                (Check("submission.recipient_limits", sending.recipients),),
            ),
        ),
    ),
    message=Row(
        "message",
        (
            Place(
                0,
                "submission",
                (Check("submission.authorship", content.authorship),),
            ),
            Place(9, "dkim-dmarc-arc"),
            Place(10, "scanners"),
            Place(11, "content"),
            Place(11, "threshold"),
        ),
    ),
    data=Row(
        "data",
        (Place(8, "quota", (Check("recipient.quota", content.quota),)),),
    ),
)
