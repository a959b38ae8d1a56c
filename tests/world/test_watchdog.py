"""Calls that hold the reactor are ended."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.errors import Stuck
from imailpy.interfaces.world import IWatchdog
from imailpy.world.real_watchdog import RealWatchdog
from imailpy.world.simulated.processes import InlineWatchdog


def forever(_: Any) -> None:
    while True:
        pass


def swallows(_: Any) -> None:
    while True:
        with contextlib.suppress(Exception):
            forever(None)


def backtracks(_: Any) -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def sleeps(_: Any) -> None:
    time.sleep(60)


class RealWatchdogTests(SynchronousTestCase):
    """On this machine, in the main thread."""

    def setUp(self) -> None:
        before = signal.getsignal(signal.SIGALRM)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        self.watchdog = RealWatchdog()

    def test_interface(self) -> None:
        """Both watchdogs are watchdogs."""
        verifyObject(IWatchdog, self.watchdog)
        verifyObject(IWatchdog, InlineWatchdog())

    def ended(self, function: Callable[[Any], Any]) -> None:
        self.assertRaises(Stuck, self.watchdog.call, function, None, 0.02)
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0.0, 0.0))

    def test_ends_what_is_stuck(self) -> None:
        """Loops, regular expressions and waiting are ended."""
        for function in (forever, swallows, backtracks, sleeps):
            self.ended(function)

    def test_gives_results(self) -> None:
        """Results and exceptions come through, and no timer stays."""
        self.assertEqual(self.watchdog.call(str, 5, 0.05), "5")
        self.assertRaises(ValueError, self.watchdog.call, int, "x", 0.05)
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0.0, 0.0))
        self.assertLess(self.watchdog.took_s, 0.05)

    def test_counts_work(self) -> None:
        """The work of a call is known, whether it ends well or not."""

        def works(seconds: float) -> None:
            end = time.thread_time() + seconds
            while time.thread_time() < end:
                pass

        self.watchdog.call(works, 0.01, 5.0)
        self.assertGreaterEqual(self.watchdog.took_s, 0.01)

    def test_short_waits_are_no_work(self) -> None:
        """A machine that was busy with others makes nobody stuck."""
        self.watchdog.call(time.sleep, 0.05, 0.02)
        self.assertLess(self.watchdog.took_s, 0.02)

    def test_other_threads(self) -> None:
        """Elsewhere than in the main thread a call is only counted."""
        got: list[Any] = []
        thread = Thread(
            target=lambda: got.append(RealWatchdog().call(str, 5, 0.01))
        )
        thread.start()
        thread.join()
        self.assertEqual(got, ["5"])
