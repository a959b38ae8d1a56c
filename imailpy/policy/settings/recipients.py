"""Recipients of ours."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class OverQuota(Enum):
    """What is said for a mailbox without room."""

    DEFER = "defer"
    REJECT = "reject"


@frozen
class RecipientRules:
    """
    Attributes:
        over_quota: `defer` (452 4.2.2) or `reject` (552 5.2.2).
    """

    over_quota: OverQuota = OverQuota.DEFER
