"""Counters and figures in Prometheus' text format, for loopback scrapers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
)
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from imailpy.interfaces.store import IStore


class Meters:
    """
    What is counted.

    Figures are asked for when somebody looks, not before.

    Args:
        more: Gives figures beside the store's.
    """

    def __init__(
        self,
        store: IStore,
        more: Callable[[], dict[str, float]] = dict,
    ) -> None:
        self._store = store
        self._more = more
        self._registry = CollectorRegistry()
        self._events = Counter(
            "imailpy_events",
            "Things that happened, by their name in the log",
            ["event"],
            registry=self._registry,
        )
        self._figures = Gauge(
            "imailpy_figure",
            "Sizes and counts, as in imailctl status",
            ["name"],
            registry=self._registry,
        )
        # What happened since somebody looked: no lock for each event.
        self._counts: dict[str, int] = {}

    def count(self, event: str) -> None:
        """Count one event."""
        self._counts[event] = self._counts.get(event, 0) + 1

    async def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        figures: dict[str, Any] = dict(await self._store.figures())
        figures.update(self._more())
        for state, count in (await self._store.queue.counts()).items():
            figures[f"queue_{state}"] = count
        counts, self._counts = self._counts, {}
        for event, count in counts.items():
            self._events.labels(event).inc(count)
        for name, value in figures.items():
            if isinstance(value, (int, float)):
                self._figures.labels(name).set(value)
        return generate_latest(self._registry)


class MetricsPage(Resource):
    """GET /metrics."""

    isLeaf = True

    def __init__(self, meters: Meters) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._meters = meters

    def render_GET(self, request: Request) -> int:
        """Answer once the store has told its figures."""

        def give(text: bytes) -> None:
            request.setHeader("Content-Type", "text/plain; version=0.0.4")
            request.write(text)
            request.finish()

        def fail(failure: Failure) -> None:
            request.setResponseCode(503)
            request.finish()

        if request.path != b"/metrics":
            request.setResponseCode(404)
            return b""  # type: ignore[return-value]
        Deferred.fromCoroutine(self._meters.text()).addCallbacks(give, fail)
        return NOT_DONE_YET


def site(meters: Meters) -> Site:
    """The factory for a listening port."""
    return Site(MetricsPage(meters))
