"""The realm's settings: one frozen value, reloaded as a whole."""

from __future__ import annotations

from attrs import field, frozen

from imailpy.policy.settings import PolicySettings
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
    """

    failure_delay_s: float = 2.0
    windows: tuple[FailureWindow, ...] = STANDARD_WINDOWS
    cache_s: float = 300.0
    hash_threads: int = 2
    hash_queue: int = 100
    host_delimiters: str = "%"
    default_domain: str = ""
    scram_iterations: int = 4096


@frozen
class RealmSettings:
    """
    Attributes:
        policy: What the checks are told.
        login: How somebody signs in.
        box_delimiters: Characters before the box in `user+box`.
        custom: The policy in Python.
    """

    policy: PolicySettings = field(factory=PolicySettings)
    login: LoginSettings = field(factory=LoginSettings)
    box_delimiters: str = "+-"
    custom: CustomPolicy = field(factory=CustomPolicy)
