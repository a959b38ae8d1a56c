"""One network: an address, a CIDR network, or an address and its mask."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from attrs import frozen

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


@frozen
class Network:
    """
    One entry.

    Attributes:
        version: 4 or 6.
        first: Lowest address as a number.
        last: Highest address as a number.
        text: As the operator wrote it.
        entry: Where: file and line, or object; empty when nobody said.
    """

    version: int
    first: int
    last: int
    text: str
    entry: str = ""


def parse_network(text: str, entry: str = "") -> Network:
    """
    Read an address, a CIDR network, or an address and its mask.

    `192.0.2.1`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`,
    `192.0.2.0 255.255.255.0`, `2001:db8::/32`.

    Raises:
        ValueError: With words for the operator.
    """
    words = text.replace("/", " ").split()
    if not 1 <= len(words) <= 2:
        raise ValueError(f'"{text}" is not an address or network')
    try:
        network = ipaddress.ip_network("/".join(words), strict=False)
    except ValueError:
        raise ValueError(
            f'"{text}" is not an address or network; write 192.0.2.0/24, '
            "2001:db8::/32 or 192.0.2.0 255.255.255.0"
        ) from None
    if "%" in text or _is_host_mask(words):
        raise ValueError(f'"{text}" is not an address or network')
    if network.network_address != ipaddress.ip_address(words[0]):
        raise ValueError(
            f'"{text}" has bits set behind its mask; write {network} for the '
            f"network or {words[0]} for the one address"
        )
    if isinstance(network, ipaddress.IPv6Network):
        network = _without_clothes(network)
    return Network(
        network.version,
        int(network.network_address),
        int(network.broadcast_address),
        text,
        entry,
    )


def _is_host_mask(words: Sequence[str]) -> bool:
    """Whether `ipaddress` read 0.0.0.255 the way that routers write it."""
    if len(words) < 2 or "." not in words[1]:
        return False
    return 0 < int(ipaddress.IPv4Address(words[1])) < 2**31


def _without_clothes(
    network: ipaddress.IPv6Network,
) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Give the IPv4 network that an IPv4-mapped one stands for."""
    if not network.subnet_of(_MAPPED):
        return network
    return ipaddress.IPv4Network(
        (
            int(network.network_address) & 0xFFFFFFFF,
            network.prefixlen - 96,
        )
    )
