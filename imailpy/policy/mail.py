"""
MAIL: who sends.

Kill list and white list (REALM.md 4, step 3) take their place before the
ownership of the reverse-path; MAIL FROM verification (step 6) behind relay.
"""

from __future__ import annotations

from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.facts import SUBMISSION, MailFacts
from imailpy.policy.settings import PolicySettings


def no_hello(facts: MailFacts, settings: PolicySettings) -> Decision | None:
    """Refuse a client that did not greet."""
    if facts.session.helo is not None:
        return None
    return Decision(
        Verdict.REJECT,
        "hello.missing",
        "MAIL came before HELO or EHLO",
        Reply(503, "Send HELO or EHLO first", "5.5.1"),
    )


def rate(facts: MailFacts, settings: PolicySettings) -> Decision | None:
    """Put off a stranger that sends more than it may in a minute."""
    most = settings.limits.message_rate
    if not most or facts.rate <= most:
        return None
    return Decision(
        Verdict.DEFER,
        "mail.rate",
        f"{facts.rate} messages in this minute, {most} are allowed",
        Reply(450, "Too many messages, please try later", "4.7.1"),
    )


def login_required(
    facts: MailFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse strangers on a submission listener [RFC6409 4.3]."""
    session = facts.session
    if session.avatar is not None or session.client.service != SUBMISSION:
        return None
    return Decision(
        Verdict.REJECT,
        "submission.login_required",
        "a submission listener takes mail only after a login",
        Reply(530, "Authentication required", "5.7.0"),
        entry=f"listener {session.client.listener}",
    )


def sender_owned(
    facts: MailFacts, settings: PolicySettings
) -> Decision | None:
    """Refuse a user's mail under an address that is not its own."""
    avatar = facts.session.avatar
    if avatar is None or facts.sender_owned:
        return None
    rules = settings.submission
    if facts.reverse_path.is_null:
        allowed, setting = rules.null_reverse_path, "null_reverse_path"
    else:
        allowed, setting = not rules.own_reverse_path, "own_reverse_path"
    if allowed:
        return None
    return Decision(
        Verdict.REJECT,
        "submission.sender_not_owned",
        f"{avatar.account.address} may not send as "
        f"{facts.reverse_path or '<>'}",
        Reply(553, "Sender address not owned by you", "5.7.1"),
        entry=settings.entry(f"submission.{setting}"),
    )
