"""
Which hosts take a domain's mail [RFC5321 5.1] [RFC7505].

What DNS says about a stranger's domain is a stranger's word: it may name our
own address, the loopback, a neighbour behind our firewall, or thousands of
hosts [SECURITY B11.4].
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from attrs import frozen

from imailpy.delivery.settings import DeliverySettings
from imailpy.delivery.undeliverable import for_good, for_now
from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import IResolver, MailHost
from imailpy.interfaces.world import IRandom

# Not to be reached by way of the Internet, whatever an MX says
# [RFC6890]: this network, private, shared, loopback, link-local, multicast,
# reserved. Written out, because those for documentation do no harm.
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b:1::/48",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
# An IPv4 address in the last 32 bits; 6to4 has it further in front.
_EMBEDDING = [
    ipaddress.ip_network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96")
]
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")


@frozen
class Host:
    """
    A host to try.

    Attributes:
        name: Of the host; an address for an address literal.
        preference: Of its MX.
        addresses: Where they are known already.
    """

    name: str
    preference: int = 0
    addresses: tuple[str, ...] | None = None


def is_private(address: str) -> bool:
    """Whether an address can not be that of a host on the Internet."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if any(parsed in network for network in _EMBEDDING):
            return is_private(str(ipaddress.IPv4Address(int(parsed) % 2**32)))
        if parsed in _SIX_TO_FOUR:
            inner = int(parsed) >> 80 & 0xFFFFFFFF
            return is_private(str(ipaddress.IPv4Address(inner)))
    return any(
        parsed.version == network.version and parsed in network
        for network in _PRIVATE
    )


async def mail_hosts(
    resolver: IResolver,
    random: IRandom,
    settings: DeliverySettings,
    domain: str,
    own_name: str,
) -> Sequence[Host]:
    """
    Give the hosts of a domain in the order to try them.

    Hosts of one preference come in random order. If we are among them, only
    those that are better than we are left.

    Raises:
        Undeliverable: For good when the domain does not exist, takes no
            mail, or leads only to us; for now when DNS does not answer.
    """
    if domain.startswith("["):
        address = domain[1:-1].removeprefix("IPv6:")
        return [Host(address, 0, (address,))]
    try:
        found = await resolver.mx(domain)
    except LookupFailed as error:
        raise for_now(
            f"looking up {domain}: {error.public}", "4.4.3"
        ) from error
    if found is None:
        raise for_good(f"the domain {domain} does not exist", "5.1.2")
    if not found:
        # The implicit MX: the domain's own address.
        return [Host(domain)]
    hosts = [mx for mx in found if mx.host]
    if not hosts:
        raise for_good(f"{domain} takes no mail", "5.1.10")
    better = _better_than_us(hosts, own_name)
    if not better:
        raise for_good(f"mail for {domain} loops back to us", "5.4.6")
    order = sorted(
        (mx.preference, random.below(2**32), mx.host) for mx in better
    )
    return [Host(name, preference) for preference, _, name in order][
        : settings.mx_hosts
    ]


def _better_than_us(
    hosts: Sequence[MailHost], own_name: str
) -> Sequence[MailHost]:
    own = own_name.lower().removesuffix(".")
    ours = [mx.preference for mx in hosts if mx.host == own]
    if not ours:
        return hosts
    return [mx for mx in hosts if mx.preference < min(ours)]
