"""
Would this configuration relay for a stranger?

Some of it can be read from the configuration and the directory: a list that
holds a proxy, an alias that leads outward. The rest is tried: the relay
battery is played against the checks, the settings and the directory that
would decide, and compared with an oracle of its own.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any

from attrs import define, evolve, field, frozen

from imailpy.config.listeners import listeners
from imailpy.config.lists import networks as listed_networks
from imailpy.config.relaying import gateways, warnings
from imailpy.config.schema import Configuration, Service
from imailpy.delivery.routing import Router
from imailpy.interfaces.directory import IDirectory
from imailpy.interfaces.world import IDisk
from imailpy.mail import Path
from imailpy.mail.facts import canonical_address
from imailpy.policy.addresses import AddressList
from imailpy.policy.networks import Networks, parse_network
from imailpy.policy.settings import PolicySettings, RelayPolicy
from imailpy.realm.battery import (
    Peer,
    Site,
    Tally,
    generated,
    play,
    survey,
)
from imailpy.realm.battery.site import ELSEWHERE, STRANGERS, user
from imailpy.realm.rehearsal import Rehearsal

# Entries of long lists that the battery plays with.
_MOST_LISTED = 20
# Aliases that are told one by one.
_MOST_TOLD = 50
# Attempts that are told of one entry.
_MOST_OF_ONE = 3


@frozen
class Problem:
    """
    Something that must not be so.

    Attributes:
        kind: Stable word: `relay`, `refused`, `proxy`, `policy`, `alias`,
            `catch-all`, `configuration`.
        text: For the operator.
        entry: Where it is configured: file and line, or object.
    """

    kind: str
    text: str
    entry: str


@define
class Report:
    """
    What a check found.

    Attributes:
        relayed: By rule: how often outsiders relayed as the table allows.
    """

    file: str
    seed: int
    problems: list[Problem] = field(factory=list)
    warnings: list[str] = field(factory=list)
    played: int = 0
    taken: int = 0
    relayed: dict[str, int] = field(factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "file": self.file,
            "seed": self.seed,
            "played": self.played,
            "taken": self.taken,
            "relayed": self.relayed,
            "problems": [
                {"kind": each.kind, "entry": each.entry, "text": each.text}
                for each in self.problems
            ],
            "warnings": self.warnings,
        }


async def check(
    configuration: Configuration,
    disk: IDisk,
    directory: IDirectory,
    router: Router,
    realm: Rehearsal,
    *,
    seed: int,
    count: int,
    pause: Callable[[], Awaitable[object]] | None = None,
) -> Report:
    """
    Check a configuration.

    Args:
        disk: Where the lists are that it names.
        router: Finds addresses by its settings.
        realm: Decides by its settings.
    """
    report = Report(configuration.file, seed)
    report.warnings += [
        str(each).replace("warning: ", "") for each in warnings(configuration)
    ]
    policy = realm.settings.current.policy
    report.problems += _policy(configuration)
    report.problems += _trusted(configuration, disk)
    report.problems += await _outward(configuration, directory, router, pause)
    site = await _site(configuration, directory, policy)
    report.warnings += _both(configuration, site)
    # Other servers are not asked for the sake of a rehearsal.
    realm.recipient_checks = {}
    # Thousands of attempts of one user are no matter of its limits.
    realm.sending = None
    tally = await play(realm, site, generated(seed, count, site), pause)
    report.played, report.taken = tally.played, tally.taken
    report.relayed = tally.relayed
    shown = _shown(tally)
    report.problems += shown
    if tally.wrongs > len(shown):
        report.problems.append(
            Problem("relay", f"{tally.wrongs} attempts in all", "")
        )
    return report


def _shown(tally: Tally) -> list[Problem]:
    """A few attempts for each entry that is to blame."""
    told: Counter[str] = Counter()
    problems = []
    for each in tally.wrong:
        entry = each.entry or each.rule
        told[entry] += 1
        if told[entry] <= _MOST_OF_ONE:
            problems.append(
                Problem(
                    each.kind,
                    f"{each.attempt} [{each.attempt.trick}]: {each.rule}: "
                    f"{each.reason}",
                    entry,
                )
            )
    return problems


def _policy(configuration: Configuration) -> Iterator[Problem]:
    """An open relay is one, whatever the operator understands."""
    if configuration.relay.policy is RelayPolicy.ANYONE:
        yield Problem(
            "policy",
            'relay policy "anyone": everybody may send to everybody',
            configuration.entry("relay", "policy"),
        )


# Whom a list trusts


def _trusted(configuration: Configuration, disk: IDisk) -> Iterator[Problem]:
    """No list that grants something holds a proxy of strangers."""
    said = configuration.relay
    for section, name, file in (
        ("relay", "addresses", said.addresses_file),
        ("spoof", "exempt", ""),
    ):
        listed = listed_networks(configuration, section, name, file, disk)
        for network, what in gateways(configuration):
            for entry in _holding(listed, network):
                yield Problem(
                    "proxy",
                    f"{section}.{name}: {entry.text} holds {network}, {what}: "
                    "every stranger behind it would be trusted",
                    entry.entry or entry.text,
                )


def _holding(listed: Networks, network: str) -> Iterator[Any]:
    """Entries that have an address in common with a network."""
    other = parse_network(network)
    inner = Networks((other,))
    version = other.version
    first = listed.find(_spelt(version, other.first))
    if first is not None:
        yield first
        return
    if other.first == other.last:
        return
    for entry in listed.entries:
        if entry.version == version and inner.find(
            _spelt(version, entry.first)
        ):
            yield entry
            return


def _spelt(version: int, number: int) -> str:
    if version == 4:
        return str(ipaddress.IPv4Address(number))
    return str(ipaddress.IPv6Address(number))


# Where our addresses lead


async def _outward(
    configuration: Configuration,
    directory: IDirectory,
    router: Router,
    pause: Callable[[], Awaitable[object]] | None,
) -> list[Problem]:
    """No address of ours sends a stranger's mail on, unless it is meant."""
    wanted = AddressList.of(configuration.relay.outward_aliases)
    problems = []
    for number, alias in enumerate(await directory.aliases()):
        if number % 100 == 0 and pause is not None:
            await pause()
        if alias.address in wanted:
            continue
        outward = (await router.resolve(alias.address)).outward
        if outward:
            problems.append(_leads("alias", alias.address, outward))
    for domain in await directory.domains():
        target = domain.catch_all
        if target is None or Path("*", domain.name) in wanted:
            continue
        outward = (await router.resolve(target)).outward
        if outward:
            problems.append(
                _leads("catch-all", Path("*", domain.name), outward)
            )
    if len(problems) > _MOST_TOLD:
        more = len(problems) - _MOST_TOLD
        problems = problems[:_MOST_TOLD]
        problems.append(Problem("alias", f"and {more} more", ""))
    return problems


def _leads(kind: str, address: Path, outward: tuple[Path, ...]) -> Problem:
    to = ", ".join(str(path) for path in outward[:5])
    return Problem(
        kind,
        f"{address} sends mail of strangers on to {to}; where that is meant, "
        "name it in relay.outward_aliases",
        f"{kind} {address}",
    )


# What the battery is told


async def _site(
    configuration: Configuration,
    directory: IDirectory,
    policy: PolicySettings,
) -> Site:
    site = await survey(directory)
    relay = policy.relay
    accounts = await directory.accounts()
    peers = [_unlisted(each, relay.addresses) for each in STRANGERS]
    stranger = peers[0].address
    for each in listeners(configuration.listeners):
        if each.enabled and each.service is Service.SMTP:
            peers.append(Peer("stranger", stranger, listener=each.name))
    for network, what in gateways(configuration):
        first = parse_network(network)
        peers.append(Peer(what, _spelt(first.version, first.first)))
    # Whoever is listed by right; a proxy among them is no such one.
    others = {each.address for each in peers}
    if relay.policy is RelayPolicy.ADDRESSES:
        for entry in list(relay.addresses.entries[:_MOST_LISTED]):
            address = _spelt(entry.version, entry.last)
            if address not in others:
                peers.append(Peer("listed client", address, listed=True))
    if accounts:
        peers.append(user(accounts[0], stranger))
    accepted = [
        each.text for each in islice(relay.accept.entries(), _MOST_LISTED)
    ]
    return evolve(
        site,
        own_addresses=tuple(
            canonical_address(text)
            for text in configuration.server.own_addresses
        ),
        delimiters=configuration.recipients.box_delimiters,
        policy=relay.policy.value,
        accepted=tuple(accepted),
        onward=tuple(relay.domains),
        peers=tuple(peers),
    )


def _unlisted(peer: Peer, listed: Networks) -> Peer:
    """
    Give a stranger another address where the operator has listed his.

    Where all of them are listed he stays, and is found out.
    """
    if peer.address in listed:
        for address in ELSEWHERE:
            if (":" in address) == (":" in peer.address) and (
                address not in listed
            ):
                return evolve(peer, address=address)
    return peer


def _both(configuration: Configuration, site: Site) -> list[str]:
    """A domain that is ours is not sent on."""
    return [
        f"{configuration.entry('relay', 'domains', name)}: {name} is a domain "
        "of ours: its mail stays here"
        for name in configuration.relay.domains
        if name.lower() in site.domains
    ]
