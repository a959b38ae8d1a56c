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
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice, repeat
from operator import lt, rshift

from attrs import field, frozen

from imailpy.policy.network import Network, parse_network
from imailpy.policy.packed import (
    Columns,
    PackedNetworks,
    fast_four,
    fast_six,
    pack,
)

__all__ = [
    "NOWHERE",
    "Network",
    "Networks",
    "address_number",
    "parse_network",
]


_LAST = {4: 2**32 - 1, 6: 2**128 - 1}


@lru_cache(maxsize=8192)
def address_number(address: str) -> tuple[int, int]:
    """
    Give (4 or 6, number) of an IP address.

    Raises:
        ValueError: It is not an IP address.
    """
    if "/" not in address:
        version = 6 if ":" in address else 4
        fast = fast_six(address) if version == 6 else fast_four(address)
        if fast is not None:
            return version, fast[0]
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return parsed.version, int(parsed)


@frozen
class _Ranges:
    """
    Ranges of one family, side by side: starts, ends, whose they are.

    Attributes:
        tops: Of starts that are longer than a word of the machine the upper
            half: a search goes through these, which lie side by side, and
            through the starts only among those of one upper half.
    """

    firsts: Sequence[int] = ()
    lasts: Sequence[int] = ()
    owners: Sequence[int] = ()
    tops: Sequence[int] = ()

    def find(self, number: int) -> int | None:
        at = self._before(number) - 1
        if at < 0 or number > self.lasts[at]:
            return None
        return self.owners[at]

    def _before(self, number: int) -> int:
        """How many ranges begin at a number or before it."""
        tops = self.tops
        if not tops:
            return bisect_right(self.firsts, number)
        top = number >> 64
        end = bisect_right(tops, top)
        if not end or tops[end - 1] != top:
            return end
        begin = bisect_left(tops, top, 0, end)
        return bisect_right(self.firsts, number, begin, end)


@frozen
class Networks:
    """
    A set of networks, immutable.

    Attributes:
        entries: As given; of two equal ones the first counts.
    """

    entries: Sequence[Network] = ()
    _four: _Ranges = field(init=False, eq=False, repr=False)
    _six: _Ranges = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        entries = self.entries
        if isinstance(entries, PackedNetworks):
            columns = entries.columns(4), entries.columns(6)
        else:
            columns = _columns(entries, 4), _columns(entries, 6)
        for name, found in zip(("_four", "_six"), columns, strict=True):
            object.__setattr__(self, name, _side_by_side(found))

    @classmethod
    def read(
        cls, text: str, file: str, more: Sequence[Network] = ()
    ) -> Networks:
        """
        Read the lines of a file: one network each, `#` begins a remark.

        A million of them take 3 s and 250 MB at most.

        Args:
            more: Entries that do not stand in the file.

        Raises:
            ValueError: With file and line, at the first that is none.
        """
        return cls(pack(text, file, more))

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
        return bool(self.entries) and self.find(address) is not None

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

    def whole(self, version: int, most: int = 4) -> list[Network]:
        """
        Give entries that together are all addresses of a family, the lowest
        first: for a complaint, so of very many only the widest.
        """
        ranges = self._four if version == 4 else self._six
        owners = dict.fromkeys(islice(ranges.owners, 1000))
        entries = sorted(
            (self.entries[owner] for owner in owners),
            key=lambda entry: entry.first - entry.last,
        )
        enough = next(
            (
                count
                for count in range(1, most)
                if Networks(tuple(entries[:count])).covers_everything()
                == version
            ),
            most,
        )
        return sorted(entries[:enough], key=lambda entry: entry.first)


def _has_no_gap(ranges: _Ranges, end: int) -> bool:
    reached = -1
    for first, last in zip(ranges.firsts, ranges.lasts, strict=True):
        if first != reached + 1:
            return False
        reached = last
    return reached == end


def _columns(entries: Sequence[Network], version: int) -> Columns:
    """Give the entries of a family as columns."""
    places = [
        at for at, entry in enumerate(entries) if entry.version == version
    ]
    return Columns(
        version,
        [entries[at].first for at in places],
        [entries[at].last for at in places],
        places,
    )


def _side_by_side(columns: Columns) -> _Ranges:
    """
    Cut nested networks into ranges that lie side by side.

    Two networks are apart or one holds the other, so a stack of those that
    are open at the current address is all that has to be remembered.
    """
    entry_firsts, entry_lasts = columns.firsts, columns.lasts
    count = len(entry_firsts)
    if all(map(lt, entry_lasts, islice(entry_firsts, 1, None))):
        # In order and apart, as long lists mostly are.
        if columns.version == 4:
            entry_firsts = array("I", entry_firsts)
            entry_lasts = array("I", entry_lasts)
        return _Ranges(
            entry_firsts,
            entry_lasts,
            array("I", columns.places),
            _tops(columns.version, entry_firsts),
        )
    # Wider before narrower; of equal ones the later first, so that the
    # earlier lies on top of it.
    keys = [
        first << 8 | 128 - (last - first).bit_length()
        for first, last in zip(entry_firsts, entry_lasts, strict=True)
    ]
    order = sorted(range(count - 1, -1, -1), key=keys.__getitem__)
    del keys
    kind = "I" if columns.version == 4 else None
    firsts, lasts, owners = _column(kind), _column(kind), _column("I")
    # What is open around `now`, the widest first.
    around: list[int] = []
    now = -1
    reached = 0
    for at in order:
        first = entry_firsts[at]
        while now >= 0 and (last := entry_lasts[now]) < first:
            if last >= reached:
                firsts.append(reached)
                lasts.append(last)
                owners.append(now)
                reached = last + 1
            now = around.pop() if around else -1
        if now >= 0:
            if first > reached:
                firsts.append(reached)
                lasts.append(first - 1)
                owners.append(now)
            around.append(now)
        if first > reached:
            reached = first
        now = at
    while now >= 0:
        last = entry_lasts[now]
        if last >= reached:
            firsts.append(reached)
            lasts.append(last)
            owners.append(now)
            reached = last + 1
        now = around.pop() if around else -1
    places = columns.places
    return _Ranges(
        firsts if columns.version == 4 else tuple(firsts),
        lasts if columns.version == 4 else tuple(lasts),
        array("I", map(places.__getitem__, owners)),
        _tops(columns.version, firsts),
    )


def _tops(version: int, firsts: Sequence[int]) -> Sequence[int]:
    """Give the upper halves of IPv6 addresses."""
    if version == 4:
        return ()
    return array("Q", map(rshift, firsts, repeat(64)))


def _column(kind: str | None) -> list[int] | array[int]:
    """Numbers of up to 32 bits lie in an array, larger ones in a list."""
    return [] if kind is None else array(kind)


NOWHERE = Networks()
