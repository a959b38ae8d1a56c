"""What will happen: one queue of events for the whole universe."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from imailpy.interfaces.world import ICall, IClock

# 2026-01-01: any fixed moment will do.
EPOCH = 1767225600.0


class Crashed(BaseException):
    """
    The machine that runs this code is no more.

    No `except Exception` of the house catches it: it unwinds to the agenda.
    """


@implementer(ICall)
class Event:
    """One call to come."""

    __slots__ = ("arguments", "cancelled", "done", "function", "process")

    def __init__(
        self,
        process: Any,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
    ) -> None:
        self.process = process
        self.function = function
        self.arguments = arguments
        self.cancelled = False
        self.done = False

    def cancel(self) -> None:
        self.cancelled = True

    def active(self) -> bool:
        return not self.cancelled and not self.done


class Agenda:
    """
    Events by time; among equal times the seed decides.

    Attributes:
        elapsed_s: Simulated seconds since the beginning.
    """

    def __init__(self, seed: int) -> None:
        self.elapsed_s = 0.0
        self._queue: list[tuple[float, float, int, Event]] = []
        self._serial = 0
        self._order = random.Random(f"order {seed}")
        self._trace = hashlib.sha256()
        self.events = 0

    def at(
        self,
        delay_s: float,
        process: Any,
        function: Callable[..., object],
        *arguments: Any,
    ) -> Event:
        """Have `function` called for `process` in `delay_s` seconds."""
        event = Event(process, function, arguments)
        self._serial += 1
        heapq.heappush(
            self._queue,
            (
                self.elapsed_s + max(delay_s, 0.0),
                self._order.random(),
                self._serial,
                event,
            ),
        )
        return event

    def note(self, what: str) -> None:
        """Put something into the trace."""
        self._trace.update(f"{self.elapsed_s:.9f} {what}\n".encode())

    @property
    def trace_hash(self) -> str:
        """Of everything that happened so far."""
        return self._trace.hexdigest()

    def step(self) -> bool:
        """Make the next event happen; False when there is none."""
        while self._queue:
            when, _, _, event = heapq.heappop(self._queue)
            if event.cancelled or not event.process.alive:
                continue
            self.elapsed_s = max(self.elapsed_s, when)
            event.done = True
            self.events += 1
            try:
                event.function(*event.arguments)
            except Crashed:
                self.note("crashed")
            return True
        return False

    def next_time(self) -> float | None:
        """When the next living event is due."""
        while self._queue:
            when, _, _, event = self._queue[0]
            if not event.cancelled and event.process.alive:
                return when
            heapq.heappop(self._queue)
        return None


@implementer(IClock)
class SimulatedClock:
    """A machine's clock: its own skew, everybody's seconds."""

    def __init__(self, agenda: Agenda, process: Any, skew_s: float) -> None:
        self._agenda = agenda
        self._process = process
        self.skew_s = skew_s

    def now(self) -> float:
        return EPOCH + self._agenda.elapsed_s + self.skew_s

    def monotonic(self) -> float:
        return self._agenda.elapsed_s

    def call_later(
        self, delay_s: float, function: Callable[..., object], *arguments: Any
    ) -> Event:
        return self._agenda.at(delay_s, self._process, function, *arguments)
