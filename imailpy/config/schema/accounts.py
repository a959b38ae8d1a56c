"""How much one account may send."""

from __future__ import annotations

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import setting
from imailpy.policy.settings import OverLimit


@frozen
class Sending:
    """
    How much one account may send, unless imailctl account limits says
    otherwise for it; 0 lifts a limit. A day is the last 24 hours.
    """

    messages_a_day: int = setting(
        "Messages in 24 hours.", 1_000, check=f.within(0, 10**8)
    )
    recipients_a_day: int = setting(
        "Recipients in 24 hours, of all messages together.",
        3_000,
        check=f.within(0, 10**8),
    )
    first_time_recipients_a_day: int = setting(
        "Of these, addresses that the account has never written to before.",
        1_000,
        check=f.within(0, 10**8),
    )
    burst: int = setting(
        "Messages at once; as many come back in a minute.",
        100,
        check=f.within(0, 10**6),
    )
    over: OverLimit = setting(
        "What becomes of mail over a limit of the day: defer (450, the "
        "program tries again) or hold (taken, and kept in the queue until "
        "imailctl queue retry).",
        OverLimit.DEFER,
    )
