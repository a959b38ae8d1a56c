"""
Is this packet sound? Asked before anybody decodes it.

One pass over the octets of a DNS message [RFC1035 4.1], with a bound on
everything that a liar could make long: records, labels, pointers. The codec
of twisted.names is quick but believes what it reads: it takes a message that
ends too early, a name that runs past its record, a pointer that goes forward.
What passes here it decodes right.
"""

from __future__ import annotations

import struct

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, OPT = 1, 2, 5, 6, 12, 15, 16, 28, 41
_TSIG = 250
# In the additional section or nowhere [RFC6891 6.1.1] [RFC8945 5.1].
_ABOUT_THE_MESSAGE = frozenset({OPT, _TSIG})
HEADER_OCTETS = 12

# A thousand MX records with their addresses still pass.
_MOST_RECORDS = 3_000
# Labels and pointers of all names together.
_MOST_STEPS = 40_000
_MOST_HOPS = 32
_MOST_NAME = 255

_FIXED = struct.Struct("!HHIH")
_COUNTS = struct.Struct("!HHHHHH")


class Malformed(ValueError):
    """Not a DNS message, or one that is built to hurt."""


class Frame:
    """
    The walk over one message.

    Attributes:
        ends_at: Where the last record ends; octets behind it are refused.
    """

    def __init__(self, octets: bytes) -> None:
        if len(octets) < HEADER_OCTETS:
            raise Malformed("shorter than a header")
        self._octets = octets
        self._steps = 0
        _, _, questions, *sections = _COUNTS.unpack_from(octets)
        if questions > 1 or sum(sections) > _MOST_RECORDS:
            raise Malformed("too many records")
        at = HEADER_OCTETS
        for _ in range(questions):
            at = self._name(at, dots=False) + 4
        self.question = octets[HEADER_OCTETS:at]
        *others, additional = sections
        for _ in range(sum(others)):
            at = self._record(at, additional=False)
        for _ in range(additional):
            at = self._record(at, additional=True)
        if at != len(octets):
            raise Malformed("ends too early or too late")

    def _record(self, at: int, *, additional: bool) -> int:
        at = self._name(at, dots=True)
        try:
            fixed = _FIXED.unpack_from(self._octets, at)
        except struct.error:
            raise Malformed("record cut off") from None
        kind: int = fixed[0]
        if kind in _ABOUT_THE_MESSAGE and not additional:
            raise Malformed("record in a section where it never stands")
        at += _FIXED.size
        end: int = at + fixed[3]
        if end > len(self._octets):
            raise Malformed("record data cut off")
        if self._data(kind, at, end) != end:
            raise Malformed("record data of another length")
        return end

    def _data(self, kind: int, at: int, end: int) -> int:
        """Give where the data of this type really ends."""
        if kind == A:
            return at + 4
        if kind == AAAA:
            return at + 16
        if kind in (CNAME, PTR, NS):
            return self._name(at, dots=False)
        if kind == MX:
            return self._name(at + 2, dots=False)
        if kind == SOA:
            # The person's mailbox may have a dot in its first label.
            at = self._name(at, dots=False)
            return self._name(at, dots=True) + 20
        if kind == TXT:
            return self._strings(at, end)
        return end

    def _strings(self, at: int, end: int) -> int:
        if at == end:
            raise Malformed("TXT without a string")
        while at < end:
            at += 1 + self._octets[at]
        return at

    def _name(self, at: int, *, dots: bool) -> int:
        """
        Walk over a name.

        Args:
            dots: Whether a label may hold a dot: the codec cannot tell it
                from the end of a label, so not where names are compared.

        Returns:
            Where it ends, not following its pointer.
        """
        octets = self._octets
        end: int | None = None
        length = hops = 0
        # A pointer goes back behind everything read of this name so far,
        # so it cannot loop; and what it leads to is a name that came before
        # [RFC1035 4.1.4]: it ends where the one that points begins.
        earliest, limit = at, len(octets)
        while True:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise Malformed("too many labels")
            try:
                size = octets[at]
                if size >= 0xC0:
                    target = (size & 0x3F) << 8 | octets[at + 1]
            except IndexError:
                raise Malformed("name cut off") from None
            if size >= 0xC0:
                end = at + 2 if end is None else end
                hops += 1
                if not HEADER_OCTETS <= target < earliest or hops > _MOST_HOPS:
                    raise Malformed("pointer that goes nowhere good")
                if at + 2 > limit:
                    raise Malformed("name that runs into its pointer")
                at, earliest, limit = target, target, earliest
                continue
            if size > 63:
                raise Malformed("label of an unknown kind")
            length += size + 1
            if length > _MOST_NAME:
                raise Malformed("name over 255 octets")
            label = octets[at + 1 : at + 1 + size]
            at += 1 + size
            if at > limit:
                raise Malformed("name that runs into its pointer")
            if not size:
                return at if end is None else end
            if len(label) < size:
                raise Malformed("name cut off")
            if not dots and b"." in label:
                raise Malformed("dot within a label")
