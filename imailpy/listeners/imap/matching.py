"""
Which messages match a search key, when some of it is not known yet.

A key is a postfix program over *leaves* (flags, dates, texts ...). Each leaf
has two rows of one octet a message, kept as whole numbers: `sure` (it is so)
and `maybe` (it may be so). AND and OR are those of the numbers, NOT swaps
the two. A message with `maybe` and without `sure` is open: only for those is
anything read, the cheap things first, and the program is run again. So the
2,000 levels of a hostile key cost as many operations on numbers and no
recursion, and `OR SEEN TEXT x` never opens what is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress

from attrs import define, field, frozen

from imailpy.protocol.imap.commands import And, Not, Or, SearchKey

# Operations that may be done without looking at the clock.
_BREATH = 64


@frozen
class _All:
    """Take so many from the stack, give their AND."""

    count: int


@frozen
class _Either:
    """Take two, give their OR."""


@frozen
class _Contrary:
    """Take one, give its NOT."""


_Step = int | _All | _Either | _Contrary


@define
class Leaf:
    """
    One key that is made of no others.

    Attributes:
        sure: An octet of 1 for each message that matches for certain.
        maybe: The same for each that may match; never less than `sure`.
    """

    key: SearchKey
    sure: int = 0
    maybe: int = 0


@define
class Program:
    """
    A search key over some messages.

    Attributes:
        size: How many messages.
        leaves: Each different one once.
    """

    size: int
    leaves: list[Leaf]
    _steps: list[_Step]
    _ones: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ones = int.from_bytes(b"\x01" * self.size, "little")
        for leaf in self.leaves:
            leaf.maybe = self._ones

    def know(
        self,
        leaf: Leaf,
        values: bytes | bytearray,
        asked: bytes | bytearray | None = None,
    ) -> None:
        """
        Note what was found out about a leaf.

        Args:
            values: An octet a message, 1 for a match.
            asked: 1 where `values` says something, which is 0 elsewhere;
                None: everywhere.
        """
        known = int.from_bytes(values, "little")
        unasked = 0
        if asked is not None:
            unasked = self._ones ^ int.from_bytes(asked, "little")
        leaf.sure = leaf.sure & unasked | known
        leaf.maybe = leaf.maybe & unasked | known

    def run(self) -> Iterator[None]:
        """
        Run the program; yields now and then, the results are in `found`
        and `open` behind the last time.
        """
        stack: list[tuple[int, int]] = []
        ones = self._ones
        for count, step in enumerate(self._steps):
            if isinstance(step, int):
                leaf = self.leaves[step]
                stack.append((leaf.sure, leaf.maybe))
            elif isinstance(step, _Contrary):
                sure, maybe = stack.pop()
                stack.append((ones ^ maybe, ones ^ sure))
            elif isinstance(step, _Either):
                left, right = stack.pop(), stack.pop()
                stack.append((left[0] | right[0], left[1] | right[1]))
            else:
                sure = maybe = ones
                for _ in range(step.count):
                    one = stack.pop()
                    sure &= one[0]
                    maybe &= one[1]
                stack.append((sure, maybe))
            if not count % _BREATH:
                yield
        self._sure, self._maybe = stack.pop()

    _sure: int = 0
    _maybe: int = 0

    def found(self) -> list[int]:
        """Positions that match, ascending."""
        return self._positions(self._sure)

    def open(self, leaves: Sequence[Leaf] | None = None) -> list[int]:
        """
        Positions of which it is not known yet.

        Args:
            leaves: Only those where one of these is not known.
        """
        still = self._sure ^ self._maybe
        if leaves is not None:
            unknown = 0
            for leaf in leaves:
                unknown |= leaf.sure ^ leaf.maybe
            still &= unknown
        return self._positions(still)

    def _positions(self, octets: int) -> list[int]:
        marks = octets.to_bytes(self.size, "little")
        return list(compress(range(self.size), marks))


def program_for(key: SearchKey, size: int) -> Program:
    """Compile a key, without recursion."""
    steps: list[_Step] = []
    numbers: dict[SearchKey, int] = {}
    # Work to be done, the next on top: a key, or a step to be put down.
    todo: list[SearchKey | _All | _Either | _Contrary] = [key]
    while todo:
        now = todo.pop()
        if isinstance(now, _All | _Either | _Contrary):
            steps.append(now)
        elif isinstance(now, And):
            todo.append(_All(len(now.keys)))
            todo.extend(now.keys)
        elif isinstance(now, Or):
            todo += [_Either(), now.left, now.right]
        elif isinstance(now, Not):
            todo += [_Contrary(), now.key]
        else:
            steps.append(numbers.setdefault(now, len(numbers)))
    return Program(size, [Leaf(leaf) for leaf in numbers], steps)


def marks(size: int, spans: Sequence[tuple[int, int]]) -> bytearray:
    """Give an octet of 1 for each position in `spans`."""
    octets = bytearray(size)
    for start, end in spans:
        octets[start:end] = b"\x01" * (end - start)
    return octets
