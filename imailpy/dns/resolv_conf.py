"""Read `resolv.conf`: only who is to be asked, search lists never."""

from __future__ import annotations

import ipaddress

from imailpy.dns.settings import Server

# As resolv.conf(5): further ones are not asked.
_MOST_SERVERS = 3


def read_servers(octets: bytes) -> tuple[Server, ...]:
    """
    Give the name servers of a `resolv.conf`, in order.

    A line that cannot be read is passed over, as every resolver does. An
    address with a scope (`fe80::1%eth0`) is kept as it is.
    """
    servers: list[Server] = []
    for line in octets.decode("utf-8", "replace").splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            address = str(ipaddress.ip_address(words[1]))
        except ValueError:
            continue
        if Server(address) not in servers:
            servers.append(Server(address))
    return tuple(servers[:_MOST_SERVERS])
