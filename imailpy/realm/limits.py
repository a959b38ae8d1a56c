"""
Counting: open connections, failed logins.

Memory is bounded by a number, whatever comes: connections by those that are
open, failures by an upper limit above which the oldest are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imailpy.interfaces.world import IClock
from imailpy.mail import Client
from imailpy.policy.networks import address_number
from imailpy.realm.settings import FailureWindow

# Address family, number of the network, width of the prefix.
Prefix = tuple[int, int, int]

_CONNECTION_BITS = {4: (32, 24), 6: (64, 48)}
_FAILURE_BITS = {4: (32, 26, 21), 6: (64, 48, 32)}
_WIDTH = {4: 32, 6: 128}

MOST_FAILURES = 100_000


def prefix(address: str, bits: Mapping[int, Sequence[int]]) -> list[Prefix]:
    """Give the networks that an address is in, one for each width."""
    try:
        version, number = address_number(address)
    except ValueError:
        # A Unix socket: all its clients are one.
        version, number = 4, 0
    width = _WIDTH[version]
    return [
        (version, number >> (width - wanted), wanted)
        for wanted in bits[version]
    ]


class Connections:
    """How many connections are open, by service and network."""

    def __init__(self) -> None:
        self.total = 0
        self._open: dict[tuple[str, Prefix], int] = {}

    def enter(self, client: Client) -> tuple[int, int]:
        """Count one; gives those of its address and of its network."""
        self.total += 1
        counts = []
        for key in self._keys(client):
            count = self._open.get(key, 0) + 1
            self._open[key] = count
            counts.append(count)
        return counts[0], counts[1]

    def leave(self, client: Client) -> None:
        """One that was counted is gone."""
        self.total -= 1
        for key in self._keys(client):
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

    @staticmethod
    def _keys(client: Client) -> Iterator[tuple[str, Prefix]]:
        for network in prefix(client.address, _CONNECTION_BITS):
            yield client.service, network


class _Over(dict[tuple[str, Prefix], int]):
    """Counts that begin where others stand, and leave those alone."""

    def __init__(self, below: dict[tuple[str, Prefix], int]) -> None:
        super().__init__()
        self._below = below

    def get(self, key: tuple[str, Prefix], default: Any = None) -> Any:
        if key in self:
            return self[key]
        return self._below.get(key, default)


class Failures:
    """Failed logins by network and span of time."""

    def __init__(self, clock: IClock, most: int = MOST_FAILURES) -> None:
        self._clock = clock
        self._most = most
        # (span's width, network) -> [number of the span, failures in it]
        self._counts: OrderedDict[tuple[int, Prefix], list[int]] = (
            OrderedDict()
        )

    def add(self, address: str, windows: Sequence[FailureWindow]) -> None:
        """A login from there has failed."""
        for window in windows:
            span = self._span(window)
            for network in prefix(address, _FAILURE_BITS):
                key = window.width_s, network
                count = self._counts.setdefault(key, [span, 0])
                if count[0] != span:
                    count[:] = [span, 0]
                count[1] += 1
                self._counts.move_to_end(key)
        while len(self._counts) > self._most:
            self._counts.popitem(last=False)

    def over(
        self, address: str, windows: Sequence[FailureWindow]
    ) -> str | None:
        """Say which limit is reached, None when none is."""
        networks = prefix(address, _FAILURE_BITS)
        for window in windows:
            span = self._span(window)
            limits = (window.narrow, window.middle, window.wide)
            for network, limit in zip(networks, limits, strict=True):
                count = self._counts.get((window.width_s, network))
                if count is None or count[0] != span or count[1] < limit:
                    continue
                return (
                    f"{count[1]} logins failed from its /{network[2]} "
                    f"in {window.width_s} s, {limit} are allowed"
                )
        return None

    def __len__(self) -> int:
        return len(self._counts)

    def rehearsing(self) -> Failures:
        """A likeness that reads, and counts nothing."""
        likeness = _ReadFailures(self._clock, self._most)
        likeness._counts = self._counts
        return likeness

    def _span(self, window: FailureWindow) -> int:
        return int(self._clock.monotonic() // window.width_s)


class _ReadFailures(Failures):
    """Failures of a rehearsal."""

    def add(self, address: str, windows: Sequence[FailureWindow]) -> None:
        """Count nothing."""
