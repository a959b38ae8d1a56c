"""Nobody is told: what a rehearsal has in place of the journal."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from imailpy.interfaces.journal import IJournal


@implementer(IJournal)
class Silence:
    """A journal that nobody writes."""

    verbose = False

    def record(
        self,
        event: str,
        *,
        session_id: str = "",
        message_id: str = "",
        **facts: Any,
    ) -> None:
        """Nothing."""
