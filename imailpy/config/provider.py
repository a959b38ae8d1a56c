"""
Settings that can be exchanged while the server runs, all or nothing.

Each room has a provider of its own few settings. A reload stages new ones in
every provider; only when none objects they are committed, all in one turn of
the reactor, so nobody ever sees half of a reload.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Settings(Generic[T]):
    """
    A `Provider`: the current settings of one room.

    Attributes:
        current: As of now.
        number: Of this snapshot; grows by one with every commit.
    """

    def __init__(self, current: T) -> None:
        self.current = current
        self.number = 1
        self._staged: list[T] = []
        self._judges: list[Callable[[T], None]] = []
        self._followers: list[Callable[[], None]] = []

    def judge(self, call: Callable[[T], None]) -> None:
        """Have `call` look at new settings; it raises to refuse them."""
        self._judges.append(call)

    def follow(self, call: Callable[[], None]) -> None:
        """
        Have `call` called when new settings hold, at every reload.

        It may raise where only the doing shows whether it can be done (files
        that have to be read): the whole reload is taken back then.
        """
        self._followers.append(call)

    def stage(self, new: T) -> None:
        """
        Keep new settings ready; nothing has changed when this returns.

        Raises:
            Exception: What a judge raises; nothing is staged then.
        """
        for judge in self._judges:
            judge(new)
        self._staged = [new]

    def drop(self) -> None:
        """Forget what was staged."""
        self._staged = []

    def commit(self) -> None:
        """Make the staged settings hold."""
        if not self._staged:
            raise ValueError("nothing was staged")
        self.current = self._staged.pop()
        self.number += 1

    def take_back(self, old: T) -> None:
        """Have the settings before the last commit hold again."""
        self.current = old
        self.number -= 1

    def tell(self) -> None:
        """Call those who follow; what one of them raises ends it."""
        for follower in self._followers:
            follower()


def exchange(changes: Sequence[tuple[Settings[Any], Any]]) -> None:
    """
    Give every room its new settings, or none of them.

    Args:
        changes: (provider, new settings); those that are equal to the old
            ones count, too: numbers stay together.

    Raises:
        Exception: What the first judge or follower that refuses raises; all
            the old settings hold then, and who had heard of the new ones has
            been told again.
    """
    providers = [provider for provider, _ in changes]
    before = [(provider, provider.current) for provider in providers]
    try:
        for provider, new in changes:
            provider.stage(new)
    except Exception:
        for provider in providers:
            provider.drop()
        raise
    for provider in providers:
        provider.commit()
    told: list[Settings[Any]] = []
    try:
        for provider in providers:
            told.append(provider)
            provider.tell()
    except Exception:
        for provider, old in before:
            provider.take_back(old)
        for provider in told:
            # It held these settings a moment ago; the error that counts is
            # the one that is raised.
            with suppress(Exception):
                provider.tell()
        raise
