"""
A resolver that answers from a table: for tests, and for a house apart.

    FixedResolver({
        "example.test": {"MX": ["10 mx.example.test"]},
        "mx.example.test": {"A": ["192.0.2.25"]},
        "null.test": {"MX": ["0 ."]},
        "broken.test": LookupFailed("scripted"),
        "alias.test": {"CNAME": ["example.test"]},
    })

A name that stands in the table, or above one that does, exists; every other
name does not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from zope.interface import implementer

from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import Answer, IResolver, MailHost

Zone = Mapping[str, Mapping[str, Sequence[str]] | LookupFailed]

_MOST_ALIASES = 8


@implementer(IResolver)
class FixedResolver:
    """
    Answers from a table.

    Args:
        zone: Name -> type -> records, or name -> the failure to raise. It is
            read at each question: a test may change it.
        secure: What every answer says of itself.

    Attributes:
        asked: Every question so far, as (name, type).
    """

    def __init__(
        self, zone: Zone | None = None, *, secure: bool = False
    ) -> None:
        self.zone: Zone = {} if zone is None else zone
        self.secure = secure
        self.asked: list[tuple[str, str]] = []

    async def mx(self, domain: str) -> Sequence[MailHost] | None:
        answer = self._answer(domain, "MX")
        if not answer.exists:
            return None
        hosts = []
        for record in answer.records:
            preference, _, host = record.partition(" ")
            hosts.append(MailHost(int(preference), host.removesuffix(".")))
        return sorted(hosts, key=lambda host: (host.preference, host.host))

    async def addresses(self, host: str) -> Sequence[str]:
        six, four = self._answer(host, "AAAA"), self._answer(host, "A")
        return [*six.records, *four.records]

    async def txt(self, name: str) -> Answer:
        return self._answer(name, "TXT")

    async def ptr(self, address: str) -> Answer:
        name = ipaddress.ip_address(address).reverse_pointer
        return self._answer(name, "PTR")

    def _answer(self, name: str, kind: str) -> Answer:
        self.asked.append((name, kind))
        for _ in range(_MOST_ALIASES + 1):
            entry = self.zone.get(name)
            if isinstance(entry, LookupFailed):
                raise LookupFailed(entry.private)
            if entry is None:
                below = any(known.endswith(f".{name}") for known in self.zone)
                return Answer(exists=below, secure=self.secure)
            if "CNAME" not in entry or kind in entry:
                break
            name = entry["CNAME"][0]
        else:
            raise LookupFailed("chain of CNAMEs is too long")
        records = tuple(entry.get(kind, ()))
        return Answer(records, True, self.secure, 300 if records else 60)
