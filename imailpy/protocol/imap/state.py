"""The states of an IMAP session, and which command moves it where."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """States of [RFC9051 3]."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


_ANY = ("CAPABILITY", "NOOP", "ID")
_AUTHENTICATED = (
    "ENABLE",
    "CREATE",
    "DELETE",
    "RENAME",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST",
    "LSUB",
    "NAMESPACE",
    "STATUS",
    "IDLE",
    "APPEND",
)
_SELECTED = (
    "CHECK",
    "EXPUNGE",
    "SEARCH",
    "FETCH",
    "STORE",
    "COPY",
    "MOVE",
    "UID EXPUNGE",
    "UID SEARCH",
    "UID FETCH",
    "UID STORE",
    "UID COPY",
    "UID MOVE",
)

# (state, command) -> the state after OK. A pair that is absent is out of
# order and gets BAD. NO and BAD never move the session, but for `ON_NO`.
TRANSITIONS: dict[tuple[State, str], State] = {
    **{
        (state, verb): state
        for state in State
        if state is not State.LOGOUT
        for verb in _ANY
    },
    **{
        (state, verb): state
        for state in (State.AUTHENTICATED, State.SELECTED)
        for verb in _AUTHENTICATED
    },
    **{(State.SELECTED, verb): State.SELECTED for verb in _SELECTED},
    # STARTTLS begins the session anew.
    (State.NOT_AUTHENTICATED, "STARTTLS"): State.NOT_AUTHENTICATED,
    (State.NOT_AUTHENTICATED, "LOGIN"): State.AUTHENTICATED,
    (State.NOT_AUTHENTICATED, "AUTHENTICATE"): State.AUTHENTICATED,
    (State.AUTHENTICATED, "SELECT"): State.SELECTED,
    (State.AUTHENTICATED, "EXAMINE"): State.SELECTED,
    (State.SELECTED, "SELECT"): State.SELECTED,
    (State.SELECTED, "EXAMINE"): State.SELECTED,
    (State.SELECTED, "CLOSE"): State.AUTHENTICATED,
    (State.SELECTED, "UNSELECT"): State.AUTHENTICATED,
    (State.NOT_AUTHENTICATED, "LOGOUT"): State.LOGOUT,
    (State.AUTHENTICATED, "LOGOUT"): State.LOGOUT,
    (State.SELECTED, "LOGOUT"): State.LOGOUT,
}

# A SELECT that fails leaves nothing selected [RFC9051 6.3.2].
ON_NO: dict[tuple[State, str], State] = {
    (State.SELECTED, "SELECT"): State.AUTHENTICATED,
    (State.SELECTED, "EXAMINE"): State.AUTHENTICATED,
}
