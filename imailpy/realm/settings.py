"""The realm's settings: one frozen value, reloaded as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from imailpy.mail import Sign
from imailpy.policy.networks import NOWHERE, Networks
from imailpy.policy.settings import (
    ConnectionLimits,
    HarvestRules,
    PolicySettings,
)
from imailpy.realm.custom.settings import CustomPolicy


@frozen
class FailureWindow:
    """
    How many failed logins a network may have in a span of time.

    Attributes:
        width_s: The span.
        narrow: From one IPv4 address or IPv6 /64.
        middle: From one IPv4 /26 or IPv6 /48.
        wide: From one IPv4 /21 or IPv6 /32.
    """

    width_s: int
    narrow: int
    middle: int
    wide: int


STANDARD_WINDOWS = (
    FailureWindow(60, 10, 30, 90),
    FailureWindow(86_400, 50, 150, 450),
)


@frozen
class LoginSettings:
    """
    Attributes:
        failure_delay_s: Wait after a failed login; 0: none.
        windows: Failed logins that a network may have; empty: any number.
        cache_s: How long a password that was right is known; 0: not at all.
        hash_threads: Threads that check passwords; read once, at start.
        hash_queue: Checks that may wait for them; read once, at start.
        host_delimiters: Characters that part user and host in a login name
            without "@": IMail's `user%host`.
        default_domain: Of a login name without domain; empty: none.
        scram_iterations: Of the made-up secrets; as new accounts get them.
        slow_after: Failures of one account, from wherever, after which
            addresses that it does not know have to wait; 0: never.
        slow_window_s: So long they count.
        slow_step_s: Each failure more makes the wait so much longer.
        slow_most_s: The longest wait.
        known_days: So long an address is known after a login.
    """

    failure_delay_s: float = 2.0
    windows: tuple[FailureWindow, ...] = STANDARD_WINDOWS
    cache_s: float = 300.0
    hash_threads: int = 2
    hash_queue: int = 100
    host_delimiters: str = "%"
    default_domain: str = ""
    scram_iterations: int = 4096
    slow_after: int = 20
    slow_window_s: int = 3600
    slow_step_s: float = 0.5
    slow_most_s: float = 15.0
    known_days: int = 30


STANDARD_WEIGHTS: Mapping[Sign, int] = {
    Sign.LONG_COMMAND: 50,
    Sign.EARLY_TALK: 20,
    Sign.HTTP: 100,
    Sign.TLS_JUNK: 10,
    Sign.BAD_COMMANDS: 34,
    Sign.JUNK_COMMANDS: 34,
    Sign.SMUGGLING: 50,
    Sign.TOO_SLOW: 20,
    Sign.UNKNOWN_RECIPIENTS: 50,
    Sign.FAILED_LOGIN: 4,
}


@frozen
class BanSettings:
    """
    Attributes:
        enabled: Whether there are bans at all.
        score: Signs of one address that make so much together ban it.
        window_s: Within such a span.
        weights: What each sign counts; 0 or absent: nothing.
        first_s: How long the first ban is.
        growth: Each further one is so many times as long as the one before.
        longest_s: And never longer than this.
        repeat_s: So long after its end a ban is remembered.
        most: Bans at once; the oldest of ours make place.
        exempt: Networks that we never ban; an operator may.
    """

    enabled: bool = True
    score: int = 100
    window_s: int = 600
    weights: Mapping[Sign, int] = field(factory=lambda: STANDARD_WEIGHTS)
    first_s: float = 600.0
    growth: float = 4.0
    longest_s: float = 86_400.0
    repeat_s: float = 7 * 86_400.0
    most: int = 100_000
    exempt: Networks = NOWHERE

    def length_s(self, times: int) -> float:
        """Give how long the ban is that a network gets for that time."""
        # More than this is far beyond every bound.
        steps = min(times - 1, 64)
        return min(self.longest_s, self.first_s * self.growth**steps)


@frozen
class StressSettings:
    """
    Attributes:
        share: Of all connections that are allowed, from which on there is
            stress; 0: there never is.
        leave: Below this part of it there is calm.
        lag_s: The reactor being so late is stress, too.
        calm_s: It ends after so much calm.
    """

    share: float = 0.8
    leave: float = 0.75
    lag_s: float = 1.0
    calm_s: float = 30.0


@frozen
class RealmSettings:
    """
    Attributes:
        policy: What the checks are told.
        login: How somebody signs in.
        box_delimiters: Characters before the box in `user+box`.
        bans: Who is kept out for a time.
        stress: When strangers get less time.
        custom: The policy in Python.
    """

    policy: PolicySettings = field(factory=PolicySettings)
    login: LoginSettings = field(factory=LoginSettings)
    box_delimiters: str = "+-"
    bans: BanSettings = field(factory=BanSettings)
    stress: StressSettings = field(factory=StressSettings)
    custom: CustomPolicy = field(factory=CustomPolicy)


def uncounted(settings: RealmSettings) -> RealmSettings:
    """
    Give the same settings for somebody who comes again and again on purpose.

    What a check or a question about a single envelope wants to know has
    nothing to do with how often it is asked.
    """
    return evolve(
        settings,
        policy=evolve(
            settings.policy,
            limits=ConnectionLimits(0, 0, 0, NOWHERE, 0, 0, 0),
            harvest=HarvestRules(slow_after=0, most=0),
        ),
        login=evolve(
            settings.login, failure_delay_s=0.0, windows=(), slow_after=0
        ),
        bans=evolve(settings.bans, enabled=False),
        stress=StressSettings(share=0.0),
    )
