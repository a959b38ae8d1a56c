"""A network that is kept out for a time."""

from __future__ import annotations

from attrs import frozen


@frozen
class Ban:
    """
    A ban: timed, visible, shared by all services.

    Attributes:
        network: In its one form, `203.0.113.9/32`, `2001:db8::/64`.
        why: The signs that led to it, or the operator's note.
        session_id: Of the connection that caused it; empty: none did.
        since: Seconds since 1970.
        until: Likewise; None: until somebody removes it.
        by: `server`, or `operator`.
        times: Which one it is of this network; repeaters stay out longer.
    """

    network: str
    why: str
    session_id: str = ""
    since: float = 0.0
    until: float | None = None
    by: str = "server"
    times: int = 1

    def holds(self, now: float) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until

    @property
    def entry(self) -> str:
        """Its name in a decision."""
        return f"ban {self.network}"
