"""
Lists of addresses and domains, with an answer to "which entry was it?".

    user@example.com    this address
    example.com         every address of this domain
    @example.com        the same
    @*example.com       of this domain, and of every one below it
    @*.example.com      the same

A tail counts on label borders: `@*ample.com` does not mean `example.com`.
With `raw`, for those who know IMail's kill list, it does: then the tail is
compared letter by letter.

A million entries must fit: each is one short text in a dictionary, with the
number of its line. A look-up asks for the address, for its domain, and for
each domain above it where there are tails at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import frozen

from imailpy.mail import Path
from imailpy.mail.path import canonical_domain
from imailpy.policy.lines import entry_of, lines_of

# What needs no second look: an address of small ASCII letters, no quotes.
_PLAIN = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9_-]{1,63}\.)+[a-z0-9_-]{1,63}"
)
# No address or domain of ours is longer, so a longer line is none.
_LONGEST = 320


@frozen
class ListedAddress:
    """
    The entry that was hit.

    Attributes:
        text: In its one form: `a@b.test`, `@b.test` or `@*b.test`.
        entry: Where: file and line, or object; empty when nobody said.
    """

    text: str
    entry: str = ""


class AddressList:
    """
    Entries, with the place of each; filled once, then only asked.

    Args:
        raw: Tails are compared letter by letter.
    """

    __slots__ = ("_entries", "_lengths", "_places", "_tails", "raw")

    def __init__(self, *, raw: bool = False) -> None:
        self.raw = raw
        # In its one form -> line, or minus the place in `_places`.
        self._entries: dict[str, int] = {}
        self._places: list[str] = [""]
        self._tails = False
        # Lengths of tails, the longest first.
        self._lengths: list[int] = []

    @classmethod
    def of(
        cls, texts: Iterable[str], *, raw: bool = False, entry: str = ""
    ) -> AddressList:
        """
        Make a list of a few texts, all from one place.

        >>> AddressList.of(["@b.test"]).find(Path("a", "b.test")).text
        '@b.test'
        """
        made = cls(raw=raw)
        for text in texts:
            made.add(text, entry)
        return made

    def add(self, text: str, entry: str = "") -> None:
        """
        Add one entry; of two equal ones the first counts.

        Raises:
            ValueError: With words for the operator.
        """
        key = canonical_entry(text, raw=self.raw)
        if key not in self._entries:
            self._places.append(entry)
            self._entries[key] = 1 - len(self._places)
            self._note(key)

    def add_lines(self, text: str, file: str) -> None:
        """
        Add the lines of a file: one entry each, `#` begins a remark.

        Raises:
            ValueError: With file and line, at the first that is no entry.
        """
        if len(self._places) > 1 and self._places[0]:
            raise ValueError("one file for one list")
        self._places[0] = file
        entries, plain = self._entries, _PLAIN.fullmatch
        number = 0
        for line in lines_of(text):
            number += 1
            if plain(line) and len(line) <= 254 and line.find("@") <= 64:
                entries.setdefault(line, number)
                continue
            said = entry_of(line)
            if not said:
                continue
            try:
                key = canonical_entry(said, raw=self.raw)
            except ValueError as error:
                raise ValueError(f"{file}:{number}: {error}") from None
            if key not in entries:
                entries[key] = number
                self._note(key)

    def _note(self, key: str) -> None:
        if key.startswith("@*"):
            self._tails = True
            length = len(key) - 2
            if self.raw and length not in self._lengths:
                self._lengths.append(length)
                self._lengths.sort(reverse=True)

    def find(self, path: Path) -> ListedAddress | None:
        """
        Give the entry that means an address: the address itself before its
        domain, a narrower tail before a wider one.

        The null path and a bare name are in no list.
        """
        entries, domain = self._entries, path.domain
        if not entries or not domain:
            return None
        key = path.folded
        if key in entries:
            return self._listed(key)
        key = f"@{domain}"
        if key in entries:
            return self._listed(key)
        if not self._tails:
            return None
        return self._tail(domain)

    def _tail(self, domain: str) -> ListedAddress | None:
        if self.raw:
            for length in self._lengths:
                key = f"@*{domain[-length:]}"
                if length <= len(domain) and key in self._entries:
                    return self._listed(key)
            return None
        rest = domain
        while True:
            key = f"@*{rest}"
            if key in self._entries:
                return self._listed(key)
            _, dot, rest = rest.partition(".")
            if not dot:
                return None

    def _listed(self, key: str) -> ListedAddress:
        return ListedAddress(key, self._place(self._entries[key]))

    def _place(self, number: int) -> str:
        if number > 0:
            return f"{self._places[0]}:{number}"
        return self._places[-number]

    def entries(self) -> Iterator[ListedAddress]:
        """All entries in their order."""
        for key, number in self._entries.items():
            yield ListedAddress(key, self._place(number))

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, path: Path) -> bool:
        return self.find(path) is not None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AddressList)
            and self.raw == other.raw
            and self._entries == other._entries
            and self._places == other._places
        )

    __hash__ = None  # type: ignore[assignment]


def canonical_entry(text: str, *, raw: bool = False) -> str:
    """
    Give an entry its one form: `a@b.test`, `@b.test` or `@*b.test`.

    Raises:
        ValueError: With words for the operator.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError(f'"{text[:40]}..." is too long for an address')
    if text.startswith("@*"):
        return f"@*{_tail_of(text, raw)}"
    try:
        if "@" in text[1:]:
            return Path.parse(text).folded
        domain = canonical_domain(text.removeprefix("@"))
    except ValueError as error:
        raise ValueError(_wrong(text, str(error))) from None
    return f"@{domain}"


def _tail_of(text: str, raw: bool) -> str:
    tail = text[2:] if raw else text[2:].removeprefix(".")
    if raw and re.fullmatch(r"[A-Za-z0-9._-]*[A-Za-z0-9]", tail):
        return tail.lower()
    try:
        return canonical_domain(tail)
    except ValueError as error:
        raise ValueError(_wrong(text, str(error))) from None


def _wrong(text: str, why: str) -> str:
    return (
        f'"{text}" is not an address or domain ({why}); write a@example.com, '
        "@example.com or @*example.com"
    )


NOBODY = AddressList()
