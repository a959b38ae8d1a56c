"""
RCPT: to whom.

Relay comes first, so that a stranger learns nothing about other domains.
DNS block lists, verification and SPF (REALM.md 4, steps 5 to 7) take their
place between existence and quota.
"""

from __future__ import annotations

from collections.abc import Awaitable

from imailpy.interfaces.realm import Standing
from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy import domains
from imailpy.policy.facts import RcptFacts
from imailpy.policy.settings import OverQuota, PolicySettings

# The rule of a mailbox that has no room, at RCPT and at the end of data.
QUOTA = "recipient.quota"

_DEFERRED = Reply(452, "Mailbox full, please try later", "4.2.2")
_REFUSED = Reply(552, "Mailbox full", "5.2.2")


def harvest(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    """
    Send away who tries names to see which are there.

    Whether this one is there makes no difference.
    """
    most = settings.harvest.most
    if not most or facts.unknown < most or not facts.is_local:
        return None
    return Decision(
        Verdict.DEFER,
        "recipient.harvest",
        f"{facts.unknown} recipients before were unknown, {most} is the limit",
        Reply(421, "Too many unknown recipients, try later", "4.7.1"),
    )


def sender_domain(
    facts: RcptFacts, settings: PolicySettings
) -> Decision | Awaitable[Decision | None] | None:
    """
    Refuse a user's reverse-path that no bounce could reach.

    An address of its own needs no question: its domain is ours.
    """
    mail = facts.mail
    path = mail.reverse_path
    if mail.sender_owned or path.is_null or not mail.session.is_submission:
        return None
    refused = domains.bare(path, "sender")
    lookups = mail.session.lookups
    if refused is not None or lookups is None or path.is_literal:
        return refused
    if not settings.submission.check_domains:
        return None
    return domains.reachable(path, "sender", lookups)


def recipient_domain(
    facts: RcptFacts, settings: PolicySettings
) -> Decision | Awaitable[Decision | None] | None:
    """Refuse a user's mail that could reach nobody, while it is at hand."""
    session = facts.mail.session
    path = facts.forward_path
    if facts.is_local or not session.is_submission:
        return None
    refused = domains.bare(path, "recipient")
    lookups = session.lookups
    if refused is not None or lookups is None or path.is_literal:
        return refused
    if not settings.submission.check_domains:
        return None
    return domains.reachable(path, "recipient", lookups)


def exists(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    """Refuse a local address that nobody has [RFC5321 3.6.2]."""
    if not facts.is_local or facts.standing.exists or facts.is_postmaster:
        return None
    return Decision(
        Verdict.REJECT,
        "recipient.unknown",
        f"nobody has the address {facts.forward_path}",
        Reply(550, "No such user here", "5.1.1"),
        entry=f"domain {facts.forward_path.domain}",
    )


def quota(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    """Refuse while the mailbox has no room for what was announced."""
    standing = facts.standing
    if standing.room_octets is None and not standing.over_quota:
        return None
    if facts.is_postmaster:
        return None
    size_octets = facts.mail.parameters.size_octets or 0
    return room(standing, size_octets, settings)


def room(
    standing: Standing, size_octets: int, settings: PolicySettings
) -> Decision | None:
    """Decide whether `size_octets` more fit into a mailbox."""
    left = standing.room_octets
    if not standing.over_quota and (left is None or size_octets <= left):
        return None
    reason = f"{size_octets} octets are announced, {left or 0} are left"
    if settings.recipients.over_quota is OverQuota.REJECT:
        return Decision(Verdict.REJECT, QUOTA, reason, _REFUSED)
    return Decision(Verdict.DEFER, QUOTA, reason, _DEFERRED)
