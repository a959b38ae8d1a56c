"""
The tests of the example: they run each time before the policy is taken.

Every function that is called test_... is one; `facts` makes what a check
is given, `expect` compares what it says.
"""

import policy

from imailpy.policy.testing import expect, facts

STAFF = "staff@example.com"


def test_closed_list() -> None:
    for sender, user, recipient, verdict in (
        ("x@outside.example", "", STAFF, "reject"),
        ("", "", STAFF, "reject"),
        # Anybody can write this as the sender.
        ("ann@example.com", "", STAFF, "reject"),
        ("ann@example.com", "ann@example.com", STAFF, None),
        ("x@outside.example", "", "ann@example.com", None),
    ):
        said = policy.closed_list(
            facts.rcpt(sender=sender, user=user, recipient=recipient)
        )
        expect(said, verdict)


def test_recipient_limit() -> None:
    for sender, accepted, verdict in (
        ("news@shop.example", 49, None),
        ("news@shop.example", 50, "defer"),
        ("x@outside.example", 900, None),
    ):
        said = policy.recipient_limit(
            facts.rcpt(sender=sender, accepted=accepted)
        )
        expect(said, verdict)


def test_odd_helo() -> None:
    expect(policy.odd_helo(facts.message(helo="YLMF-PC")), "quarantine")
    expect(policy.odd_helo(facts.message(helo="mail.client.example")))
    office = facts.message(helo="localhost", ip="198.51.100.7")
    expect(policy.odd_helo(office))
