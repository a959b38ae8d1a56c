"""The policy in Python."""

from __future__ import annotations

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import FilePath, setting
from imailpy.realm.custom.settings import WhenDisabled


@frozen
class Policy:
    """
    Checks of your own, in Python. A file that does not load, or whose tests
    fail, is not taken: the one before stays; without one the server does not
    start.
    """

    file: FilePath = setting(
        "The functions. Taken anew at a reload, and when the file changes.",
        FilePath(""),
        example="policy.py",
    )
    tests: FilePath = setting(
        "Its tests, which run before it is taken. Empty: the file beside it, "
        "such as policy_test.py, where there is one.",
        FilePath(""),
        example="policy_test.py",
    )
    disabled: WhenDisabled = setting(
        "What a function stands for once it was switched off because it was "
        "slow or stuck: defer (try again later) or skip (nothing to say).",
        WhenDisabled.DEFER,
    )
    test_seconds: int = setting(
        "Time for loading it and its tests.", 10, check=f.within(1, 300)
    )
    slow_ms: int = setting(
        "Work of one call from which it counts as slow; ten slow ones among "
        "a hundred switch the function off.",
        5,
        check=f.within(1, 1000),
    )
    stuck_ms: int = setting(
        "Work of one call from which it is ended and the function switched "
        "off.",
        250,
        check=f.within(10, 10_000),
    )
