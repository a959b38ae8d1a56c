"""Strangers that send under an address of ours."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from imailpy.policy.networks import NOWHERE, Networks


class LocalSender(Enum):
    """What becomes of a stranger's mail under an address of ours."""

    OFF = "off"
    MARK = "mark"
    REJECT = "reject"


@frozen
class SpoofSettings:
    """
    Attributes:
        local_sender: Of mail whose reverse-path is ours, from a client that
            neither signed in nor is listed.
        exempt: Clients that may do that, and nothing else.
    """

    local_sender: LocalSender = LocalSender.MARK
    exempt: Networks = NOWHERE
