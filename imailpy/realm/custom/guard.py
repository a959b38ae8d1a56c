"""
One function of a policy in Python while it is asked.

A fault of it is never a way in: whoever it was asked about is told to try
again later, and the operator hears of it. Too many slow calls, or one that
had to be ended, switch the function off until the policy is loaded anew.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from typing import Any

from imailpy.errors import Stuck
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.world import IWorld
from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.api import Registration
from imailpy.policy.book import line_of, place_of, way_of
from imailpy.realm.custom.settings import CustomPolicy, WhenDisabled
from imailpy.realm.silence import Silence

# Calls among which the slow ones are counted.
WINDOW = 100
# Seconds between two lines of the log about the faults of one function.
QUIET_S = 60.0
MOST_TEXT = 400
# Where a message can be kept away from the inbox.
QUARANTINING = ("message", "data")

_LATER = Reply(451, "Cannot decide just now, please try later", "4.3.0")
_LATER_AT_ONCE = Reply(421, "Cannot talk just now, please try later", "4.3.0")


class Guard:
    """
    Asks one function.

    Attributes:
        calls: So far.
        failures: Calls that raised, or gave what is no decision.
        slow: Calls that took too long.
        off: Why it is switched off; empty: it is not.
    """

    def __init__(
        self,
        registration: Registration,
        file: str,
        settings: CustomPolicy,
        world: IWorld,
        journal: IJournal,
    ) -> None:
        self.registration = registration
        # What an operator is shown of it.
        self.__doc__ = registration.function.__doc__ or registration.name
        self.calls = self.failures = self.slow = 0
        self.off = ""
        self._file = file
        self._entry = f"{file}:{registration.line}"
        self._settings = settings
        self._clock = world.clock
        self._watchdog = world.watchdog
        self._journal: IJournal = journal
        # Numbers of the last slow calls.
        self._slow: deque[int] = deque(maxlen=settings.slow_calls)
        self._told_at = -QUIET_S
        self._untold = 0

    def ask(self, facts: Any, _: Any) -> Decision | None:
        """Ask it, as a `Check`'s function."""
        if self.off:
            return self._while_off()
        self.calls += 1
        settings = self._settings
        watchdog = self._watchdog
        try:
            said = watchdog.call(
                self.registration.function, facts, settings.stuck_s
            )
            if watchdog.took_s > settings.slow_s:
                self._was_slow(watchdog.took_s)
            return None if said is None else self._judged(said)
        except Stuck as stuck:
            return self._was_stuck(stuck)
        except (Exception, SystemExit) as error:
            return self._failed(error)

    __call__ = ask

    def rehearsing(self) -> Guard:
        """
        A likeness that answers as this one would now.

        What it counts is its own, and nobody hears of its faults.
        """
        made = copy(self)
        made._slow = self._slow.copy()
        made._journal = Silence()
        return made

    def state(self) -> dict[str, Any]:
        """How it stands, for an operator."""
        told = self.registration
        return {
            "name": told.name,
            "stage": told.stage,
            "place": place_of(told),
            "entry": self._entry,
            "state": self.off or "on",
            "calls": self.calls,
            "failures": self.failures,
            "slow": self.slow,
        }

    # Inside

    def _judged(self, said: Any) -> Decision:
        """Give a decision our rule and entry; raise where it is none."""
        if not isinstance(said, Decision):
            if hasattr(said, "close"):
                said.close()
            raise TypeError(
                f"it gave {type(said).__name__}, neither a Decision nor None"
            )
        reply = said.reply
        if said.refuses:
            reply = _checked(said.verdict, reply)
            if self.registration.stage == "connect":
                # All that a greeting can say [RFC5321 3.1].
                code = 421 if said.verdict is Verdict.DEFER else 554
                reply = Reply(code, reply.text, reply.enhanced_status)
        elif (
            said.verdict is Verdict.QUARANTINE
            and self.registration.stage not in QUARANTINING
        ):
            raise ValueError(
                f"quarantine is for the stages {' and '.join(QUARANTINING)}"
            )
        return Decision(
            said.verdict,
            self._rule(said.rule),
            str(said.reason),
            reply,
            self._entry,
        )

    def _rule(self, more: str) -> str:
        rule = self.registration.name
        if not more or more == rule:
            return rule
        return f"{rule}.{more.removeprefix(rule + '.')}"

    def _failed(self, error: BaseException) -> Decision:
        self.failures += 1
        line = line_of(self._file, error)
        text = f"{type(error).__name__}: {error}"[:MOST_TEXT]
        now = self._clock.monotonic()
        if now - self._told_at < QUIET_S:
            self._untold += 1
        else:
            self._journal.record(
                "policy.failed",
                rule=self.registration.name,
                error=text,
                entry=f"{self._file}:{line or self.registration.line}",
                trace=way_of(self._file, error),
                untold=self._untold,
            )
            self._told_at = now
            self._untold = 0
        return self._later("failed", f"it raised {text}")

    def _was_slow(self, took_s: float) -> None:
        self.slow += 1
        self._slow.append(self.calls)
        most = self._settings.slow_calls
        if len(self._slow) == most and self.calls - self._slow[0] < WINDOW:
            self._switch_off(
                f"{most} of {WINDOW} calls took over "
                f"{self._settings.slow_s * 1000:g} ms, the last "
                f"{took_s * 1000:.0f} ms"
            )

    def _was_stuck(self, stuck: Stuck) -> Decision:
        self.failures += 1
        line = line_of(self._file, stuck) or self.registration.line
        self._switch_off(f"{stuck}, at line {line}")
        return self._later("stuck", f"it was ended: {stuck}")

    def _switch_off(self, why: str) -> None:
        self.off = f"off: {why}"
        self._journal.record(
            "policy.disabled",
            rule=self.registration.name,
            reason=why,
            entry=self._entry,
            stands_for=self._settings.disabled.value,
        )

    def _while_off(self) -> Decision | None:
        if self._settings.disabled is WhenDisabled.SKIP:
            return None
        return self._later("disabled", self.off)

    def _later(self, what: str, reason: str) -> Decision:
        at_once = self.registration.stage == "connect"
        return Decision(
            Verdict.DEFER,
            f"{self.registration.name}.{what}",
            reason,
            _LATER_AT_ONCE if at_once else _LATER,
            self._entry,
        )


def _checked(verdict: Verdict, reply: Reply | None) -> Reply:
    """
    Give a reply that may be sent: one line or more of printable ASCII, 4xx
    for a deferral and 5xx for a refusal.
    """
    if reply is None:
        raise ValueError(f"{verdict.value} without a reply")
    wanted = 4 if verdict is Verdict.DEFER else 5
    if not isinstance(reply.code, int) or reply.code // 100 != wanted:
        raise ValueError(f"{verdict.value} with a reply of {reply.code}")
    for line in (reply.text or "").split("\n"):
        if not line.isascii() or not line.isprintable() or not line:
            raise ValueError("a reply that is not printable ASCII")
    status = reply.enhanced_status
    if len(reply.text) > MOST_TEXT:
        raise ValueError(f"a reply of over {MOST_TEXT} characters")
    if status is not None and not _is_status(status, wanted):
        raise ValueError(f"{reply.code} with the status {status!r}")
    return reply


def _is_status(text: str, wanted: int) -> bool:
    """Whether it is `5.7.1` or the like [RFC3463 2]."""
    parts = text.split(".")
    return (
        len(parts) == 3
        and parts[0] == str(wanted)
        and all(p.isascii() and p.isdigit() and len(p) <= 3 for p in parts)
    )
