"""Why: what was decided about a session, a message or an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imailpy.admin.operations.doors import House
from imailpy.admin.operations.words import BadRequest, Operation, Plain
from imailpy.errors import HistoryUnavailable, MailError
from imailpy.interfaces.history import IHistory

# Sessions and messages whose story is told whole.
_MOST_STORIES = 50


class Past:
    """Their operations."""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> dict[str, Operation]:
        """Name -> operation."""
        return {"why.past": self.why_past}

    async def why_past(
        self, what: str, since: float = 0.0, most: int = 200
    ) -> Plain:
        """
        What is known of a session, message, queue row or address.

        Of a session that made messages, what became of them is told, too;
        of a message, the session that it came in.
        """
        history = self._house.history
        if history is None:
            raise HistoryUnavailable("nobody has opened it")
        what = what.strip().strip("<>")
        if not what:
            raise BadRequest(what, "say an id or an address")
        found = list(await history.find(what, since=since, most=most))
        if not found:
            message = await self._message_of_row(what)
            if message is not None:
                found = list(await history.find(message, most=most))
        is_address = "@" in what or any(
            entry.get("client") == what for entry in found
        )
        if not is_address:
            found = await _whole(history, found, most)
        return {"what": what, "entries": found}

    async def _message_of_row(self, row: str) -> str | None:
        """A row of the queue that was not tried yet is in no line."""
        try:
            return (await self._house.store.queue.row(row)).delivery_id
        except MailError:
            return None


async def _whole(
    history: IHistory, found: Sequence[dict[str, Any]], most: int
) -> list[dict[str, Any]]:
    """Add what belongs to the same messages and their sessions."""
    entries = {_identity(entry): entry for entry in found}
    messages = {entry["message"] for entry in found if entry.get("message")}
    for message in sorted(messages)[:_MOST_STORIES]:
        for entry in await history.find(message, most=most):
            entries.setdefault(_identity(entry), entry)
    sessions = {
        entry["session"] for entry in entries.values() if entry.get("session")
    }
    for session in sorted(sessions)[:_MOST_STORIES]:
        for entry in await history.find(session, most=most):
            # Another message of that session is another story.
            if entry.get("message") in (None, *messages):
                entries.setdefault(_identity(entry), entry)
    return sorted(entries.values(), key=lambda entry: entry["at"])


def _identity(entry: dict[str, Any]) -> str:
    return repr(sorted(entry.items(), key=lambda item: item[0]))
