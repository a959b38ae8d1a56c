"""
Counting: open connections, how often somebody comes, failed logins.

Memory is bounded by a number, whatever comes: connections by those that are
open, the rest by the size of its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from imailpy.mail import Client
from imailpy.policy.networks import address_number
from imailpy.realm.counters import Counters
from imailpy.realm.settings import FailureWindow

# Address family, number of the network, width of the prefix.
Prefix = tuple[int, int, int]

_FAILURE_BITS = {4: (32, 26, 21), 6: (64, 48, 32)}
_CLIENT_BITS = {4: (32, 24), 6: (64, 48)}
_WIDTH = {4: 32, 6: 128}
_MINUTE_S = 60


class Origin(NamedTuple):
    """
    Where a client comes from, as counters and tables spell it.

    Attributes:
        client: What counts as one client: an IPv4 address, an IPv6 /64.
        network: What counts as one network: an IPv4 /24, an IPv6 /48.
    """

    client: bytes
    network: bytes


# Asked for at every stage.
@lru_cache(maxsize=8192)
def origin(address: str) -> Origin:
    """Tell where a client comes from."""
    network, dot, _ = address.rpartition(".")
    if dot and address[0].isdigit() and ":" not in address:
        # IPv4, which has but one form: no need to read it.
        return Origin(b" " + address.encode(), b" " + network.encode())
    near, wide = prefix(address, _CLIENT_BITS)
    return Origin(
        b" %d/%d" % (near[1], near[2]), b" %d/%d" % (wide[1], wide[2])
    )


def prefix(
    address: str, bits: Mapping[int, tuple[int, ...]]
) -> tuple[Prefix, ...]:
    """Give the networks that an address is in, one for each width."""
    try:
        version, number = address_number(address)
    except ValueError:
        # A Unix socket: all its clients are one.
        version, number = 4, 0
    width = _WIDTH[version]
    return tuple(
        [
            (version, number >> (width - wanted), wanted)
            for wanted in bits[version]
        ]
    )


class Connections:
    """How many connections are open, by service and network."""

    def __init__(self) -> None:
        self.total = 0
        self._open: dict[tuple[str, bytes], int] = {}

    def enter(self, client: Client) -> tuple[int, int]:
        """Count one; gives those of its address and of its network."""
        self.total += 1
        service, come_from = client.service, origin(client.address)
        return (
            self._enter((service, come_from.client)),
            self._enter((service, come_from.network)),
        )

    def leave(self, client: Client) -> None:
        """One that was counted is gone."""
        self.total -= 1
        for network in origin(client.address):
            key = client.service, network
            count = self._open[key] - 1
            if count:
                self._open[key] = count
            else:
                del self._open[key]

    def __len__(self) -> int:
        return len(self._open)

    def rehearsing(self) -> Connections:
        """A likeness whose comings and goings are its own."""
        likeness = Connections()
        likeness.total = self.total
        likeness._open = _Over(self._open)
        return likeness

    def _enter(self, key: tuple[str, bytes]) -> int:
        count = self._open[key] = self._open.get(key, 0) + 1
        return count


class _Over(dict[tuple[str, bytes], int]):
    """Counts that begin where others stand, and leave those alone."""

    def __init__(self, below: dict[tuple[str, bytes], int]) -> None:
        super().__init__()
        self._below = below

    def get(self, key: tuple[str, bytes], default: Any = None) -> Any:
        if key in self:
            return self[key]
        return self._below.get(key, default)


class Rates:
    """How often somebody comes, sends, or asks for who is not there."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def connected(self, client: Client) -> tuple[int, int]:
        """Count a connection; gives those of this minute, as `enter`."""
        kind = b"c " + client.service.encode()
        come_from = origin(client.address)
        return (
            self._counters.add(kind + come_from.client, _MINUTE_S),
            self._counters.add(kind + come_from.network, _MINUTE_S),
        )

    def sent(self, address: str) -> int:
        """Count a message; gives those of its address in this minute."""
        return self._counters.add(b"m" + origin(address).client, _MINUTE_S)

    def unknown(self, address: str, window_s: int) -> int:
        """Give the unknown recipients of an address."""
        return self._counters.get(b"u" + origin(address).client, window_s)

    def missed(self, address: str, window_s: int) -> int:
        """One more."""
        return self._counters.add(b"u" + origin(address).client, window_s)

    def rehearsing(self) -> Rates:
        """A likeness that counts apart."""
        return Rates(self._counters.rehearsing())


class Failures:
    """Failed logins by network and span of time."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def add(self, address: str, windows: Sequence[FailureWindow]) -> None:
        """A login from there has failed."""
        for window in windows:
            for network in prefix(address, _FAILURE_BITS):
                self._counters.add(_failure(window, network), window.width_s)

    def over(
        self, address: str, windows: Sequence[FailureWindow]
    ) -> str | None:
        """Say which limit is reached, None when none is."""
        networks = prefix(address, _FAILURE_BITS)
        for window in windows:
            limits = (window.narrow, window.middle, window.wide)
            for network, limit in zip(networks, limits, strict=True):
                count = self._counters.get(
                    _failure(window, network), window.width_s
                )
                if count < limit:
                    continue
                return (
                    f"{count} logins failed from its /{network[2]} "
                    f"in {window.width_s} s, {limit} are allowed"
                )
        return None

    def rehearsing(self) -> Failures:
        """A likeness that counts apart."""
        return Failures(self._counters.rehearsing())


def _failure(window: FailureWindow, network: Prefix) -> bytes:
    # Windows of different widths have slots of their own.
    return b"f%d %d %d/%d" % (window.width_s, *network)
