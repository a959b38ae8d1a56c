"""What was decided on one connection: told to journal and history."""

from __future__ import annotations

from typing import Any

from imailpy.interfaces.history import IHistory, Passage, Step
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.world import IClock
from imailpy.mail import Client, Decision, Verdict
from imailpy.policy.pipeline import Asked

_ACCEPT = Verdict.ACCEPT
# Of one passage; a message may have a thousand recipients.
MOST_STEPS = 2100
# Accepting a message has a line of its own, which names its rules.
_ALWAYS_TOLD = frozenset(("connect", "auth"))
# Sessions of these last for hours: a login is kept when it happens.
_READING = frozenset(("imap", "pop3", "managesieve", "web"))


class Record:
    """
    The decisions of one connection, in their order.

    Args:
        history: Gets each transaction when it is over; None: nobody does.

    Attributes:
        steps: Since the last transaction was over.
        size_octets: Of the message of this transaction.
    """

    __slots__ = (
        "_client",
        "_clock",
        "_history",
        "_in_transaction",
        "_journal",
        "_left_out",
        "size_octets",
        "steps",
    )

    def __init__(
        self,
        journal: IJournal,
        client: Client,
        history: IHistory | None,
        clock: IClock,
    ) -> None:
        self._journal = journal
        self._client = client
        self._history = history
        self._clock = clock
        self._in_transaction = False
        self._left_out = 0
        self.size_octets: int | None = None
        self.steps: list[Step] = []

    def asked(self, stage: str, facts: Any) -> list[Asked] | None:
        """
        A stage is about to be decided.

        Returns:
            Where to put what each check says; None: nobody wants to know.
        """
        return None

    def add(self, stage: str, about: str, decision: Decision) -> None:
        """
        Tell a decision.

        Args:
            about: A name or address as the peer said it; never a secret.
        """
        steps = self.steps
        if len(steps) < MOST_STEPS:
            steps.append((stage, about, decision))
        else:
            self._left_out += 1
        if stage == "mail":
            self._in_transaction = True
        if (
            stage in _ALWAYS_TOLD
            or decision.verdict is not _ACCEPT
            or self._journal.verbose
        ):
            self._tell(stage, about, decision)

    def _tell(self, stage: str, about: str, decision: Decision) -> None:
        client = self._client
        reply = decision.reply
        self._journal.record(
            f"{stage}.decision",
            session_id=client.session_id,
            verdict=decision.verdict.value,
            rule=decision.rule,
            reason=decision.reason,
            entry=decision.entry,
            reply=None if reply is None else str(reply),
            snapshot=decision.snapshot,
            about=about,
            client=client.address,
            proxy=client.proxy,
            listener=client.listener,
        )

    def rules(self) -> str:
        """The rules that decided since the last MAIL, blank between."""
        rules: dict[str, None] = {}
        for stage, _, decision in reversed(self.steps):
            rules[decision.rule] = None
            if stage == "mail":
                break
        return " ".join(reversed(rules))

    def ends_transaction(
        self, helo: str | None, tls: str | None, user: str | None
    ) -> None:
        """A transaction is over, if there was one."""
        if self._in_transaction:
            self.ends(helo, tls, user)

    @property
    def in_transaction(self) -> bool:
        """Whether MAIL was said."""
        return self._in_transaction

    def signed_in(
        self, helo: str | None, tls: str | None, user: str | None
    ) -> None:
        """Somebody has signed in, or failed to."""
        if self._client.service in _READING:
            self.ends(helo, tls, user)

    def ends(
        self, helo: str | None, tls: str | None, user: str | None
    ) -> None:
        """Give the steps so far to the history, and begin anew."""
        steps, self.steps = self.steps, []
        left_out, self._left_out = self._left_out, 0
        size_octets, self.size_octets = self.size_octets, None
        self._in_transaction = False
        if self._history is not None and steps:
            self._history.add(
                Passage(
                    self._clock.now(),
                    self._client,
                    helo,
                    tls,
                    user,
                    steps,
                    left_out,
                    size_octets,
                )
            )
