"""
Sequence sets as positions in an ascending array of UIDs.

    1:3,7   ->   [(0, 3), (6, 7)]

Work is done on ranges by halving: `1:4294967295` costs no more than `1`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from imailpy.mail import UidSet
from imailpy.protocol.imap.commands import STAR, SequenceSet

# Positions, from 0, the end not included; ascending and apart.
Span = tuple[int, int]
Spans = list[Span]


class NoSuchNumber(ValueError):
    """A sequence number above what the session was told of."""


def find(
    sequence: SequenceSet,
    uids: array[int],
    exists: int,
    *,
    by_uid: bool,
    strict: bool = True,
) -> Spans:
    """
    Find the messages of a sequence set.

    Args:
        uids: The first `exists` of them count.
        strict: Refuse numbers that are not in use [RFC9051 9]; SEARCH finds
            nothing there.

    Raises:
        NoSuchNumber: And `strict`.
    """
    found = [
        by_uids(first, last, uids, exists)
        if by_uid
        else _by_numbers(first, last, exists, strict)
        for first, last in sequence.ranges
    ]
    return merged([span for span in found if span is not None])


def _by_numbers(
    first: int, last: int, exists: int, strict: bool
) -> Span | None:
    low, high = first or exists, last or exists
    if low > high:
        low, high = high, low
    # Every client asks an empty mailbox for 1:* once.
    if not exists and STAR in (first, last) and max(first, last) < 2:
        return None
    if strict and (high > exists or not low):
        raise NoSuchNumber
    low, high = max(low, 1), min(high, exists)
    return (low - 1, high) if low <= high else None


def by_uids(
    first: int, last: int, uids: array[int], exists: int
) -> Span | None:
    """Find what there is between two UIDs, `STAR` for the last there is."""
    if not exists:
        return None
    star = uids[exists - 1]
    low, high = first or star, last or star
    if low > high:
        low, high = high, low
    start = bisect_left(uids, low, 0, exists)
    end = bisect_right(uids, high, start, exists)
    return (start, end) if start < end else None


def merged(spans: Sequence[Span]) -> Spans:
    """Sort positions and join those that touch."""
    out: Spans = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            if end > out[-1][1]:
                out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def uid_set(spans: Spans, uids: array[int]) -> UidSet:
    """
    Give the UIDs at some positions.

    Between two UIDs that stand side by side no other can come, so one range
    does for one span, however full of holes it is.
    """
    return UidSet(tuple((uids[start], uids[end - 1]) for start, end in spans))


def uids_at(spans: Spans, uids: array[int]) -> Sequence[int]:
    """Give the UIDs at some positions, one by one."""
    if len(spans) == 1:
        ((start, end),) = spans
        return uids[start:end]
    found: list[int] = []
    for start, end in spans:
        found.extend(uids[start:end])
    return found


def numbers_of(spans: Spans) -> list[int]:
    """Give the sequence numbers at some positions."""
    numbers: list[int] = []
    for start, end in spans:
        numbers.extend(range(start + 1, end + 1))
    return numbers


def count(spans: Spans) -> int:
    """Count the messages at some positions."""
    return sum(end - start for start, end in spans)


def portions(spans: Spans, most: int) -> Iterator[Spans]:
    """Cut positions into portions of `most` messages."""
    portion: Spans = []
    room = most
    for start, end in spans:
        while end - start >= room:
            portion.append((start, start + room))
            yield portion
            start += room
            portion, room = [], most
        if start < end:
            portion.append((start, end))
            room -= end - start
    if portion:
        yield portion
