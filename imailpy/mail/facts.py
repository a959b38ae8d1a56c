"""What is known about a connection."""

from __future__ import annotations

import ipaddress

from attrs import frozen


@frozen
class Client:
    """
    Who is at the other end of a connection, and at which door of ours.

    Attributes:
        address: IPv4 or IPv6 address; IPv4-mapped IPv6 is written as IPv4.
        port: TCP port of the client; 0 for a Unix socket.
        listener: Name of the listener in the configuration.
        service: `smtp`, `submission`, `lmtp`, `imap` or `pop3`.
        session_id: Stays the same in log, history and Received field.
        proxy: Address of the proxy that told us of it; empty for none.
    """

    address: str
    port: int
    listener: str
    service: str
    session_id: str
    proxy: str = ""


def canonical_address(address: str) -> str:
    """
    Give an IP address its one form.

    Raises:
        ValueError: It is not an IP address.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(parsed)
