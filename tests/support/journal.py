"""A journal that tests can read."""

from typing import Any

from zope.interface import implementer

from imailpy.interfaces.journal import IJournal


@implementer(IJournal)
class KeptJournal:
    """Keeps what was recorded, as (event, facts)."""

    verbose = True

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(
        self,
        event: str,
        *,
        session_id: str = "",
        message_id: str = "",
        **facts: Any,
    ) -> None:
        self.events.append(
            (event, dict(facts, session_id=session_id, message_id=message_id))
        )

    def names(self) -> list[str]:
        """The events' names, in order."""
        return [name for name, _ in self.events]
