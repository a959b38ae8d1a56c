"""What is told about a policy in Python."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class WhenDisabled(Enum):
    """What a function that was switched off stands for."""

    DEFER = "defer"
    SKIP = "skip"


@frozen
class CustomPolicy:
    """
    Attributes:
        file: Its path; empty: there is none.
        tests: Path of its tests; empty: the file beside it, if it is there.
        disabled: What a function that was switched off stands for.
        test_limit_s: Seconds that loading and tests may take.
        slow_s: Work of a call from which it counts as slow.
        slow_calls: So many of a hundred calls switch a function off.
        stuck_s: Work of a call from which it is ended.
    """

    file: str = ""
    tests: str = ""
    disabled: WhenDisabled = WhenDisabled.DEFER
    test_limit_s: float = 10.0
    slow_s: float = 0.005
    slow_calls: int = 10
    stuck_s: float = 0.25
