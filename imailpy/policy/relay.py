"""
Relay: taking mail from another computer for a recipient that is not local.

Everybody must authenticate before sending to a non-local address, except
those whom the policy names. That sentence is a table here: for each policy
the claims that it honours. What a client calls itself, what its reverse DNS
says and how an address is spelt are no claims.
"""

from __future__ import annotations

from enum import Enum

from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.facts import LMTP, RcptFacts
from imailpy.policy.settings import PolicySettings, RelayPolicy


class Claim(Enum):
    """On what ground somebody wants to relay."""

    AUTHENTICATED = "authenticated"
    LISTED = "listed"


# The columns of the relay table that say "relay", by policy; the columns
# about the reverse-path can be spoofed and grant nothing in these two.
GRANTS: dict[RelayPolicy, frozenset[Claim]] = {
    RelayPolicy.NONE: frozenset({Claim.AUTHENTICATED}),
    RelayPolicy.ADDRESSES: frozenset({Claim.AUTHENTICATED, Claim.LISTED}),
}

_LOCAL = Decision(
    Verdict.ACCEPT, "relay.local", "the recipient's domain is ours"
)
_DENIED = Reply(550, "Relaying denied", "5.7.1")


def relay(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    """Refuse a non-local recipient unless the policy honours a claim."""
    if facts.is_local:
        return _LOCAL
    session = facts.mail.session
    if session.client.service == LMTP:
        return _refuse(
            facts,
            "relay.lmtp",
            "LMTP delivers, it never relays",
            f"listener {session.client.listener}",
        )
    granted = GRANTS[settings.relay.policy]
    if session.avatar is not None and Claim.AUTHENTICATED in granted:
        return Decision(
            Verdict.ACCEPT,
            "relay.authenticated",
            f"signed in as {session.avatar.account.address}",
        )
    listed = settings.relay.addresses.find(session.client.address)
    if listed is None:
        return _refuse(facts, "relay.stranger", "no login and not listed")
    if Claim.LISTED not in granted:
        return _refuse(
            facts, "relay.stranger", "no login, and the policy has no list"
        )
    return Decision(
        Verdict.ACCEPT,
        "relay.listed",
        f"{session.client.address} is in {listed.text}",
        entry=listed.entry or listed.text,
    )


def _refuse(
    facts: RcptFacts, rule: str, why: str, entry: str | None = None
) -> Decision:
    return Decision(
        Verdict.REJECT,
        rule,
        f"{why}; {facts.forward_path.domain} is not ours",
        _DENIED,
        entry,
    )
