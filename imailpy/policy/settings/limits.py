"""How much at once."""

from __future__ import annotations

from attrs import frozen

from imailpy.policy.networks import NOWHERE, Networks


@frozen
class ConnectionLimits:
    """
    How many connections there may be at once; 0 lifts a limit.

    Attributes:
        per_address: From one IPv4 address or one IPv6 /64, each service.
        per_network: From one IPv4 /24 or one IPv6 /48, each service.
        total: Of all services together.
        exempt: Clients that only the total applies to.
        address_rate: New connections a minute from one address.
        network_rate: The same from one network.
        message_rate: Messages a minute from one address that has not
            signed in.
    """

    per_address: int = 20
    per_network: int = 60
    total: int = 20_000
    exempt: Networks = NOWHERE
    address_rate: int = 300
    network_rate: int = 1000
    message_rate: int = 600
