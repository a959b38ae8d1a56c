"""Who may relay."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from imailpy.policy.networks import NOWHERE, Networks


class RelayPolicy(Enum):
    """
    Who may send to a non-local address without signing in.

    IMail's names: "No mail relay" and "Relay mail for addresses".
    """

    NONE = "none"
    ADDRESSES = "addresses"


@frozen
class RelaySettings:
    """
    Attributes:
        policy: Which exception there is to "everybody must authenticate".
        addresses: Clients that may relay, for policy `addresses` alone.
    """

    policy: RelayPolicy = RelayPolicy.NONE
    addresses: Networks = NOWHERE
