"""
How much one account may send [SECURITY B13.9].

What is over a limit of the day is deferred, or, where the operator wants it
so, taken and held: up to twice the limit, since a stolen account must not
fill the queue either. A burst is deferred always: it is over in a minute.
"""

from __future__ import annotations

from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.facts import MailFacts, RcptFacts, Usage
from imailpy.policy.settings import OverLimit, PolicySettings

_REPLY = Reply(450, "Sending limit reached, please try later", "4.7.1")

BURST = "submission.burst"
# The rules of a day: of these an operator is told.
DAILY = frozenset(
    (
        "submission.messages_a_day",
        "submission.recipients_a_day",
        "submission.first_time_recipients_a_day",
    )
)
_HELD_UP_TO = 2


def messages(facts: MailFacts, settings: PolicySettings) -> Decision | None:
    """Refuse a message over the burst, or over the messages of a day."""
    usage = facts.usage
    if usage is None:
        return None
    limits = usage.limits
    if limits.burst and usage.burst < 1:
        return _over(
            BURST, usage, settings, f"{limits.burst} messages at once"
        )
    return _refused(over_messages(usage, settings), usage, usage.messages)


def recipients(facts: RcptFacts, settings: PolicySettings) -> Decision | None:
    """Refuse a recipient over those of a day."""
    usage = facts.usage
    if usage is None:
        return None
    refused = _refused(
        over_recipients(usage, settings), usage, usage.recipients
    )
    if refused is not None or not facts.first_time:
        return refused
    return _refused(over_first_time(usage, settings), usage, usage.first_time)


def over_messages(usage: Usage, settings: PolicySettings) -> Decision | None:
    """What there is to say of one message more."""
    most = usage.limits.messages
    if not most or usage.messages < most:
        return None
    return _over(
        "submission.messages_a_day", usage, settings, f"{most} messages"
    )


def over_recipients(usage: Usage, settings: PolicySettings) -> Decision | None:
    """What there is to say of one recipient more."""
    most = usage.limits.recipients
    if not most or usage.recipients < most:
        return None
    return _over(
        "submission.recipients_a_day", usage, settings, f"{most} recipients"
    )


def over_first_time(usage: Usage, settings: PolicySettings) -> Decision | None:
    """What there is to say of one more never written to before."""
    most = usage.limits.first_time
    if not most or usage.first_time < most:
        return None
    return _over(
        "submission.first_time_recipients_a_day",
        usage,
        settings,
        f"{most} recipients never written to before",
    )


def held(
    facts: MailFacts | RcptFacts, settings: PolicySettings
) -> Decision | None:
    """Why what was not refused is to be held, None where it need not be."""
    usage = facts.usage
    if usage is None:
        return None
    if isinstance(facts, MailFacts):
        return over_messages(usage, settings)
    found = over_recipients(usage, settings)
    if found is None and facts.first_time:
        found = over_first_time(usage, settings)
    return found


def _refused(
    decision: Decision | None, usage: Usage, count: int
) -> Decision | None:
    """Leave to `held` what is to be held."""
    if decision is None or usage.limits.over is OverLimit.DEFER:
        return decision
    most = {
        "submission.messages_a_day": usage.limits.messages,
        "submission.recipients_a_day": usage.limits.recipients,
    }.get(decision.rule, usage.limits.first_time)
    return decision if count >= _HELD_UP_TO * most else None


def _over(
    rule: str, usage: Usage, settings: PolicySettings, what: str
) -> Decision:
    span = " in 24 hours" if rule in DAILY else ""
    key = rule.replace("submission.", "sending.")
    return Decision(
        Verdict.DEFER,
        rule,
        f"{usage.account} has sent what it may: {what}{span}",
        _REPLY,
        usage.limits.entry or settings.entry(key),
    )
