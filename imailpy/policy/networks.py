"""
Sets of networks, with an answer to "which entry was it?".

An address becomes a number; a family's networks become ranges that lie side
by side, the narrower cut out of the wider; a look-up is one bisection. So a
million entries cost no more time than twenty comparisons.

The IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 address,
in entries as in look-ups. What a wider IPv6 network would say about such an
address is never asked: `::/32` does not hold "all of IPv4" by accident.
"""

from __future__ import annotations

import ipaddress
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

from attrs import field, frozen

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_LAST = {4: 2**32 - 1, 6: 2**128 - 1}


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


@lru_cache(maxsize=8192)
def address_number(address: str) -> tuple[int, int]:
    """
    Give (4 or 6, number) of an IP address.

    Raises:
        ValueError: It is not an IP address.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return parsed.version, int(parsed)


@frozen
class _Ranges:
    """Ranges of one family, side by side: starts, ends, whose they are."""

    firsts: Sequence[int] = ()
    lasts: Sequence[int] = ()
    owners: Sequence[int] = ()

    def find(self, number: int) -> int | None:
        at = bisect_right(self.firsts, number) - 1
        if at < 0 or number > self.lasts[at]:
            return None
        return self.owners[at]


@frozen
class Networks:
    """
    A set of networks, immutable.

    Attributes:
        entries: As given; of two equal ones the first counts.
    """

    entries: tuple[Network, ...] = ()
    _four: _Ranges = field(init=False, eq=False, repr=False)
    _six: _Ranges = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_four", _side_by_side(self.entries, 4))
        object.__setattr__(self, "_six", _side_by_side(self.entries, 6))

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Networks:
        """
        Read entries; raises `ValueError` at the first that is none.

        >>> Networks.parse(["192.0.2.0/24"]).find("192.0.2.7").text
        '192.0.2.0/24'
        """
        return cls(tuple(parse_network(text) for text in texts))

    def find(self, address: str) -> Network | None:
        """
        Give the narrowest entry that holds an address.

        A text that is no IP address (a Unix socket) is in no network.
        """
        if not self.entries:
            return None
        try:
            version, number = address_number(address)
        except ValueError:
            return None
        ranges = self._four if version == 4 else self._six
        owner = ranges.find(number)
        return None if owner is None else self.entries[owner]

    def __contains__(self, address: str) -> bool:
        return self.find(address) is not None

    def __len__(self) -> int:
        return len(self.entries)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def covers_everything(self) -> int | None:
        """
        Tell whether all addresses of a family are in here.

        `0.0.0.0/1` and `128.0.0.0/1` together are, as `0.0.0.0/0` is.

        Returns:
            4 or 6, the first such family; None when there is none.
        """
        for version, ranges in ((4, self._four), (6, self._six)):
            if _has_no_gap(ranges, _LAST[version]):
                return version
        return None


def _has_no_gap(ranges: _Ranges, end: int) -> bool:
    reached = -1
    for first, last in zip(ranges.firsts, ranges.lasts, strict=True):
        if first != reached + 1:
            return False
        reached = last
    return reached == end


def _side_by_side(entries: Sequence[Network], version: int) -> _Ranges:
    """
    Cut nested networks into ranges that lie side by side.

    Two networks are apart or one holds the other, so a stack of those that
    are open at the current address is all that has to be remembered.
    """
    # Wider before narrower; of equal ones the later first, so that the
    # earlier lies on top of it.
    order = sorted(
        (at for at, entry in enumerate(entries) if entry.version == version),
        key=lambda at: (entries[at].first, -entries[at].last, -at),
    )
    kind = "I" if version == 4 else None
    firsts, lasts, owners = _column(kind), _column(kind), _column("I")
    open_now: list[int] = []
    reached = 0

    def put(last: int, owner: int) -> None:
        nonlocal reached
        if last >= reached:
            firsts.append(reached)
            lasts.append(last)
            owners.append(owner)
            reached = last + 1

    for at in order:
        first = entries[at].first
        while open_now and entries[open_now[-1]].last < first:
            top = open_now.pop()
            put(entries[top].last, top)
        if open_now:
            put(first - 1, open_now[-1])
        reached = max(reached, first)
        open_now.append(at)
    while open_now:
        top = open_now.pop()
        put(entries[top].last, top)
    return _Ranges(firsts, lasts, owners)


def _column(kind: str | None) -> list[int] | array[int]:
    """Numbers of up to 32 bits lie in an array, larger ones in a list."""
    return [] if kind is None else array(kind)


NOWHERE = Networks()
