"""
The commands that are no events: the session answers them, or turns them
into an event once it has looked at its own state.
"""

from __future__ import annotations

from attrs import frozen

from imailpy.protocol.smtp.events import (
    Expand,
    Hello,
    Mail,
    Rcpt,
    Verify,
    XClient,
)


@frozen
class Simple:
    """DATA, RSET, NOOP, HELP, QUIT, STARTTLS: the verb says it all."""

    verb: str


@frozen
class Bdat:
    """BDAT [RFC3030 2]."""

    size_octets: int
    last: bool


@frozen
class Auth:
    """AUTH; `initial` is base64 as sent, None when there was none."""

    mechanism: str
    initial: str | None


Command = (
    Hello | Mail | Rcpt | Verify | Expand | XClient | Simple | Bdat | Auth
)
