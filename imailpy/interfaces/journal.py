"""What happened: one line in the log, and the counters."""

from __future__ import annotations

from typing import Any

from zope.interface import Attribute, Interface


class IJournal(Interface):
    """
    Where every room tells what happened.

    No body, subject or credential ever goes in here.
    """

    verbose: bool = Attribute(
        """
        Whether what was simply accepted has lines of its own: without it
        one line tells all rules that accepted a message.
        """
    )

    def record(
        event: str,
        *,
        session_id: str = "",
        message_id: str = "",
        **facts: Any,
    ) -> None:
        """
        Tell one thing that happened.

        Args:
            event: Stable dotted name: `smtp.accepted`, `login.refused`.
            session_id: Of the connection, the same in every event.
            message_id: Our delivery id, the same across SMTP, queue, IMAP.
            facts: Small values; a `Decision` is spelt out as verdict, rule,
                reason and entry.
        """
