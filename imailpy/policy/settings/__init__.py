"""
What the checks can be told: one frozen value, part of the realm's.

A module for each subject.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from imailpy.policy.settings.access import (
    AccessAnswer,
    AccessEntry,
    AccessList,
    AccessMode,
    AccessRules,
)
from imailpy.policy.settings.harvest import HarvestRules
from imailpy.policy.settings.hello import HelloRules
from imailpy.policy.settings.limits import ConnectionLimits
from imailpy.policy.settings.recipients import OverQuota, RecipientRules
from imailpy.policy.settings.relay import (
    OnwardDomain,
    RecipientCheck,
    RelayPolicy,
    RelaySettings,
)
from imailpy.policy.settings.sending import OverLimit, SendingLimits
from imailpy.policy.settings.spoof import LocalSender, SpoofSettings
from imailpy.policy.settings.submission import SubmissionRules

__all__ = [
    "AccessAnswer",
    "AccessEntry",
    "AccessList",
    "AccessMode",
    "AccessRules",
    "ConnectionLimits",
    "HarvestRules",
    "HelloRules",
    "LocalSender",
    "OnwardDomain",
    "OverLimit",
    "OverQuota",
    "PolicySettings",
    "RecipientCheck",
    "RecipientRules",
    "RelayPolicy",
    "RelaySettings",
    "SendingLimits",
    "SpoofSettings",
    "SubmissionRules",
]


@frozen
class PolicySettings:
    """
    All that the checks may be told.

    Attributes:
        written: `section.key` of each setting that the operator wrote ->
            where: `imailpy.toml:12`.
    """

    relay: RelaySettings = field(factory=RelaySettings)
    limits: ConnectionLimits = field(factory=ConnectionLimits)
    hello: HelloRules = field(factory=HelloRules)
    submission: SubmissionRules = field(factory=SubmissionRules)
    recipients: RecipientRules = field(factory=RecipientRules)
    spoof: SpoofSettings = field(factory=SpoofSettings)
    sending: SendingLimits = field(factory=SendingLimits)
    access: AccessRules = field(factory=AccessRules)
    harvest: HarvestRules = field(factory=HarvestRules)
    written: Mapping[str, str] = field(factory=dict, eq=False, repr=False)

    def entry(self, setting: str) -> str:
        """Name where a setting comes from."""
        return self.written.get(setting) or f"{setting} (default)"
