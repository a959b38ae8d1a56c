"""What was decided on one connection: told to the journal, and kept."""

from __future__ import annotations

from collections import deque

from imailpy.interfaces.journal import IJournal
from imailpy.mail import Client, Decision

# The last of a long session are enough to explain what it was told.
MOST_KEPT = 100


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
            listener=client.listener,
        )
