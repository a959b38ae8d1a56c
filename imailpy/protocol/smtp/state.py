"""
The order of commands [RFC5321 4.1.4] [RFC3030 2] [RFC3207 4] [RFC4954 4].
"""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """Where a session stands between commands."""

    # Greeted by us, not yet by the client; again after STARTTLS.
    CONNECTED = 0
    GREETED = 1
    SENDER_GIVEN = 2
    RECIPIENT_GIVEN = 3
    # Some of a message has come by BDAT, its last piece has not.
    CHUNKS = 4
    # The greeting was a refusal: only QUIT is heard [RFC5321 3.1].
    REFUSED = 5


_ALL = (
    State.CONNECTED,
    State.GREETED,
    State.SENDER_GIVEN,
    State.RECIPIENT_GIVEN,
    State.CHUNKS,
)

# (state, verb) -> the state after a 2xx or 3xx reply. A pair that is absent
# is out of order and gets 503; a refused command never moves the session,
# but for a refused BDAT, which ends the transaction [RFC3030 2]. `LAST` is
# the BDAT of that name, and DATA once its message has come.
TRANSITIONS: dict[tuple[State, str], State] = {
    **{(state, verb): State.GREETED for state in _ALL
       for verb in ("EHLO", "HELO", "LHLO")},
    **{(state, verb): state for state in _ALL
       for verb in ("NOOP", "HELP", "VRFY", "EXPN", "QUIT")},
    (State.CONNECTED, "RSET"): State.CONNECTED,
    (State.GREETED, "RSET"): State.GREETED,
    (State.SENDER_GIVEN, "RSET"): State.GREETED,
    (State.RECIPIENT_GIVEN, "RSET"): State.GREETED,
    (State.CHUNKS, "RSET"): State.GREETED,
    (State.GREETED, "STARTTLS"): State.CONNECTED,
    (State.CONNECTED, "XCLIENT"): State.CONNECTED,
    (State.GREETED, "XCLIENT"): State.CONNECTED,
    (State.GREETED, "AUTH"): State.GREETED,
    (State.GREETED, "MAIL"): State.SENDER_GIVEN,
    (State.SENDER_GIVEN, "RCPT"): State.RECIPIENT_GIVEN,
    (State.RECIPIENT_GIVEN, "RCPT"): State.RECIPIENT_GIVEN,
    (State.RECIPIENT_GIVEN, "DATA"): State.GREETED,
    (State.RECIPIENT_GIVEN, "BDAT"): State.CHUNKS,
    (State.CHUNKS, "BDAT"): State.CHUNKS,
    (State.RECIPIENT_GIVEN, "LAST"): State.GREETED,
    (State.CHUNKS, "LAST"): State.GREETED,
    (State.REFUSED, "QUIT"): State.REFUSED,
}  # fmt: skip
