"""
What a sound response says to the question [RFC1034 4.3.2] [RFC2308].

Only records whose owner is the name asked for, or one that its chain of
CNAMEs leads to, count; whatever else a server puts in is not looked at.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from attrs import frozen
from twisted.names import dns

from imailpy.dns.frame import AAAA, CNAME, MX, PTR, SOA, TXT, A, Malformed
from imailpy.dns.wire import IN, NXDOMAIN, Question

# Names in one chain of CNAMEs [SECURITY B11.5].
MOST_ALIASES = 8

# A TTL with its first bit set counts as 0 [RFC2181 8].
_TTL_SIGN = 1 << 31

_ODD = re.compile(r"[^A-Za-z0-9_.*/-]")


@frozen
class Reading:
    """
    What one response said.

    Attributes:
        records: Data in the type's own form: an address, a name, a text, or
            `preference host` for MX.
        exists: False for NXDOMAIN.
        secure: The AD bit; whether it is to be believed is told elsewhere.
        ttl_s: As given, not clamped; None: it gave none.
        alias: The chain of CNAMEs ends here without an answer: ask on.
        aliases: CNAMEs followed.
    """

    records: tuple[str, ...] = ()
    exists: bool = True
    secure: bool = False
    ttl_s: int | None = None
    alias: str | None = None
    aliases: int = 0


def read(message: dns.Message, question: Question) -> Reading:
    """
    Find the answer in a response with NOERROR or NXDOMAIN.

    Raises:
        Malformed: Two CNAMEs for one name, or a chain over the limit.
    """
    owner = question.name
    ttls: list[int] = []
    aliases = 0
    while True:
        found = _of(message.answers, owner, question.kind)
        if found:
            break
        targets = _of(message.answers, owner, CNAME)
        if not targets:
            break
        aliases += 1
        if len({_text(record) for record in targets}) > 1:
            raise Malformed("two CNAMEs for one name")
        if aliases > MOST_ALIASES:
            raise Malformed("chain of CNAMEs is too long")
        ttls.append(_ttl(targets[0]))
        owner = _text(targets[0])
    secure = bool(message.authenticData)
    if found:
        # One TTL counts for the set; a liar's mix gets the lowest.
        ttls.extend(_ttl(record) for record in found)
        texts = dict.fromkeys(_text(record) for record in found)
        return Reading(tuple(texts), True, secure, min(ttls), aliases=aliases)
    negative = _negative_ttl(message, owner)
    if negative is not None:
        ttls.append(negative)
    alias = None
    exists = message.rCode != NXDOMAIN
    if aliases and exists and negative is None:
        alias = owner
    return Reading((), exists, secure, min(ttls, default=None), alias, aliases)


def _of(records: list[Any], owner: str, kind: int) -> list[Any]:
    wanted = owner.encode()
    return [
        record
        for record in records
        if record.type == kind
        and record.cls == IN
        and record.name.name.lower() == wanted
    ]


def _negative_ttl(message: dns.Message, owner: str) -> int | None:
    """How long "none" holds, by the SOA of a zone above [RFC2308 5]."""
    for record in message.authority:
        if record.type != SOA or record.cls != IN:
            continue
        zone = record.name.name.lower().decode("latin-1")
        if not zone or f".{owner}".endswith(f".{zone}"):
            soa: Any = record.payload
            return min(_ttl(record), _clean(soa.minimum))
    return None


def _ttl(record: Any) -> int:
    return _clean(record.ttl)


def _clean(ttl: int) -> int:
    return 0 if ttl < 0 or ttl >= _TTL_SIGN else ttl


def _name(octets: bytes) -> str:
    r"""A name as text: `\ddd` for octets that belong in no host name."""
    text = octets.decode("latin-1")
    return _ODD.sub(lambda m: f"\\{ord(m.group()):03d}", text).lower()


def _text(record: Any) -> str:
    """One record's data in the type's own form."""
    payload = record.payload
    if record.type == A:
        return str(payload.dottedQuad())
    if record.type == AAAA:
        return str(ipaddress.IPv6Address(payload.address))
    if record.type in (CNAME, PTR):
        return _name(payload.name.name)
    if record.type == MX:
        return f"{payload.preference} {_name(payload.name.name)}"
    if record.type == TXT:
        octets = b"".join(payload.data)
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return octets.decode("latin-1")
    return str(payload.data.hex())
