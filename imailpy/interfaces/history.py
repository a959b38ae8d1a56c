"""
The decision history: what was decided, and why, for some weeks.

It is told beside mail, never in its way: whoever tells does not wait, and
what cannot be kept is dropped and counted.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from attrs import define
from zope.interface import Interface

from imailpy.mail import Client, Decision

# Stage, what it was about (a name or address as the peer said it), decision.
Step = tuple[str, str, Decision]


@define(eq=False)
class Passage:
    """
    What was decided on a connection in one go: a transaction and what led to
    it, or all there was without one.

    Attributes:
        at: When it ended.
        helo: Name that the client gave itself.
        tls: Protocol and cipher.
        user: Address of who had signed in.
        steps: In order, from connect to data.
        left_out: Steps behind those, over the number that is kept.
        size_octets: Of the message, once it was whole.
    """

    at: float
    client: Client
    helo: str | None
    tls: str | None
    user: str | None
    steps: list[Step]
    left_out: int = 0
    size_octets: int | None = None


class IHistory(Interface):
    """Where decisions are kept."""

    def add(passage: Passage) -> None:
        """Keep a passage; nobody changes it any more. Never raises."""

    def note(event: str, facts: Mapping[str, Any]) -> None:
        """
        Keep something that the journal was told, as plain values; `session`
        and `message` are the ids. Never raises.
        """

    def find(
        key: str, *, since: float = 0.0, most: int = 1000
    ) -> Awaitable[Sequence[dict[str, Any]]]:
        """
        Find what is known by an id or address, in any case of letters.

        Args:
            key: A session's, message's or queue row's id, an address of
                mail, or an IP address.
            since: Seconds since 1970.
            most: The newest so many.

        Returns:
            Plain entries, the oldest first: see `imailpy.history.lines`.

        Raises:
            HistoryUnavailable: It is switched off, or broken.
        """

    def envelopes(
        *, since: float = 0.0, most: int = 1000
    ) -> Awaitable[Sequence[dict[str, Any]]]:
        """Give the newest passages with a reverse-path; as `find`."""

    def figures() -> dict[str, Any]:
        """What `status` shows."""
