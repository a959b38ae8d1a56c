"""Whether mail to a domain can go anywhere: asked for our users' mail."""

from __future__ import annotations

from imailpy.mail import Decision, Path, Reply, Verdict
from imailpy.policy.facts import Lookups, MailDomain


def bare(path: Path, role: str) -> Decision | None:
    """
    Refuse a domain that is one word: it names a host of somebody's own
    network, and completing it by guess would send mail astray [RFC6409 6.2].

    Args:
        role: `sender` or `recipient`.
    """
    if path.is_literal or not path.domain or "." in path.domain:
        return None
    return Decision(
        Verdict.REJECT,
        f"submission.bare_{role}_domain",
        f"{path.domain} is one word, not a full domain",
        Reply(553, f"Full {role} domain required", _no_such(role)),
    )


async def reachable(
    path: Path, role: str, lookups: Lookups
) -> Decision | None:
    """Refuse a domain that does not exist, or takes no mail [RFC7505]."""
    found = await lookups.mail_domain(path.domain)
    if found is MailDomain.EXISTS:
        return None
    if found is MailDomain.UNKNOWN:
        return Decision(
            Verdict.DEFER,
            f"submission.{role}_domain_unknown",
            f"DNS did not tell whether {path.domain} exists",
            Reply(451, f"The {role} domain cannot be looked up now", "4.4.3"),
        )
    if found is MailDomain.NULL_MX:
        # 556 and these codes are [RFC7505 4.2]'s own.
        code = "5.1.10" if role == "recipient" else "5.7.27"
        number = 556 if role == "recipient" else 550
        return Decision(
            Verdict.REJECT,
            f"submission.{role}_domain_takes_no_mail",
            f"{path.domain} has a null MX",
            Reply(number, f"The {role} domain takes no mail", code),
        )
    return Decision(
        Verdict.REJECT,
        f"submission.{role}_domain_missing",
        f"{path.domain} does not exist",
        Reply(550, f"The {role} domain does not exist", _no_such(role)),
    )


def _no_such(role: str) -> str:
    """X.1.2 for the destination system, X.1.8 for the sender's [RFC3463]."""
    return "5.1.2" if role == "recipient" else "5.1.8"
