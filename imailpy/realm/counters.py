"""
Counting things of which there may be millions, in a room that does not grow.

A table of fixed size. A keyed hash of the thing says in which four slots it
may be, so that nobody outside can choose things that meet there: Python's own
for octets, which is SipHash with a secret of the process, of our key and the
thing [SECURITY B13.12]. When all four are taken, one whose time is over makes
place, or the smallest: whoever comes once from each of ten million addresses
pushes out others like itself, and not those that come often. What was pushed
out was counted too low, never too high: the honest are not refused for
somebody else's doing.

A slot is 16 octets: hash, end of its time, count. Four lie together, in one
line of the processor's cache: first their hashes, then the rest. Pieces of
the table are made when they are first needed.
"""

from __future__ import annotations

from array import array
from struct import Struct
from typing import TypeAlias

from imailpy.interfaces.world import IClock

SLOTS = 1 << 18
SLOT_OCTETS = 16
_WAYS = 4
# Words of eight octets that four slots take.
_WORDS = 2 * _WAYS
_PIECE = 4096
_MOST = 2**32 - 1
_TAG = 2**64 - 1
_COUNT_BITS = 32

# Words: four hashes, then `end << 32 | count` of each, and so on.
_hashes = Struct(f"{_WAYS}Q").unpack_from
_Piece: TypeAlias = "array[int]"


class Counters:
    """
    Counts by thing and span of time.

    Spans of one width lie side by side: a count ends with its span.

    Args:
        key: Of the hash: 16 random octets or more.
        slots: How many; a power of two. Rounded up to one bucket.
    """

    __slots__ = (
        "_clock",
        "_in_piece",
        "_in_pieces",
        "_key",
        "_piece_slots",
        "_pieces",
    )

    def __init__(self, clock: IClock, key: bytes, slots: int = SLOTS) -> None:
        slots = max(slots, _WAYS)
        if slots & (slots - 1):
            raise ValueError("slots must be a power of two")
        self._clock = clock
        self._key = key
        self._piece_slots = min(slots, _PIECE)
        count = slots // self._piece_slots
        self._pieces: list[_Piece | None] = [None] * count
        # All are powers of two.
        self._in_pieces = count - 1
        self._in_piece = self._piece_slots // _WAYS - 1

    def add(self, thing: bytes, width_s: int, amount: int = 1) -> int:
        """Count; gives the count of this thing in this span."""
        now = int(self._clock.monotonic())
        end = (now // width_s + 1) * width_s
        return self._put(thing, now, end, amount, False)

    def get(self, thing: bytes, width_s: int) -> int:
        """Give the count of a thing in this span."""
        now = int(self._clock.monotonic())
        end = (now // width_s + 1) * width_s
        piece, at, tag = self._look(thing)
        if piece is None:
            return 0
        ways = _hashes(piece, at * 8)
        if tag in ways:
            value = piece[at + ways.index(tag) + _WAYS]
            if value >> _COUNT_BITS == end:
                return value & _MOST
        return 0

    def remember(self, thing: bytes, for_s: int) -> None:
        """Know a thing from now on, for so long."""
        now = int(self._clock.monotonic())
        # What was seen often is pushed out last.
        self._put(thing, now, now + for_s, 1, True)

    def knows(self, thing: bytes) -> bool:
        """Whether a thing is remembered."""
        now = int(self._clock.monotonic())
        piece, at, tag = self._look(thing)
        if piece is None:
            return False
        ways = _hashes(piece, at * 8)
        if tag not in ways:
            return False
        return piece[at + ways.index(tag) + _WAYS] >> _COUNT_BITS > now

    def rehearsing(self) -> Counters:
        """A likeness that reads these, and counts on for itself."""
        return _Apart(self)

    def __len__(self) -> int:
        """Slots that were ever used; goes through the table."""
        return sum(
            tag != 0
            for piece in self._pieces
            if piece is not None
            for at in range(0, len(piece), _WORDS)
            for tag in piece[at : at + _WAYS]
        )

    @property
    def size_octets(self) -> int:
        """What the table takes now."""
        made = sum(piece is not None for piece in self._pieces)
        return made * self._piece_slots * SLOT_OCTETS

    # Inside

    def _look(self, thing: bytes) -> tuple[_Piece | None, int, int]:
        """Give the piece, where in it the four slots begin, the hash."""
        # 0 is an empty slot.
        tag = hash(self._key + thing) & _TAG or 1
        piece = self._pieces[(tag >> 40) & self._in_pieces]
        return piece, (tag & self._in_piece) * _WORDS, tag

    def _put(
        self, thing: bytes, now: int, end: int, amount: int, keeps: bool
    ) -> int:
        """
        Add to the slot of a thing, which may have to be made.

        Args:
            keeps: The count of an earlier end is kept.
        """
        if end > _MOST:
            end = _MOST
        tag = hash(self._key + thing) & _TAG or 1
        piece = self._pieces[(tag >> 40) & self._in_pieces]
        if piece is None:
            piece = array("Q", bytes(SLOT_OCTETS * self._piece_slots))
            self._pieces[(tag >> 40) & self._in_pieces] = piece
        at = (tag & self._in_piece) * _WORDS
        ways = _hashes(piece, at * 8)
        if tag in ways:
            at += ways.index(tag)
            value = piece[at + _WAYS]
            if keeps or value >> _COUNT_BITS == end:
                amount += value & _MOST
        else:
            at += ways.index(0) if 0 in ways else _least(piece, at, now)
            piece[at] = tag
        if amount > _MOST:
            amount = _MOST
        piece[at + _WAYS] = end << _COUNT_BITS | amount
        return amount


def _least(piece: _Piece, at: int, now: int) -> int:
    """Give which of four slots can best be done without."""

    def worth(way: int) -> int:
        value = piece[at + _WAYS + way]
        return value & _MOST if value >> _COUNT_BITS > now else -1

    return min(range(_WAYS), key=worth)


class _Apart(Counters):
    """What a rehearsal counts, on top of what is counted already."""

    __slots__ = ("_below", "_own")

    def __init__(self, below: Counters) -> None:
        self._below = below
        self._own: dict[tuple[bytes, int], int] = {}

    def add(self, thing: bytes, width_s: int, amount: int = 1) -> int:
        """As of `Counters`."""
        key = thing, width_s
        self._own[key] = self._own.get(key, 0) + amount
        return self.get(thing, width_s)

    def get(self, thing: bytes, width_s: int) -> int:
        """As of `Counters`."""
        own = self._own.get((thing, width_s), 0)
        return self._below.get(thing, width_s) + own

    def remember(self, thing: bytes, for_s: int) -> None:
        """Nothing: a rehearsal is over before it could matter."""

    def knows(self, thing: bytes) -> bool:
        """As of `Counters`."""
        return self._below.knows(thing)
