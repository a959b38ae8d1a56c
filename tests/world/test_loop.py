"""How long the reactor was held."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.world.real_loop import LoopWatch


class Reactor:
    """Holds itself as long as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def _doReadOrWrite(self, seconds: float, *_: Any) -> str:
        self.now += seconds
        return "done"

    def runUntilCurrent(self) -> None:
        self.now += 0.25
        raise ValueError("planted")


class LoopWatchTests(SynchronousTestCase):
    """The longest callback is a figure."""

    def test_longest(self) -> None:
        """It is the longest so far, failed or not."""
        reactor = Reactor()
        watch = LoopWatch(reactor, lambda: reactor.now)
        self.assertEqual(watch.longest_s, 0.0)
        self.assertEqual(reactor._doReadOrWrite(0.125, "fd"), "done")
        self.assertEqual(watch.longest_s, 0.125)
        self.assertRaises(ValueError, reactor.runUntilCurrent)
        self.assertEqual(watch.longest_s, 0.25)
        reactor._doReadOrWrite(0.125)
        self.assertEqual(watch.longest_s, 0.25)

    def test_another_reactor(self) -> None:
        """One that is made otherwise goes unwatched."""
        self.assertEqual(LoopWatch(object()).longest_s, 0.0)
