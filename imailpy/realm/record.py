"""What was decided on one connection: told to the journal, and kept."""

from __future__ import annotations

from collections import deque

from imailpy.interfaces.journal import IJournal
from imailpy.mail import Client, Decision, Verdict

# The last of a long session are enough to explain what it was told.
MOST_KEPT = 100
# Accepting a message has a line of its own, which names its rules.
_ALWAYS_TOLD = frozenset(("connect", "auth"))


class Record:
    """The decisions of one connection, in their order."""

    __slots__ = ("_client", "_journal", "kept")

    def __init__(self, journal: IJournal, client: Client) -> None:
        self._journal = journal
        self._client = client
        # (stage, what it was about, decision)
        self.kept: deque[tuple[str, str, Decision]] = deque(maxlen=MOST_KEPT)

    def add(self, stage: str, about: str, decision: Decision) -> None:
        """
        Tell a decision.

        Args:
            about: A name or address as the peer said it; never a secret.
        """
        self.kept.append((stage, about, decision))
        if decision.verdict is Verdict.ACCEPT and not (
            self._journal.verbose or stage in _ALWAYS_TOLD
        ):
            return
        client = self._client
        self._journal.record(
            f"{stage}.decision",
            session_id=client.session_id,
            verdict=decision.verdict.value,
            rule=decision.rule,
            reason=decision.reason,
            entry=decision.entry,
            snapshot=decision.snapshot,
            about=about,
            client=client.address,
            proxy=client.proxy,
            listener=client.listener,
        )

    def rules(self) -> str:
        """The rules that decided since the last MAIL, blank between."""
        rules: list[str] = []
        for stage, _, decision in reversed(self.kept):
            if decision.rule not in rules:
                rules.append(decision.rule)
            if stage == "mail":
                break
        return " ".join(reversed(rules))
