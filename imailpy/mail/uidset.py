"""
Sets of UIDs, kept as ranges.

A set of a million UIDs that are in a row costs as much as a set of one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from attrs import frozen


@frozen
class UidSet:
    """
    An immutable set of UIDs.

    Attributes:
        ranges: (first, last) pairs, both included, ascending, neither
            overlapping nor touching.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, *uids: int) -> UidSet:
        """Make a set of single UIDs, in any order."""
        return cls.from_uids(uids)

    @classmethod
    def from_uids(cls, uids: Iterable[int]) -> UidSet:
        """Make a set of UIDs in any order, duplicates allowed."""
        ranges: list[tuple[int, int]] = []
        first = last = -1
        for uid in sorted(uids):
            if uid <= last + 1 and last >= 0:
                last = max(last, uid)
                continue
            if last >= 0:
                ranges.append((first, last))
            first = last = uid
        if last >= 0:
            ranges.append((first, last))
        return cls(tuple(ranges))

    @classmethod
    def from_ranges(cls, ranges: Iterable[tuple[int, int]]) -> UidSet:
        """Make a set of ranges in any order, overlaps allowed."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            if merged and first <= merged[-1][1] + 1:
                if last > merged[-1][1]:
                    merged[-1] = (merged[-1][0], last)
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int):
            return False
        at = bisect_right(self.ranges, (uid, uid)) - 1
        if at >= 0 and self.ranges[at][0] <= uid <= self.ranges[at][1]:
            return True
        after = at + 1
        return after < len(self.ranges) and self.ranges[after][0] == uid

    def union(self, other: UidSet) -> UidSet:
        """Give the UIDs that are in either."""
        return UidSet.from_ranges(self.ranges + other.ranges)

    def difference(self, other: UidSet) -> UidSet:
        """Give the UIDs that are here and not there."""
        out: list[tuple[int, int]] = []
        cuts = list(other.ranges)
        at = 0
        for first, last in self.ranges:
            while at < len(cuts) and cuts[at][1] < first:
                at += 1
            step = at
            while step < len(cuts) and cuts[step][0] <= last:
                if cuts[step][0] > first:
                    out.append((first, cuts[step][0] - 1))
                first = cuts[step][1] + 1
                step += 1
            if first <= last:
                out.append((first, last))
        return UidSet(tuple(out))

    def __bytes__(self) -> bytes:
        """Spell it as a sequence-set [RFC9051 9]; empty gives b""."""
        return b",".join(
            b"%d" % first if first == last else b"%d:%d" % (first, last)
            for first, last in self.ranges
        )

    def __str__(self) -> str:
        return bytes(self).decode("ascii")
