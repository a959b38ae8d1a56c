"""
End of data: the message itself.

Of all recipients together: who it claims to be from. Of each: whether it
fits. DKIM, DMARC and ARC (REALM.md 4, step 9), scanners (10), content
filters (11) and the threshold take their places behind the authorship.
"""

from __future__ import annotations

from imailpy.mail import Decision, Reply
from imailpy.policy import rcpt
from imailpy.policy.api import reject
from imailpy.policy.facts import DataFacts, MessageFacts
from imailpy.policy.settings import PolicySettings

QUOTA = rcpt.QUOTA


def authorship(
    facts: MessageFacts, settings: PolicySettings
) -> Decision | None:
    """
    Refuse a user's message with a From or Sender that is not its own.

    Multiple or malformed From and Sender are refused too: what one reader
    takes for the author, the next one would not [RFC6409 8].
    """
    found = facts.authorship
    avatar = facts.mail.session.avatar
    if found is None or avatar is None or not settings.submission.own_author:
        return None
    if not found.readable:
        return reject(
            found.complaint,
            Reply(550, "Malformed From or Sender field", "5.6.0"),
            rule="submission.author_unreadable",
        )
    if not found.foreign:
        return None
    foreign = ", ".join(str(path) for path in found.foreign[:3])
    return reject(
        f"{avatar.account.address} may not write as {foreign}",
        Reply(553, "From address not owned by you", "5.7.1"),
        rule="submission.author_not_owned",
    )


def quota(facts: DataFacts, settings: PolicySettings) -> Decision | None:
    """Refuse for a recipient whose mailbox the message does not fit into."""
    standing = facts.standing
    if standing.room_octets is None and not standing.over_quota:
        return None
    if facts.recipient.forward_path.local_part.lower() == "postmaster":
        return None
    return rcpt.room(standing, facts.message.size_octets, settings)
