"""
Who says what: attempts to relay, put together at random from a seed.

Each part (local part, domain, what is around the address, who sends) comes
in every form that was ever used against a server; a tenth of the addresses
is damaged by a letter or two besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from attrs import frozen

from imailpy.realm.battery.site import Peer, Site

T = TypeVar("T")

# Recipients that one client names with one sender.
TOGETHER = 20

VICTIM = "victim.test"
_ODD = "@<>\",:;!%[]()\\. +-=/|~#'\t\x00\x7f\r\u00fc\uff0e\u3002*&$"


@frozen
class Attempt:
    """
    One recipient that somebody names.

    Attributes:
        peer: Who.
        mail: Argument of MAIL: `FROM:<a@b>`.
        rcpt: Argument of RCPT: `TO:<c@d>`.
        trick: What is tried, for people: `percent hack` ...
    """

    peer: Peer
    mail: str
    rcpt: str
    trick: str

    def __str__(self) -> str:
        return (
            f"{self.peer.name} ({self.peer.address}): "
            f"MAIL {_shown(self.mail)} RCPT {_shown(self.rcpt)}"
        )


def _shown(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


class _Dice:
    """
    Numbers that are the same for the same seed, on every machine.

    Not the World's: a battery that found something must be had again.
    """

    def __init__(self, seed: int) -> None:
        self._state = seed * 2 + 1

    def randrange(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        # A linear congruence by Knuth; its upper bits are the good ones.
        self._state = (
            self._state * 6364136223846793005 + 1442695040888963407
        ) % (1 << 64)
        return (self._state >> 33) % limit

    def randint(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        return low + self.randrange(high - low + 1)

    def random(self) -> float:
        """From 0 to less than 1."""
        return self.randrange(1 << 30) / (1 << 30)

    def choice(self, of: Sequence[T]) -> T:
        """One of several."""
        return of[self.randrange(len(of))]


def generated(seed: int, count: int, house: Site) -> Iterator[Attempt]:
    """
    Give attempts to relay through a site.

    Those of one client with one sender come together, `TOGETHER` at a time.

    Args:
        seed: The same one gives the same attempts.
        count: How many.
        house: Whose addresses, clients and lists are played with.
    """
    rng = _Dice(seed)
    given = 0
    while given < count:
        peer = rng.choice(house.peers)
        trick, sender = _sender(rng, house)
        for _ in range(min(TOGETHER, count - given)):
            other, recipient = _recipient(rng, house)
            yield Attempt(peer, sender, recipient, other or trick)
            given += 1


# Senders


def _sender(rng: _Dice, site: Site) -> tuple[str, str]:
    user, domain = _somebody(rng, site)
    accepted = (
        rng.choice(site.accepted) if site.accepted else "a@stranger.test"
    )
    forms: Sequence[tuple[str, str]] = (
        ("foreign sender", "a@stranger.test"),
        ("foreign sender", f"a@{VICTIM}"),
        ("null sender", ""),
        ("spoofed local sender", f"{user}@{domain}"),
        ("spoofed local sender", f"{user.upper()}@{domain.upper()}"),
        ("spoofed local sender", f"{user}+box@{domain}"),
        ("spoofed local sender", f'"{user}"@{domain}'),
        ("spoofed local sender", f"{user}@{domain}."),
        ("spoofed local sender", f"@{VICTIM}:{user}@{domain}"),
        ("unknown local sender", f"nobody-{rng.randrange(999)}@{domain}"),
        ("sender below us", f"{user}@sub.{domain}"),
        ("sender like us", f"{user}@{domain}.{VICTIM}"),
        ("sender like us", f"{user}@x{domain}"),
        ("sender with percent", f"{user}%{domain}@{VICTIM}"),
        ("sender with quotes", f'"{user}@{domain}"@{VICTIM}'),
        ("literal sender", f"{user}@[127.0.0.1]"),
        ("literal sender", f"{user}@{_own_literal(rng, site)}"),
        ("bare postmaster", "postmaster"),
        ("sender of the accept list", _like(accepted)),
        ("sender like the accept list", f"x{_like(accepted)}"),
        ("sender like the accept list", f"{_like(accepted)}.{VICTIM}"),
    )
    trick, text = rng.choice(forms)
    return trick, f"FROM:<{text}>"


def _like(entry: str) -> str:
    """An address that an entry of a list means."""
    if entry.startswith("@*"):
        return f"friend@{entry[2:].lstrip('.')}"
    if "@" in entry[1:]:
        return entry
    return f"friend@{entry.removeprefix('@')}"


def _somebody(rng: _Dice, site: Site) -> tuple[str, str]:
    if site.samples:
        user, _, domain = rng.choice(site.samples).rpartition("@")
        return user.strip('"'), domain
    return "nobody", rng.choice(site.domains) if site.domains else "our.test"


def _own_literal(rng: _Dice, site: Site) -> str:
    if not site.own_addresses:
        return "[192.0.2.1]"
    address = rng.choice(site.own_addresses)
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


# Recipients


def _recipient(rng: _Dice, site: Site) -> tuple[str, str]:
    user, domain = _somebody(rng, site)
    if rng.random() < 0.15:
        domain = rng.choice((VICTIM, "stranger.test", *site.onward))
    trick, local_part = _local_part(rng, user, domain)
    other, right = _domain(rng, site, domain)
    dress, before, behind = _dress(rng, domain)
    text = f"{before}{local_part}{right}{behind}"
    if rng.random() < 0.1:
        text, dress = _damaged(rng, text), "damaged"
    tricks = [name for name in (trick, other, dress) if name]
    return ", ".join(tricks), f"TO:{text}"


def _local_part(rng: _Dice, user: str, domain: str) -> tuple[str, str]:
    if rng.random() < 0.3:
        return "", user
    forms = (
        ("case", user.upper()),
        ("case", "".join(rng.choice((c, c.upper())) for c in user)),
        ("quoted", f'"{user}"'),
        ("escaped", f'"\\{user}"'),
        ("box", f"{user}+box"),
        ("box", f"{user}-box"),
        ("box", f"{user}+{VICTIM}"),
        ("unknown", f"nobody-{rng.randrange(10**6)}"),
        ("percent hack", f"x%{VICTIM}"),
        ("percent hack", f"{user}%{VICTIM}%more.test"),
        ("percent hack", f"x%{VICTIM}%{domain}"),
        ("bang path", f"{VICTIM}!x"),
        ("bang path", f"{domain}!{VICTIM}!x"),
        ("bang path", f"{VICTIM}!x%{domain}"),
        ("quoted address", f'"x@{VICTIM}"'),
        ("quoted address", f'"<x@{VICTIM}>"'),
        ("quoted address", f'"{user}@{domain}"'),
        ("quoted address", f'"x\\@{VICTIM}"'),
        ("quoted route", f'"@{VICTIM}:x"'),
        ("quoted bang path", f'"{VICTIM}!x"'),
        ("quoted blank", f'"x@{VICTIM} "'),
        ("quoted nothing", '""'),
        ("verp", f"x={VICTIM}"),
        ("x400", f"/o=x/ou={VICTIM}"),
        ("pipe", "|x"),
        ("tilde", "~x"),
        ("postmaster", "postmaster"),
        ("postmaster", "PostMaster"),
        ("two addresses", f"x@{VICTIM}"),
        ("two addresses", f"x@{VICTIM},{user}"),
        ("list", f"x,{user}"),
        ("dots", f"{user}."),
        ("dots", f".{user}"),
        ("dots", f"{user}..x"),
        ("blank", f"{user} x"),
        ("open quote", f'"{user}'),
        ("nothing", ""),
        ("long", "x" * 65),
        ("non-ASCII", f"{user}\u00fc"),
        ("control", f"{user}\x00"),
    )
    return rng.choice(forms)


def _domain(rng: _Dice, site: Site, domain: str) -> tuple[str, str]:
    if rng.random() < 0.4:
        return "", f"@{domain}"
    own = _own_literal(rng, site)
    forms = (
        ("case", f"@{domain.upper()}"),
        ("case", f"@{domain.title()}"),
        ("trailing dot", f"@{domain}."),
        ("trailing dots", f"@{domain}.."),
        ("subdomain", f"@sub.{domain}"),
        ("like ours", f"@x{domain}"),
        ("like ours", f"@{domain}.{VICTIM}"),
        ("outside", f"@{VICTIM}"),
        ("outside", f"@{VICTIM.upper()}."),
        ("literal", f"@{own}"),
        ("literal", "@[127.0.0.1]"),
        ("literal", "@[IPv6:::1]"),
        ("literal", "@[IPv6:::ffff:127.0.0.1]"),
        ("mapped literal", f"@[IPv6:::ffff:{own[1:-1]}]"),
        ("mapped literal", "@[IPv6:2001:db8::9]"),
        ("literal of a name", f"@[{domain}]"),
        ("open literal", "@[127.0.0.1"),
        ("address as name", "@127.0.0.1"),
        ("address as name", "@2130706433"),
        ("address as name", "@0x7f000001"),
        ("localhost", "@localhost"),
        ("first label", f"@{domain.partition('.')[0]}"),
        ("two domains", f"@{domain}@{VICTIM}"),
        ("two domains", f"@{VICTIM}@{domain}"),
        ("two domains", f"@{VICTIM},{domain}"),
        ("percent behind", f"@{domain}%{VICTIM}"),
        ("blank", f"@{domain} {VICTIM}"),
        ("tab", f"@{domain}\t"),
        ("underscore", f"@_{domain}"),
        ("full width", f"@\uff4f{domain}"),
        ("ideographic dot", f"@{domain.replace('.', chr(0x3002))}"),
        ("non-ASCII", f"@b\u00fccher.{domain}"),
        ("long", f"@{'a' * 64}.{domain}"),
        ("nothing", ""),
        ("nothing", "@"),
        ("onward", f"@sub.{rng.choice(site.onward or (VICTIM,))}"),
    )
    return rng.choice(forms)


def _dress(rng: _Dice, domain: str) -> tuple[str, str, str]:
    if rng.random() < 0.6:
        return "", "<", ">"
    forms = (
        ("source route", f"<@{domain}:", ">"),
        ("source route", f"<@{VICTIM}:", ">"),
        ("source route", f"<@{domain},@{VICTIM}:", ">"),
        ("source route", "<@[127.0.0.1]:", ">"),
        ("broken route", f"<@{domain}", ">"),
        ("broken route", f"<@{domain},:", ">"),
        ("broken route", f"<{VICTIM}:", ">"),
        ("blank before", " <", ">"),
        ("no brackets", "", ""),
        ("two brackets", "<<", ">>"),
        ("open bracket", "<", ""),
        ("name before", '"x" <', ">"),
        ("comment", "<(x)", ">"),
        ("behind", "<", f"> <x@{VICTIM}>"),
        ("behind", "<", f">@{VICTIM}"),
        ("parameter", "<", "> NOTIFY=NEVER"),
        ("parameter", "<", f"> ORCPT=rfc822;x@{VICTIM}"),
    )
    return rng.choice(forms)


def _damaged(rng: _Dice, text: str) -> str:
    """Change a letter or two."""
    for _ in range(rng.randint(1, 2)):
        at = rng.randint(0, len(text))
        match rng.randrange(3):
            case 0:
                text = text[:at] + rng.choice(_ODD) + text[at:]
            case 1:
                text = text[:at] + text[at + 1 :]
            case _:
                text = text[: at + 1] + text[at : at + 2] + text[at + 1 :]
    return text
