"""
What the checks can be told: one frozen value, part of the realm's.

A module for each subject.
"""

from __future__ import annotations

from attrs import field, frozen

from imailpy.policy.settings.hello import HelloRules
from imailpy.policy.settings.limits import ConnectionLimits
from imailpy.policy.settings.recipients import OverQuota, RecipientRules
from imailpy.policy.settings.relay import RelayPolicy, RelaySettings
from imailpy.policy.settings.sending import OverLimit, SendingLimits
from imailpy.policy.settings.submission import SubmissionRules

__all__ = [
    "ConnectionLimits",
    "HelloRules",
    "OverLimit",
    "OverQuota",
    "PolicySettings",
    "RecipientRules",
    "RelayPolicy",
    "RelaySettings",
    "SendingLimits",
    "SubmissionRules",
]


@frozen
class PolicySettings:
    """All that the checks may be told."""

    relay: RelaySettings = field(factory=RelaySettings)
    limits: ConnectionLimits = field(factory=ConnectionLimits)
    hello: HelloRules = field(factory=HelloRules)
    submission: SubmissionRules = field(factory=SubmissionRules)
    recipients: RecipientRules = field(factory=RecipientRules)
    sending: SendingLimits = field(factory=SendingLimits)
