"""Who may relay."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from imailpy.policy.addresses import NOBODY, AddressList
from imailpy.policy.networks import NOWHERE, Networks


class RelayPolicy(Enum):
    """
    Who may send to a non-local address without signing in.

    IMail's names: "No mail relay", "Relay mail for addresses", "Relay for
    local users only", "Relay for local hosts only", "Relay mail for anyone".
    """

    NONE = "none"
    ADDRESSES = "addresses"
    LOCAL_USERS = "local-users"
    LOCAL_HOSTS = "local-hosts"
    ANYONE = "anyone"

    @property
    def by_sender(self) -> bool:
        """Whether it believes what a client says of its sender."""
        return self in (RelayPolicy.LOCAL_USERS, RelayPolicy.LOCAL_HOSTS)


class RecipientCheck(Enum):
    """How it is known whether a domain of others has a recipient."""

    NONE = "none"
    LIST = "list"
    CALL_AHEAD = "call-ahead"
    LDAP = "ldap"


@frozen
class OnwardDomain:
    """
    A domain of others whose mail is taken from anyone, to be sent on.

    Attributes:
        check: How its recipients are known.
        recipients: They, for `list`.
        defer: While it cannot be told whether a recipient exists, the
            sender tries again; otherwise its mail is taken.
        entry: Where it is configured.
    """

    check: RecipientCheck = RecipientCheck.NONE
    recipients: AddressList = NOBODY
    defer: bool = True
    entry: str = ""


@frozen
class RelaySettings:
    """
    Attributes:
        policy: Which exception there is to "everybody must authenticate".
        addresses: Clients that may relay, for policy `addresses` alone.
        accept: Senders that count as local, for the policies by sender
            alone: IMail's `accept.txt`.
        domains: Domain in its one form -> how its mail is taken.
    """

    policy: RelayPolicy = RelayPolicy.NONE
    addresses: Networks = NOWHERE
    accept: AddressList = NOBODY
    domains: Mapping[str, OnwardDomain] = field(factory=dict)
