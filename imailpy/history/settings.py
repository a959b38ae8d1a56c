"""What the history is told."""

from __future__ import annotations

from attrs import frozen


@frozen
class HistorySettings:
    """
    Attributes:
        directory: Where `decisions.db` lies.
        days: So long it is kept; 0: there is no history.
        most_octets: So large the file becomes; the oldest go first.
        min_free_octets: With less room on the disk nothing is written.
    """

    directory: str
    days: float = 30.0
    most_octets: int = 500 * 1024 * 1024
    min_free_octets: int = 0
