"""Settings for tests."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Fixed(Generic[T]):
    """A provider whose settings change only when a test says so."""

    def __init__(self, current: T) -> None:
        self.current = current
        self.number = 1

    def change(self, current: T) -> None:
        """Reload."""
        self.current = current
        self.number += 1
