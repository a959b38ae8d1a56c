"""One function of a policy in Python while it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import Stuck
from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.api import (
    Registration,
    accept,
    defer,
    quarantine,
    reject,
)
from imailpy.policy.testing import facts
from imailpy.realm.custom.guard import QUIET_S, Guard
from imailpy.realm.custom.settings import CustomPolicy, WhenDisabled
from tests.support.journal import KeptJournal
from tests.support.world import TestWorld


class Watchdog:
    """Says that a call took as long as a test wants, or was stuck."""

    def __init__(self) -> None:
        self.took_s = 0.0
        self.stuck = False

    def call(self, function: Any, argument: Any, limit_s: float) -> Any:
        if self.stuck:
            raise Stuck(f"it ran for over {limit_s:g} s")
        return function(argument)


class GuardTests(SynchronousTestCase):
    """What becomes of its answers and of its faults."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.world.watchdog = self.watchdog = Watchdog()
        self.journal = KeptJournal()

    def guard(
        self,
        function: Callable[[Any], Any],
        stage: str = "rcpt",
        settings: CustomPolicy = CustomPolicy(),  # noqa: B008 - frozen
    ) -> Guard:
        told = Registration(stage, "policy.a", function, line=7)
        return Guard(told, "policy.py", settings, self.world, self.journal)

    def said(self, function: Callable[[Any], Any], stage: str = "rcpt") -> Any:
        return self.guard(function, stage).ask(facts.rcpt(), None)

    def told(self, event: str) -> list[dict[str, Any]]:
        return [f for e, f in self.journal.events if e == event]

    def test_decisions_are_named(self) -> None:
        """Its decisions have its rule, its line and its reason."""
        self.assertIsNone(self.said(lambda facts: None))
        self.assertEqual(
            self.said(lambda facts: reject("why", "No")),
            Decision(
                Verdict.REJECT,
                "policy.a",
                "why",
                Reply(550, "No", "5.7.1"),
                "policy.py:7",
            ),
        )
        self.assertEqual(
            self.said(lambda facts: accept("fine", rule="b")),
            Decision(
                Verdict.ACCEPT, "policy.a.b", "fine", None, "policy.py:7"
            ),
        )

    def test_a_rule_cannot_pose(self) -> None:
        """Its rule begins with its name, whatever it says."""
        said = self.said(lambda facts: reject("x", rule="relay.local"))
        self.assertEqual(said.rule, "policy.a.relay.local")

    def test_greeting(self) -> None:
        """A refusal at the greeting is one that a greeting can be."""
        for made, code in ((reject, 554), (defer, 421)):
            said = self.said(lambda facts, m=made: m("x"), "connect")
            self.assertEqual(said.reply.code, code)

    def test_faults_defer(self) -> None:
        """Whatever goes wrong in it: the client shall try again later."""

        async def later() -> None:
            pass

        def leaves(facts: Any) -> None:
            raise SystemExit(0)

        evil = "x\r\n250 fine"
        for function in (
            lambda facts: 1 / 0,
            lambda facts: facts.nosuch,
            lambda facts: "reject",
            lambda facts: later(),
            leaves,
            lambda facts: quarantine("not at RCPT"),
            lambda facts: reject("x", evil),
            lambda facts: reject("x", ""),
            lambda facts: reject("x", "é"),
            lambda facts: reject("x", "y" * 500),
            lambda facts: reject("x", Reply(250, "fine", "2.0.0")),
            lambda facts: reject("x", Reply(450, "fine", "4.0.0")),
            lambda facts: reject("x", Reply(550, "fine", "2.0.0")),
            lambda facts: reject("x", Reply(550, "fine", "5.0\r\n")),
            lambda facts: Decision(Verdict.REJECT, "a", "b"),
        ):
            said = self.said(function)
            self.assertEqual(
                (said.verdict, said.rule, said.entry),
                (Verdict.DEFER, "policy.a.failed", "policy.py:7"),
            )
            self.assertEqual(
                str(said.reply),
                "451 4.3.0 Cannot decide just now, please try later",
            )
        said = self.said(lambda facts: 1 / 0, "connect")
        self.assertEqual(said.reply.code, 421)

    def test_quarantine(self) -> None:
        """A message, and one recipient's copy, can be kept away."""
        for stage in ("message", "data"):
            said = self.said(lambda facts: quarantine("odd"), stage)
            self.assertIs(said.verdict, Verdict.QUARANTINE)

    def test_faults_are_told_now_and_then(self) -> None:
        """A fault has a line in the log, further ones a number in it."""
        guard = self.guard(lambda facts: 1 / 0)
        for _ in range(5):
            guard.ask(None, None)
        [told] = self.told("policy.failed")
        self.assertEqual(told["rule"], "policy.a")
        self.assertEqual(told["error"], "ZeroDivisionError: division by zero")
        self.assertIn("test_guard.py:", told["trace"])
        self.world.advance(QUIET_S)
        guard.ask(None, None)
        self.assertEqual(
            [told["untold"] for told in self.told("policy.failed")], [0, 4]
        )
        self.assertEqual(guard.state()["failures"], 6)

    def test_one_slow_call_is_counted(self) -> None:
        """A slow call now and then is counted, and changes nothing."""
        guard = self.guard(lambda facts: None)
        for number in range(2000):
            self.watchdog.took_s = 0.006 if number % 12 == 0 else 0.001
            self.assertIsNone(guard.ask(None, None))
        self.assertEqual(guard.state()["slow"], 167)
        self.assertEqual(guard.state()["state"], "on")

    def test_slow_calls_switch_off(self) -> None:
        """Ten slow calls of a hundred switch a function off: it defers."""
        asked = []
        guard = self.guard(asked.append)
        for number in range(100):
            self.watchdog.took_s = 0.006 if number % 10 == 0 else 0.001
            guard.ask(None, None)
        self.assertEqual(len(asked), 91)
        [told] = self.told("policy.disabled")
        self.assertIn("10 of 100 calls took over 5 ms", told["reason"])
        said = guard.ask(None, None)
        self.assertEqual(
            (said.verdict, said.rule), (Verdict.DEFER, "policy.a.disabled")
        )
        self.assertEqual(len(asked), 91)

    def test_stuck_switches_off(self) -> None:
        """One stuck call is ended, deferred, and switches it off."""
        guard = self.guard(lambda facts: None)
        self.watchdog.stuck = True
        self.assertEqual(guard.ask(None, None).rule, "policy.a.stuck")
        self.watchdog.stuck = False
        self.assertEqual(guard.ask(None, None).rule, "policy.a.disabled")
        self.assertEqual(len(self.told("policy.disabled")), 1)

    def test_off_may_mean_skipped(self) -> None:
        """Where the operator wants it, what is off has nothing to say."""
        skip = CustomPolicy(disabled=WhenDisabled.SKIP)
        guard = self.guard(lambda facts: reject("x"), settings=skip)
        self.watchdog.stuck = True
        self.assertTrue(guard.ask(None, None).refuses)
        self.watchdog.stuck = False
        self.assertIsNone(guard.ask(None, None))

    def test_a_rehearsal_leaves_no_trace(self) -> None:
        """
        However often `why` asks a slow, failing or stuck function, the live
        one goes on, its counts are as before, and the log is silent.
        """

        def fails(_: Any) -> None:
            raise RuntimeError("oops")

        live = self.guard(fails)
        before = live.state()
        self.watchdog.took_s = 1.0
        likeness = live.rehearsing()
        said = likeness.ask(facts.rcpt(), None)
        self.assertEqual("policy.a.failed", said and said.rule)
        self.watchdog.stuck = True
        said = likeness.ask(facts.rcpt(), None)
        self.assertEqual("policy.a.stuck", said and said.rule)
        self.assertTrue(likeness.off)
        slow = self.guard(lambda _: None)
        self.watchdog.stuck = False
        likeness = slow.rehearsing()
        for _ in range(100):
            likeness.ask(facts.rcpt(), None)
        self.assertTrue(likeness.off)
        self.assertEqual(before, live.state())
        self.assertEqual("on", slow.state()["state"])
        self.assertEqual(0, slow.slow)
        self.assertEqual([], self.journal.events)

    def test_a_rehearsal_knows_what_is_off(self) -> None:
        """A function that is switched off is so in a rehearsal, too."""
        self.watchdog.stuck = True
        live = self.guard(lambda _: None)
        live.ask(facts.rcpt(), None)
        said = live.rehearsing().ask(facts.rcpt(), None)
        self.assertEqual("policy.a.disabled", said and said.rule)
