"""What a check decided, and why."""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from imailpy.mail.reply import Reply


class Verdict(Enum):
    """What becomes of it; the later in this list, the harder."""

    ACCEPT = "accept"
    # A validation signal that could not be had: counts as nothing.
    UNKNOWN = "unknown"
    # Taken, and kept away from the inbox.
    QUARANTINE = "quarantine"
    DEFER = "defer"
    REJECT = "reject"


_DEFER, _REJECT = Verdict.DEFER, Verdict.REJECT


@frozen
class Mark:
    """
    What is written on a message that is taken all the same.

    Attributes:
        name: Behind `X-IMAIL-SPAM-`.
        text: For whoever reads the header section; tells nothing of us.
    """

    name: str
    text: str


@frozen
class Decision:
    """
    What a check decided, and why.

    Attributes:
        verdict: What becomes of it.
        rule: Stable dotted name, the same in log, manual and tests.
        reason: For the operator: the facts that decided it.
        reply: For the peer; tells a stranger nothing about our setup.
        entry: The configuration entry that was hit: file and line, or object.
        snapshot: Number of the settings it was decided by; 0 for none.
        marks: Written on the message if it is taken.
        held: It is taken, and kept in the queue until an operator says so.
        refuses: The peer is told no, for now or for good.
    """

    verdict: Verdict
    rule: str
    reason: str
    reply: Reply | None = None
    entry: str | None = None
    snapshot: int = 0
    marks: tuple[Mark, ...] = ()
    held: bool = False
    refuses: bool = field(init=False, eq=False, repr=False)

    @refuses.default
    def _refuses(self) -> bool:
        verdict = self.verdict
        return verdict is _DEFER or verdict is _REJECT


ACCEPTED = Decision(Verdict.ACCEPT, "default.accept", "no check objected")
