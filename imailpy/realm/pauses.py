"""Letting time pass without holding anybody else up."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from imailpy.interfaces.world import IClock


class Pauses:
    """The pauses of one connection: over at once when it is gone."""

    __slots__ = ("_clock", "_waiting")

    def __init__(self, clock: IClock) -> None:
        self._clock = clock
        self._waiting: list[Deferred[None]] = []

    async def pause(self, delay_s: float) -> None:
        """Return after so long, or when nobody waits any longer."""
        if delay_s <= 0:
            return
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        call = self._clock.call_later(delay_s, self._go_on, waiting)
        await waiting
        call.cancel()

    def let_go(self) -> None:
        """Nobody waits any longer."""
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def _go_on(self, waiting: Deferred[None]) -> None:
        self._waiting.remove(waiting)
        waiting.callback(None)


class Haste(Pauses):
    """Pauses of a rehearsal: nobody is there to be slowed down."""

    async def pause(self, delay_s: float) -> None:
        """Nothing."""
