"""What the checks can be told: one frozen value, part of the realm's."""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

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


@frozen
class ConnectionLimits:
    """
    How many connections there may be at once; 0 lifts a limit.

    Attributes:
        per_address: From one IPv4 address or one IPv6 /64, each service.
        per_network: From one IPv4 /24 or one IPv6 /48, each service.
        total: Of all services together.
        exempt: Clients that only the total applies to.
    """

    per_address: int = 20
    per_network: int = 60
    total: int = 20_000
    exempt: Networks = NOWHERE


@frozen
class HelloRules:
    """
    Attributes:
        check_syntax: Refuse a name in HELO or EHLO that is neither a domain
            nor an address literal, on smtp listeners.
    """

    check_syntax: bool = True


@frozen
class SubmissionRules:
    """
    What those who sign in to send must keep to [RFC6409].

    Attributes:
        own_reverse_path: MAIL FROM must be theirs.
        null_reverse_path: They may send `MAIL FROM:<>` (read receipts).
        own_author: From and Sender of the header section must be theirs.
        check_domains: Refuse recipient domains that do not exist; needs
            DNS, so it is off where all goes to a smart host.
    """

    own_reverse_path: bool = True
    null_reverse_path: bool = True
    own_author: bool = True
    check_domains: bool = True


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


@frozen
class PolicySettings:
    """All that the checks may be told."""

    relay: RelaySettings = field(factory=RelaySettings)
    limits: ConnectionLimits = field(factory=ConnectionLimits)
    hello: HelloRules = field(factory=HelloRules)
    submission: SubmissionRules = field(factory=SubmissionRules)
    recipients: RecipientRules = field(factory=RecipientRules)
