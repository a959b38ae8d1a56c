"""What the battery knows of a site: read from its directory, not its code."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from imailpy.interfaces.directory import Account, Alias, IDirectory
from imailpy.mail import Path

# So many addresses of ours are played with; all of them are known.
MOST_SAMPLES = 40


@frozen
class Peer:
    """
    Somebody who connects.

    Attributes:
        name: For people: `stranger`, `listed client`, `our proxy` ...
        service: Of the listener that it comes to.
        listener: Its name.
        listed: The operator has listed it to relay.
        user: Who it has signed in as; None: nobody.
    """

    name: str
    address: str
    service: str = "smtp"
    listener: str = "smtp"
    listed: bool = False
    user: Account | None = None


# Addresses that nobody has: those for documentation, and one in IPv6 clothes.
STRANGERS = (
    Peer("stranger", "203.0.113.9"),
    Peer("stranger by IPv6", "2001:db8:bad::9"),
    Peer("stranger in IPv6 clothes", "::ffff:198.51.100.77"),
    Peer("this machine", "127.0.0.1"),
    Peer("stranger at submission", "203.0.113.9", "submission", "submission"),
    Peer("LMTP client", "127.0.0.1", "lmtp", "lmtp"),
)


def user(account: Account, address: str = STRANGERS[0].address) -> Peer:
    """Somebody who has signed in to send."""
    return Peer("user", address, "submission", "submission", user=account)


# Where a stranger may come from instead, when the operator has listed these.
ELSEWHERE = (
    "198.51.100.7",
    "192.0.2.199",
    "11.22.33.44",
    "2001:db8:f::9",
    "2620:0:2d0:200::7",
)


@frozen
class Site:
    """
    A site.

    Attributes:
        domains: Ours, lower-case A-labels; may be empty.
        addresses: `local@domain` in small letters that mail can be sent to.
        samples: Some of them, for playing.
        catch_all: Domains of ours where every address exists.
        own_addresses: IP addresses whose literals are ours.
        literal_domain: What those literals stand for.
        delimiters: What parts user and box.
        policy: Of relay: `none`, `addresses` ...
        accepted: Entries of the accept list, as it is written.
        onward: Domains of others that are taken from anyone.
        peers: Who connects.
    """

    domains: tuple[str, ...] = ()
    addresses: frozenset[str] = frozenset()
    samples: tuple[str, ...] = ()
    catch_all: frozenset[str] = frozenset()
    own_addresses: tuple[str, ...] = ()
    literal_domain: str = ""
    delimiters: str = "+-"
    policy: str = "none"
    accepted: tuple[str, ...] = ()
    onward: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = field(default=STRANGERS)

    def has(self, local_part: str, domain: str) -> bool:
        """Whether mail for an address of a domain of ours has a taker."""
        local_part = _folded(local_part)
        if domain in self.catch_all or local_part == "postmaster":
            return True
        return self.knows(local_part, domain)

    def knows(self, local_part: str, domain: str) -> bool:
        """Whether somebody has the address: no catch-all."""
        local_part = _folded(local_part)
        if f"{local_part}@{domain}" in self.addresses:
            return True
        return any(
            f"{local_part[:at]}@{domain}" in self.addresses
            for at, letter in enumerate(local_part)
            if letter in self.delimiters and 0 < at < len(local_part) - 1
        )


def _folded(local_part: str) -> str:
    return local_part.casefold()


async def survey(directory: IDirectory) -> Site:
    """
    Read a directory.

    Returns:
        A site with its domains and addresses; all else as by default.

    Raises:
        DirectoryUnavailable: It cannot be read just now.
    """
    domains = await directory.domains()
    accounts = await directory.accounts()
    aliases = await directory.aliases()
    names = tuple(domain.name for domain in domains)
    catch_all = frozenset(
        domain.name for domain in domains if domain.catch_all is not None
    )
    known = {account.address.folded for account in accounts}
    known |= _that_lead_somewhere(aliases, known, names, catch_all)
    return Site(
        domains=names,
        addresses=frozenset(known),
        samples=_samples(accounts, aliases, known),
        catch_all=catch_all,
        literal_domain=names[0] if names else "",
    )


def _that_lead_somewhere(
    aliases: Iterable[Alias],
    accounts: set[str],
    domains: tuple[str, ...],
    catch_all: frozenset[str],
) -> set[str]:
    """Aliases that are not a circle, and do not lead to nobody."""
    ours = frozenset(domains)
    good: set[str] = set()
    open_ones = {alias.address.folded: alias.targets for alias in aliases}

    def leads(target: Path) -> bool:
        domain = target.domain
        return (
            (domain not in ours and domain not in catch_all)
            or target.folded in accounts
            or target.folded in good
            or domain in catch_all
            or target.local_part.lower() == "postmaster"
            or any(
                f"{target.folded.partition('@')[0][:at]}@{domain}" in accounts
                for at, letter in enumerate(target.local_part)
                if letter in "+-" and at
            )
        )

    while True:
        more = [
            address
            for address, targets in open_ones.items()
            if any(leads(target) for target in targets)
        ]
        if not more:
            return good
        for address in more:
            good.add(address)
            del open_ones[address]


def _samples(
    accounts: Iterable[Account], aliases: Iterable[Alias], known: set[str]
) -> tuple[str, ...]:
    """Plain addresses of both kinds."""
    found = [str(account.address) for account in accounts][: MOST_SAMPLES // 2]
    for alias in aliases:
        if len(found) >= MOST_SAMPLES:
            break
        if alias.address.folded in known:
            found.append(str(alias.address))
    return tuple(found)
