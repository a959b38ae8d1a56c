"""How a room gets its settings."""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Provider(Protocol, Generic[T_co]):
    """
    The current settings of one room: an immutable, numbered snapshot.

    A transaction reads `current` once and keeps it: a reload swaps it
    whole, and never under somebody's hands.
    """

    @property
    def current(self) -> T_co:
        """The settings as of now: a frozen value."""
        ...

    @property
    def number(self) -> int:
        """Grows by one with every reload."""
        ...
