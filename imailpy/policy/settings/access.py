"""Who may talk to a service at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from attrs import field, frozen

from imailpy.policy.networks import (
    NOWHERE,
    Network,
    Networks,
    address_number,
)

_WIDTH = {4: 32, 6: 128}


class AccessMode(Enum):
    """IMail's "Grant access to all except" and "Deny access to all except"."""

    GRANT = "grant-all-except"
    DENY = "deny-all-except"


class AccessAnswer(Enum):
    """What SMTP says to those who may not [RFC5321 3.1]."""

    # 421, and the connection is closed.
    CLOSE = "421"
    # 554, and 503 to everything but QUIT.
    REFUSE = "554"


@frozen
class AccessEntry:
    """
    One entry.

    Attributes:
        network: Its `entry` tells where it stands.
        until: Seconds since 1970 from which on it counts as absent; None:
            for good.
        note: The operator's own words.
    """

    network: Network
    until: float | None = None
    note: str = ""

    @property
    def entry(self) -> str:
        """Where it stands, and its note."""
        where = self.network.entry or self.network.text
        return f"{where} ({self.note})" if self.note else where


@frozen
class AccessList:
    """
    The rule of one service.

    Attributes:
        mode: What holds for those who are not in it.
        answer: What SMTP says.
        where: Where the mode is written.
    """

    mode: AccessMode = AccessMode.GRANT
    answer: AccessAnswer = AccessAnswer.CLOSE
    where: str = ""
    _lasting: Networks = NOWHERE
    _more: Networks = NOWHERE
    _notes: Mapping[str, str] = field(factory=dict)
    # (version, width of the prefix) -> prefix -> entry: those that end.
    _passing: Mapping[tuple[int, int], Mapping[int, AccessEntry]] = field(
        factory=dict
    )

    @classmethod
    def of(
        cls,
        mode: AccessMode,
        entries: Iterable[AccessEntry],
        answer: AccessAnswer = AccessAnswer.CLOSE,
        where: str = "",
        more: Networks = NOWHERE,
    ) -> AccessList:
        """
        Make the rule of entries.

        Args:
            more: Networks out of a file, without time limit.
        """
        lasting: list[Network] = []
        notes: dict[str, str] = {}
        passing: dict[tuple[int, int], dict[int, AccessEntry]] = {}
        for each in entries:
            if each.until is None:
                lasting.append(each.network)
                notes[each.network.entry] = each.note
            else:
                _put(passing, each)
        known = Networks(tuple(lasting)) if lasting else NOWHERE
        return cls(mode, answer, where, known, more, notes, passing)

    def find(self, address: str, now: float) -> str | None:
        """Give the entry that holds an address at a time, None for none."""
        hit = self._lasting.find(address) or self._more.find(address)
        if hit is not None:
            where = hit.entry or hit.text
            note = self._notes.get(hit.entry)
            return f"{where} ({note})" if note else where
        return self._find_passing(address, now) if self._passing else None

    def _find_passing(self, address: str, now: float) -> str | None:
        try:
            version, number = address_number(address)
        except ValueError:
            return None
        # Few widths are in use, and this goes on only where some are.
        for (family, bits), entries in self._passing.items():
            if family != version:
                continue
            each = entries.get(number >> (_WIDTH[version] - bits))
            if each is not None and (each.until or 0.0) > now:
                return each.entry
        return None


def _put(
    passing: dict[tuple[int, int], dict[int, AccessEntry]], each: AccessEntry
) -> None:
    """Of two entries for one network the one that ends later counts."""
    network = each.network
    width = _WIDTH[network.version]
    bits = width - (network.last - network.first).bit_length()
    prefix = network.first >> (width - bits)
    table = passing.setdefault((network.version, bits), {})
    other = table.get(prefix)
    if other is None or (other.until or 0.0) < (each.until or 0.0):
        table[prefix] = each


@frozen
class AccessRules:
    """
    Attributes:
        lists: By service; a service without one is open to all.
    """

    lists: Mapping[str, AccessList] = field(factory=dict)
