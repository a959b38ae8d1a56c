"""
What a sequence set means in a mailbox [RFC9051 4.1.1].

A session sees the first `length` of an ascending array of UIDs; the place in
it, counted from one, is the message number. Work is done on ranges by
halving: `1:4294967295` costs no more than `1`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from imailpy.mail import UidSet
from imailpy.protocol.imap.commands import STAR, SequenceSet
from imailpy.protocol.imap.refusal import bad


def resolve(
    sequence: SequenceSet,
    uids: Sequence[int],
    length: int,
    *,
    by_uid: bool,
    saved: UidSet | None = None,
) -> UidSet:
    """
    Find the messages of a sequence set.

    Args:
        uids: Ascending.
        length: How many of them the session knows.
        by_uid: Whether the set holds UIDs, else message numbers.
        saved: What `$` stands for; None where there is no such thing.

    Returns:
        Ranges that begin and end with UIDs of this mailbox. Between them
        there may be UIDs that are there no more: `exact` leaves them out.

    Raises:
        Refusal: BAD for a message number that there is not, `*` of an empty
            mailbox among them. UIDs that there are not are passed over.
    """
    if sequence.saved:
        if saved is None:
            raise bad("No saved result")
        return saved
    if by_uid:
        places = _places_of_uids(sequence, uids, length)
    else:
        places = _places_of_numbers(sequence, length)
    return UidSet.from_ranges((uids[a], uids[b]) for a, b in places)


def _places_of_numbers(
    sequence: SequenceSet, length: int
) -> Iterator[tuple[int, int]]:
    """Turn message numbers into places, counted from zero, both included."""
    for low, high in sequence.ranges:
        first = length if low == STAR else low
        last = length if high == STAR else high
        if first > last:
            first, last = last, first
        if last > length or not first:
            raise bad("No such message")
        yield first - 1, last - 1


def _places_of_uids(
    sequence: SequenceSet, uids: Sequence[int], length: int
) -> Iterator[tuple[int, int]]:
    """Turn UIDs into places of those that are there."""
    if not length:
        return
    largest = uids[length - 1]
    for low, high in sequence.ranges:
        first = largest if low == STAR else low
        last = largest if high == STAR else high
        if first > last:
            first, last = last, first
        begin = bisect_left(uids, first, 0, length)
        end = bisect_right(uids, last, begin, length) - 1
        if begin <= end:
            yield begin, end


def places(
    found: UidSet, uids: Sequence[int], length: int
) -> Iterator[tuple[int, int]]:
    """
    Give the places of UIDs in the array, as ranges, ascending.

    Yields:
        (first, last), both included, counted from zero: message numbers
        less one.
    """
    begin = 0
    for first, last in found.ranges:
        begin = bisect_left(uids, first, begin, length)
        end = bisect_right(uids, last, begin, length)
        if begin < end:
            yield begin, end - 1
        begin = end


def numbers(found: UidSet, uids: Sequence[int], length: int) -> UidSet:
    """Give the message numbers of UIDs."""
    return UidSet.from_ranges(
        (first + 1, last + 1) for first, last in places(found, uids, length)
    )


def exact(found: UidSet, uids: Sequence[int], length: int) -> UidSet:
    """Leave out of the ranges what is not in the mailbox."""
    return UidSet(tuple(_rows(found, uids, length)))


def _rows(
    found: UidSet, uids: Sequence[int], length: int
) -> Iterator[tuple[int, int]]:
    # UIDs ascend, so `uids[at] - at` never falls, and stays the same just as
    # long as UIDs are in a row.
    for first, last in places(found, uids, length):
        at = first
        while at <= last:
            if uids[last] - uids[at] == last - at:
                end = last
            else:
                gap = uids[at] - at
                end = (
                    bisect_right(
                        range(at, last + 1),
                        gap,
                        key=lambda place: uids[place] - place,
                    )
                    + at
                    - 1
                )
            yield uids[at], uids[end]
            at = end + 1
