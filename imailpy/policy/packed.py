"""
Networks by the million.

An entry is a number in each of a few columns; its text is written anew when
somebody asks for it. The forms that make up long lists, `192.0.2.1`,
`192.0.2.0/24` and `2001:db8::/32`, are read here without the standard
library, which takes several microseconds for each; every other form, and
whatever is wrong, goes the slow way and gets its words there.
"""

from __future__ import annotations

import ipaddress
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import overload

from attrs import field, frozen

from imailpy.policy.lines import entry_of, lines_of
from imailpy.policy.network import Network, parse_network

_OCTETS = {str(number): number for number in range(256)}
# Prefix length as written -> addresses of the network, less one.
_FOUR = {str(bits): (1 << 32 - bits) - 1 for bits in range(33)}
_WORD = re.compile("[0-9a-f]{1,4}")
_SIX = {str(bits): (1 << 128 - bits) - 1 for bits in range(129)}


@frozen
class Columns:
    """
    The entries of one family.

    Attributes:
        firsts: Lowest address of each.
        lasts: Highest address.
        places: Of the entry among those of both families.
    """

    version: int
    firsts: Sequence[int] = ()
    lasts: Sequence[int] = ()
    places: Sequence[int] = ()


@frozen(eq=False)
class PackedNetworks(Sequence[Network]):
    """
    The networks of one file, as if they were a sequence of `Network`.

    Attributes:
        file: Where they were read.
        lines: Of each entry, the number of its line.
        more: Entries from elsewhere, behind those of the file.
    """

    file: str
    lines: array[int]
    _four: Columns
    _six: Columns
    # Place of an entry -> its row in the columns, negative for IPv6.
    _rows: array[int] = field(repr=False)
    more: tuple[Network, ...] = ()

    def columns(self, version: int) -> Columns:
        """Those of one family."""
        return self._four if version == 4 else self._six

    def __len__(self) -> int:
        return len(self.lines) + len(self.more)

    @overload
    def __getitem__(self, at: int) -> Network: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Network]: ...

    def __getitem__(self, at: int | slice) -> Network | Sequence[Network]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if at >= len(self.lines):
            return self.more[at - len(self.lines)]
        row = self._rows[at]
        columns = self._four if row >= 0 else self._six
        row = row if row >= 0 else -1 - row
        first, last = columns.firsts[row], columns.lasts[row]
        return Network(
            columns.version,
            first,
            last,
            _text(columns.version, first, last),
            f"{self.file}:{self.lines[at]}",
        )

    def __iter__(self) -> Iterator[Network]:
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedNetworks) and (
            (self.file, self.lines, self._rows)
            == (other.file, other.lines, other._rows)
            and self._four == other._four
            and self._six == other._six
            and self.more == other.more
        )

    __hash__ = None  # type: ignore[assignment]


def _text(version: int, first: int, last: int) -> str:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    if version == 4:
        address = ipaddress.IPv4Address(first)
    else:
        address = ipaddress.IPv6Address(first)
    bits = address.max_prefixlen - (last - first).bit_length()
    return str(address) if first == last else f"{address}/{bits}"


def pack(text: str, file: str, more: Sequence[Network] = ()) -> PackedNetworks:
    """
    Read lines: one network each, `#` begins a remark.

    Args:
        more: Entries that do not stand there.

    Raises:
        ValueError: With file and line, at the first that is none.
    """
    lines, rows = array("I"), array("i")
    four_firsts, four_lasts, four_places = array("I"), array("I"), array("I")
    six_firsts: list[int] = []
    six_lasts: list[int] = []
    six_places = array("I")
    number = 0
    for line in lines_of(text):
        number += 1
        version = 6 if ":" in line else 4
        found = fast_six(line, many=True) if version == 6 else fast_four(line)
        if found is not None:
            first, last = found
        else:
            said = entry_of(line)
            if not said:
                continue
            try:
                network = parse_network(said)
            except ValueError as error:
                raise ValueError(f"{file}:{number}: {error}") from None
            version, first = network.version, network.first
            last = network.last
        if version == 4:
            rows.append(len(four_firsts))
            four_firsts.append(first)
            four_lasts.append(last)
            four_places.append(len(lines))
        else:
            rows.append(-1 - len(six_firsts))
            six_firsts.append(first)
            six_lasts.append(last)
            six_places.append(len(lines))
        lines.append(number)
    for at, each in enumerate(more, len(lines)):
        if each.version == 4:
            four_firsts.append(each.first)
            four_lasts.append(each.last)
            four_places.append(at)
        else:
            six_firsts.append(each.first)
            six_lasts.append(each.last)
            six_places.append(at)
    return PackedNetworks(
        file,
        lines,
        Columns(4, four_firsts, four_lasts, four_places),
        # The garbage collector passes over tuples of numbers.
        Columns(6, tuple(six_firsts), tuple(six_lasts), six_places),
        rows,
        tuple(more),
    )


def fast_four(text: str) -> tuple[int, int] | None:
    """Read `192.0.2.1` or `192.0.2.0/24`; None: it may be another form."""
    try:
        address, _, bits = text.partition("/")
        a, b, c, d = address.split(".")
        first = (
            _OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d]
        )
        if not bits:
            return (first, first) if text == address else None
        size = _FOUR[bits]
    except (ValueError, KeyError):
        return None
    return None if first & size else (first, first + size)


class _OneByOne:
    """Reads words as they come: for an address now and then."""

    def __getitem__(self, word: str) -> int:
        if _WORD.fullmatch(word) is None:
            raise KeyError(word)
        return int(word, 16)


_ONE_BY_ONE = _OneByOne()


def fast_six(text: str, *, many: bool = False) -> tuple[int, int] | None:
    """
    Read `2001:db8::1` or `2001:db8::/32` in small letters; None: it may be
    another form, or IPv4 in IPv6 clothes.

    Args:
        many: There are more to come: all words are kept in a table of 8 MB.
    """
    words: Mapping[str, int] | _OneByOne = _words() if many else _ONE_BY_ONE
    prefix, plain, bits = text.partition("::/")
    if plain and ":" in prefix and "::" not in prefix:
        # A network as it is mostly written.
        parts = prefix.split(":")
        number = 0
        try:
            for word in parts:
                number = number << 16 | words[word]
            number <<= 128 - 16 * len(parts)
            size = _SIX[bits]
        except (KeyError, ValueError):
            return None
        return None if number & size else (number, number + size)
    address, mark, bits = text.partition("/")
    before, gap, after = address.partition("::")
    try:
        number = 0
        missing = 8
        if before:
            for word in before.split(":"):
                number = number << 16 | words[word]
                missing -= 1
        if after:
            low = 0
            behind = after.split(":")
            for word in behind:
                low = low << 16 | words[word]
            number = number << 16 * missing | low
            missing -= len(behind)
        else:
            number <<= 16 * max(missing, 0)
        size = _SIX[bits] if mark else 0
    except KeyError:
        return None
    if (missing < 1) if gap else (missing != 0):
        return None
    if number >> 32 == 0xFFFF or number & size:
        return None
    return number, number + size


@cache
def _words() -> dict[str, int]:
    """The sixteen bits that a word of an IPv6 address stands for."""
    return {f"{number:x}": number for number in range(65_536)}
