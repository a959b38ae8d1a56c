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
    most = settings.limits.total
    if not most or facts.in_total <= most:
        return None
    return _over("connect.total", facts.in_total, most)


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
    most = settings.limits.address_rate
    if not most or facts.address_rate <= most or _exempt(facts, settings):
        return None
    return _too_often("connect.address_rate", facts.address_rate, most)


def network_rate(
    facts: ConnectFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse who comes too often from one network."""
    most = settings.limits.network_rate
    if not most or facts.network_rate <= most or _exempt(facts, settings):
        return None
    return _too_often("connect.network_rate", facts.network_rate, most)


def _too_often(rule: str, count: int, most: int) -> Decision:
    return Decision(
        Verdict.DEFER,
        rule,
        f"{count} connections in this minute, {most} are allowed",
        _TOO_MANY,
    )


def _exempt(facts: ConnectFacts, settings: PolicySettings) -> bool:
    return facts.client.address in settings.limits.exempt


def _over(rule: str, count: int, most: int) -> Decision:
    return Decision(
        Verdict.DEFER,
        rule,
        f"{count} connections are open, {most} are allowed",
        _TOO_MANY,
    )
