"""
A stranger that calls itself one of ours.

Marked, not refused, as long as nobody says otherwise: a mailing list to
which one of our users wrote, and a forwarder that leaves the reverse-path as
it was, come back to us looking just like that.
"""

from __future__ import annotations

from imailpy.mail import Decision, Mark, Reply, Verdict
from imailpy.policy.facts import MailFacts
from imailpy.policy.settings import (
    LocalSender,
    PolicySettings,
    RelayPolicy,
)

_RULE = "spoof.local_sender"
_MARK = "LOCALSENDER"
_REFUSED = Reply(550, "Sender refused", "5.7.1")


def local_sender(
    facts: MailFacts, settings: PolicySettings
) -> Decision | None:
    """Mark or refuse an address of ours from a client that is not ours."""
    told = settings.spoof
    session = facts.session
    if (
        not facts.sender.local
        or told.local_sender is LocalSender.OFF
        or session.avatar is not None
        or session.client.service != "smtp"
        or _admitted(facts, settings)
    ):
        return None
    address = session.client.address
    reason = f"{facts.reverse_path} is ours, and {address} did not sign in"
    entry = settings.entry("spoof.local_sender")
    if told.local_sender is LocalSender.REJECT:
        return Decision(Verdict.REJECT, _RULE, reason, _REFUSED, entry)
    return Decision(
        Verdict.ACCEPT,
        _RULE,
        reason,
        entry=entry,
        marks=(Mark(_MARK, f"not signed in, from {address}"),),
    )


def _admitted(facts: MailFacts, settings: PolicySettings) -> bool:
    """Whether the operator has said that this client, or sender, may."""
    address = facts.session.client.address
    if address in settings.spoof.exempt:
        return True
    relay = settings.relay
    if relay.policy is RelayPolicy.ADDRESSES:
        return address in relay.addresses
    if relay.policy is RelayPolicy.LOCAL_USERS:
        return facts.sender.exists or facts.reverse_path in relay.accept
    return relay.policy in (RelayPolicy.LOCAL_HOSTS, RelayPolicy.ANYONE)
