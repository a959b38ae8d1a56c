"""
May this client talk to us at all?

The limits: access control and bans come before them, in `access`.
"""

from __future__ import annotations

from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.facts import ConnectFacts
from imailpy.policy.settings import PolicySettings

# The same words for every limit: they tell a stranger which one he has hit
# as little as how high it is.
_TOO_MANY = Reply(421, "Too many connections, please try later", "4.7.0")


def total(facts: ConnectFacts, settings: PolicySettings) -> Decision | None:
    """Refuse what is over the limit of all connections together."""
    return _over("connect.total", facts.in_total, settings.limits.total)


def per_address(
    facts: ConnectFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse what is over the limit of one address."""
    most = settings.limits.per_address
    if not most or facts.from_address <= most or _exempt(facts, settings):
        return None
    return _over("connect.per_address", facts.from_address, most)


def per_network(
    facts: ConnectFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse what is over the limit of one network."""
    most = settings.limits.per_network
    if not most or facts.from_network <= most or _exempt(facts, settings):
        return None
    return _over("connect.per_network", facts.from_network, most)


def address_rate(
    facts: ConnectFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse who comes too often from one address."""
    return _too_often(
        "connect.address_rate",
        facts,
        facts.address_rate,
        settings.limits.address_rate,
        settings,
    )


def network_rate(
    facts: ConnectFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse who comes too often from one network."""
    return _too_often(
        "connect.network_rate",
        facts,
        facts.network_rate,
        settings.limits.network_rate,
        settings,
    )


def _too_often(
    rule: str,
    facts: ConnectFacts,
    count: int,
    most: int,
    settings: PolicySettings,
) -> Decision | None:
    if not most or count <= most or _exempt(facts, settings):
        return None
    return Decision(
        Verdict.DEFER,
        rule,
        f"{count} connections in this minute, {most} are allowed",
        _TOO_MANY,
    )


def _exempt(facts: ConnectFacts, settings: PolicySettings) -> bool:
    return facts.client.address in settings.limits.exempt


def _over(rule: str, count: int, most: int) -> Decision | None:
    if not most or count <= most:
        return None
    return Decision(
        Verdict.DEFER,
        rule,
        f"{count} connections are open, {most} are allowed",
        _TOO_MANY,
    )
