"""
Relay: taking mail from another computer for a recipient that is not local.

Everybody must authenticate before sending to a non-local address, except
those whom the policy names. That sentence is a table here: for each policy
the claims that it honours. What a client calls itself, what its reverse DNS
says and how an address is spelt are no claims.

Domains of others that we take mail for (backup MX, gateway) are a second
exception, of which the policy knows nothing: mail for them is taken from
anyone, as far as their recipients are known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

from imailpy.interfaces.realm import Known
from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.facts import LMTP, SUBMISSION, RcptFacts
from imailpy.policy.settings import (
    OnwardDomain,
    PolicySettings,
    RecipientCheck,
    RelayPolicy,
)


class Claim(Enum):
    """On what ground somebody wants to relay: the table's columns."""

    AUTHENTICATED = "authenticated"
    LISTED = "client listed"
    LOCAL_USER = "local existing user"
    LOCAL_DOMAIN = "local domain, unknown user"
    ACCEPTED = "accept-list sender"
    FOREIGN = "foreign sender"
    NULL = "null reverse-path"


# The cells of the relay table that say "relay", by policy. Claims about the
# reverse-path can be spoofed by anybody; the first two cannot.
GRANTS: dict[RelayPolicy, frozenset[Claim]] = {
    RelayPolicy.NONE: frozenset({Claim.AUTHENTICATED}),
    RelayPolicy.ADDRESSES: frozenset({Claim.AUTHENTICATED, Claim.LISTED}),
    RelayPolicy.LOCAL_USERS: frozenset(
        {Claim.AUTHENTICATED, Claim.LOCAL_USER, Claim.ACCEPTED}
    ),
    RelayPolicy.LOCAL_HOSTS: frozenset(
        {
            Claim.AUTHENTICATED,
            Claim.LOCAL_USER,
            Claim.LOCAL_DOMAIN,
            Claim.ACCEPTED,
        }
    ),
    RelayPolicy.ANYONE: frozenset(Claim),
}

_LOCAL = Decision(
    Verdict.ACCEPT, "relay.local", "the recipient's domain is ours"
)
_DENIED = Reply(550, "Relaying denied", "5.7.1")
_NO_SUCH_USER = Reply(550, "No such user here", "5.1.1")
_CANNOT_TELL = Reply(451, "Recipient cannot be verified now", "4.4.1")


def relay(
    facts: RcptFacts, settings: PolicySettings
) -> Decision | Awaitable[Decision] | None:
    """Refuse a non-local recipient unless the policy honours a claim."""
    if facts.is_local:
        return _LOCAL
    session = facts.mail.session
    service = session.client.service
    if service == LMTP:
        return _refuse(
            facts,
            "relay.lmtp",
            "LMTP delivers, it never relays",
            f"listener {session.client.listener}",
        )
    told = settings.relay
    granted = GRANTS[told.policy]
    decision = _claimed(_PROVEN, granted, facts, settings)
    if decision is not None:
        return decision
    if service == SUBMISSION:
        # MAIL was refused already; no policy opens this door.
        return _refuse(
            facts,
            "relay.submission",
            "nobody submits without a login",
            f"listener {session.client.listener}",
        )
    onward = told.domains.get(facts.forward_path.domain)
    if onward is not None:
        return _onward(facts, onward)
    return _claimed(_SAID, granted, facts, settings) or _refuse(
        facts, "relay.stranger", _WHY[told.policy]
    )


# Claims


def _authenticated(
    facts: RcptFacts, settings: PolicySettings
) -> Decision | None:
    avatar = facts.mail.session.avatar
    if avatar is None:
        return None
    return Decision(
        Verdict.ACCEPT,
        "relay.authenticated",
        f"signed in as {avatar.account.address}",
    )


def _listed(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    address = facts.mail.session.client.address
    listed = settings.relay.addresses.find(address)
    if listed is None:
        return None
    return Decision(
        Verdict.ACCEPT,
        "relay.listed",
        f"{address} is in {listed.text}",
        entry=listed.entry or listed.text,
    )


def _local_user(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    if not facts.mail.sender.exists:
        return None
    return _by_word(
        facts, settings, "relay.local_user", "is a user of ours, so it says"
    )


def _local_domain(
    facts: RcptFacts, settings: PolicySettings
) -> Decision | None:
    if not facts.mail.sender.local:
        return None
    return _by_word(
        facts,
        settings,
        "relay.local_domain",
        "is in a domain of ours, it says",
    )


def _accepted(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    path = facts.mail.reverse_path
    listed = settings.relay.accept.find(path)
    if listed is None:
        return None
    return Decision(
        Verdict.ACCEPT,
        "relay.accept_list",
        f"{path} counts as local by {listed.text}",
        entry=listed.entry or listed.text,
    )


def _foreign(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    if facts.mail.reverse_path.is_null:
        return None
    return _by_word(facts, settings, "relay.anyone", "is anyone")


def _null(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    if not facts.mail.reverse_path.is_null:
        return None
    return _by_word(facts, settings, "relay.anyone", "is anyone")


def _by_word(
    facts: RcptFacts, settings: PolicySettings, rule: str, what: str
) -> Decision:
    return Decision(
        Verdict.ACCEPT,
        rule,
        f"{facts.mail.reverse_path or '<>'} {what}: policy "
        f"{settings.relay.policy.value}",
        entry=settings.entry("relay.policy"),
    )


Proof = Callable[[RcptFacts, PolicySettings], Decision | None]

# Who is looked at, in this order: what was proven before what was said.
_PROVEN: tuple[tuple[Claim, Proof], ...] = (
    (Claim.AUTHENTICATED, _authenticated),
    (Claim.LISTED, _listed),
)
_SAID: tuple[tuple[Claim, Proof], ...] = (
    (Claim.LOCAL_USER, _local_user),
    (Claim.LOCAL_DOMAIN, _local_domain),
    (Claim.ACCEPTED, _accepted),
    (Claim.FOREIGN, _foreign),
    (Claim.NULL, _null),
)
# Why nothing of that held.
_WHY = {
    RelayPolicy.NONE: "no login",
    RelayPolicy.ADDRESSES: "no login and not listed",
    RelayPolicy.LOCAL_USERS: "no login, and the sender is no user of ours",
    RelayPolicy.LOCAL_HOSTS: "no login, and the sender is not ours",
    RelayPolicy.ANYONE: "no login",
}


def _claimed(
    claims: tuple[tuple[Claim, Proof], ...],
    granted: frozenset[Claim],
    facts: RcptFacts,
    settings: PolicySettings,
) -> Decision | None:
    """Give the first claim that holds and is granted."""
    for claim, proof in claims:
        if claim in granted:
            decision = proof(facts, settings)
            if decision is not None:
                return decision
    return None


# Domains of others


def _onward(
    facts: RcptFacts, domain: OnwardDomain
) -> Decision | Awaitable[Decision]:
    """Take mail for a domain of others whose recipient exists."""
    path = facts.forward_path
    if domain.check is RecipientCheck.NONE:
        return _sent_on(facts, domain, "recipients are not checked")
    if domain.check is RecipientCheck.LIST:
        listed = domain.recipients.find(path)
        if listed is None:
            return _nobody(facts, domain, "not in the list")
        return _sent_on(facts, domain, f"listed in {listed.entry}")
    return _asked(facts, domain)


async def _asked(facts: RcptFacts, domain: OnwardDomain) -> Decision:
    """Take it if who can tell says that the recipient exists."""
    check = facts.mail.session.onward.get(domain.check.value)
    known = Known.UNKNOWN
    if check is not None:
        known = await check.known(facts.forward_path)
    by = domain.check.value
    if known is Known.YES:
        return _sent_on(facts, domain, f"it exists, says {by}")
    if known is Known.NO:
        return _nobody(facts, domain, f"it does not, says {by}")
    if not domain.defer:
        return _sent_on(facts, domain, f"{by} cannot tell, and need not")
    return Decision(
        Verdict.DEFER,
        "relay.domain_unverified",
        f"{by} cannot tell whether {facts.forward_path} exists",
        _CANNOT_TELL,
        domain.entry or None,
    )


def _sent_on(facts: RcptFacts, domain: OnwardDomain, why: str) -> Decision:
    return Decision(
        Verdict.ACCEPT,
        "relay.domain",
        f"mail for {facts.forward_path.domain} is sent on; {why}",
        entry=domain.entry or None,
    )


def _nobody(facts: RcptFacts, domain: OnwardDomain, why: str) -> Decision:
    return Decision(
        Verdict.REJECT,
        "relay.domain_unknown_recipient",
        f"{facts.forward_path}: {why}",
        _NO_SUCH_USER,
        domain.entry or None,
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
