"""
Access control and bans (REALM.md 2): who may talk to a service at all.

What is said tells nobody which of them it was, nor for how long.
"""

from __future__ import annotations

from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.facts import ConnectFacts
from imailpy.policy.settings import AccessAnswer, AccessMode, PolicySettings

_CLOSED = Reply(421, "Service not available", "4.7.0")
_REFUSED = Reply(554, "No SMTP service here", "5.7.1")


def access(facts: ConnectFacts, settings: PolicySettings) -> Decision | None:
    """Refuse whom the list of the service keeps out."""
    client = facts.client
    rule = settings.access.lists.get(client.service)
    if rule is None:
        return None
    hit = rule.find(client.address, facts.now)
    if (hit is None) is (rule.mode is AccessMode.GRANT):
        return None
    final = rule.answer is AccessAnswer.REFUSE
    listed = "is not" if hit is None else "is"
    return Decision(
        Verdict.REJECT if final else Verdict.DEFER,
        "connect.access",
        f"{client.address} {listed} in the list of {client.service}, "
        f"which is {rule.mode.value}",
        _REFUSED if final else _CLOSED,
        entry=hit or rule.where or f"access.{client.service}",
    )


def banned(facts: ConnectFacts, settings: PolicySettings) -> Decision | None:
    """Refuse a network that is banned."""
    ban = facts.ban
    if ban is None:
        return None
    return Decision(
        Verdict.DEFER,
        "connect.banned",
        f"{ban.network} is banned by {ban.by}: {ban.why}",
        _CLOSED,
        entry=ban.entry,
    )
