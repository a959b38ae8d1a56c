"""Counters for Prometheus."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from imailpy.admin.meters import Meters, site
from tests.support.store import make_store
from tests.support.world import result_of


class MetersTests(SynchronousTestCase):
    """What a scraper reads."""

    def setUp(self) -> None:
        self.store = make_store()
        self.meters = Meters(self.store)

    def get(self, path: bytes) -> bytes:
        """Ask the page by HTTP."""
        factory = site(self.meters)
        protocol: Any = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(b"GET %b HTTP/1.0\r\n\r\n" % path)
        return transport.value()

    def test_counts(self) -> None:
        """Every event is counted under its name."""
        for _ in range(3):
            self.meters.count("login.refused")
        text = result_of(self.meters.text()).decode()
        self.assertIn('imailpy_events_total{event="login.refused"} 3.0', text)

    def test_page(self) -> None:
        """/metrics has figures of the store; nothing else is there."""
        said = self.get(b"/metrics")
        self.assertIn(b" 200 OK", said)
        self.assertIn(b"text/plain; version=0.0.4", said)
        self.assertIn(b'imailpy_figure{name="', said)
        self.assertIn(b" 404 ", self.get(b"/"))

    def test_store_gone(self) -> None:
        """A store that cannot tell is a 503, not a page of zeroes."""

        async def figures() -> Any:
            raise OSError("gone")

        self.patch(self.store, "figures", figures)
        self.assertIn(b" 503 ", self.get(b"/metrics"))
