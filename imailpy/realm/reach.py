"""Connecting to a host that the configuration names."""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.error import ConnectError

from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import IResolver
from imailpy.interfaces.world import IWorld

MOST_ADDRESSES = 4


async def addresses(resolver: IResolver | None, host: str) -> list[str]:
    """
    Give the IP addresses of a host that the configuration names.

    Raises:
        LookupFailed: It cannot be told.
    """
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        pass
    if resolver is None:
        raise LookupFailed(f"{host}: nobody to ask")
    found = list(await resolver.addresses(host))
    if not found:
        raise LookupFailed(f"{host} has no address")
    return found


async def connect(
    world: IWorld,
    resolver: IResolver | None,
    host: str,
    port: int,
    factory: Any,
    *,
    timeout_s: float,
    tls: Any = None,
) -> Any:
    """
    Connect to the first address of a host that lets us.

    Raises:
        ConnectError: None does.
        LookupFailed: It has none.
    """
    failed: Exception = ConnectError()
    for address in (await addresses(resolver, host))[:MOST_ADDRESSES]:
        try:
            return await world.network.connect(
                address, port, factory, timeout_s=timeout_s, tls=tls
            )
        except ConnectError as error:
            failed = error
    raise failed
