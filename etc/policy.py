"""
An example of a policy in Python; put your own addresses in.

    [policy]
    file = "policy.py"

Try a change with `imailctl policy test policy.py` before you save it where
the server looks.
"""

from imailpy.policy.api import (
    Decision,
    MessageFacts,
    RcptFacts,
    defer,
    domain_of,
    helo,
    ip,
    on_message,
    on_rcpt,
    quarantine,
    recipient,
    reject,
    sender,
    user,
    within,
)

# A list that only our own people may write to.
CLOSED = {"staff@example.com"}
OURS = {"example.com"}

# Clients that call themselves like this are mostly infected machines.
ODD_HELO = ("localhost", "friend", "localdomain", "ylmf-pc")
OFFICE = ("198.51.100.0/24", "2001:db8:1::/48")

# Recipients of one message, by the domain of the sender.
MOST_RECIPIENTS = {"newsletter.example": 500, "shop.example": 50}


@on_rcpt("closed_list", after="existence")
def closed_list(facts: RcptFacts) -> Decision | None:
    """Refuse strangers that write to a closed list."""
    # Who has not signed in may write anything as the sender.
    if recipient(facts) not in CLOSED or domain_of(user(facts)) in OURS:
        return None
    return reject(
        f"{sender(facts) or '<>'} is not of {', '.join(sorted(OURS))}",
        "This list takes mail from its own people only",
    )


@on_rcpt("recipient_limit")
def recipient_limit(facts: RcptFacts) -> Decision | None:
    """Let a domain send to so many recipients at a time."""
    most = MOST_RECIPIENTS.get(domain_of(sender(facts)))
    if most is None or facts.accepted < most:
        return None
    return defer(f"{facts.accepted} recipients already, {most} are allowed")


@on_message("odd_helo")
def odd_helo(facts: MessageFacts) -> Decision | None:
    """Keep mail of clients with an odd name away from the inbox."""
    if user(facts) or within(ip(facts), *OFFICE):
        return None
    if helo(facts) in ODD_HELO:
        return quarantine(f"the client called itself {helo(facts)}")
    return None
