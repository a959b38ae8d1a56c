"""
What the listeners have in common when a peer is no honest one.

A connection looks at what comes first, and at whether its peer was banned
meanwhile; what the engine took offence at is told to the gate.
"""

from __future__ import annotations

from collections.abc import Iterable

from imailpy.interfaces.realm import IGate
from imailpy.mail import Sign

# As an engine calls it -> what it is a sign of.
SIGNS = {
    "early-talk": Sign.EARLY_TALK,
    "http": Sign.HTTP,
    "long-line": Sign.LONG_COMMAND,
    "line-ends": Sign.SMUGGLING,
    "framing": Sign.SMUGGLING,
    "auth-pipelining": Sign.SMUGGLING,
    "errors": Sign.BAD_COMMANDS,
    "junk": Sign.JUNK_COMMANDS,
}
# A TLS handshake record, any version.
_TLS = b"\x16\x03"


def tell(gate: IGate, kinds: Iterable[str]) -> None:
    """Tell the gate what an engine took offence at."""
    for kind in kinds:
        sign = SIGNS.get(kind)
        if sign is not None:
            gate.noticed(sign)


def first_octets(gate: IGate, octets: bytes, in_clear: bool) -> None:
    """Look at the first that a peer says."""
    if in_clear and octets.startswith(_TLS):
        gate.noticed(Sign.TLS_JUNK)
