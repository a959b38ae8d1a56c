"""
What a client calls itself.

That it *must* say something is `mail.no_hello`: a client that does not greet
is found out when it goes on without.
"""

from __future__ import annotations

import re

from imailpy.mail import Decision, Reply
from imailpy.policy.api import reject
from imailpy.policy.facts import HelloFacts
from imailpy.policy.settings import PolicySettings

# A domain, with the underscores that real hosts have and with a trailing
# dot, or an address literal of any kind [RFC5321 4.1.3]. Whether the name
# is true is another question, and no ground to refuse [RFC5321 4.1.4].
_NAME = re.compile(
    r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
    r"|\[[0-9A-Za-z:.-]+\]"
)
_MOST = 255


def syntax(facts: HelloFacts, settings: PolicySettings) -> Decision | None:
    """
    Refuse a name that is neither a domain nor an address literal.

    Users' programs say whatever the machine is called, so this asks only
    those that deliver from the world.
    """
    if not settings.hello.check_syntax or facts.client.service != "smtp":
        return None
    if len(facts.name) <= _MOST and _NAME.fullmatch(facts.name):
        return None
    return reject(
        "the name is neither a domain nor an address literal",
        Reply(501, "Domain name or address literal required", "5.5.4"),
        rule="hello.syntax",
    )
