"""The order of commands, as a table."""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class State(Enum):
    """Where a session stands [RFC1939 3]."""

    CONNECTED = "connected"
    AUTHORIZATION = "authorization"
    USER_GIVEN = "user given"
    TRANSACTION = "transaction"
    # QUIT was said: UPDATE, or nothing to update.
    CLOSED = "closed"


# (state, verb) -> the state after a +OK. A pair that is absent is out of
# order; a refused command never moves the session, but for PASS and AUTH,
# which forget the USER before them.
TRANSITIONS: dict[tuple[State, str], State] = {
    (State.AUTHORIZATION, "USER"): State.USER_GIVEN,
    (State.USER_GIVEN, "USER"): State.USER_GIVEN,
    (State.USER_GIVEN, "PASS"): State.TRANSACTION,
    (State.AUTHORIZATION, "AUTH"): State.TRANSACTION,
    (State.USER_GIVEN, "AUTH"): State.TRANSACTION,
    (State.AUTHORIZATION, "STLS"): State.AUTHORIZATION,
    (State.USER_GIVEN, "STLS"): State.AUTHORIZATION,
    (State.AUTHORIZATION, "UTF8"): State.AUTHORIZATION,
    (State.USER_GIVEN, "UTF8"): State.USER_GIVEN,
    (State.AUTHORIZATION, "QUIT"): State.CLOSED,
    (State.USER_GIVEN, "QUIT"): State.CLOSED,
    (State.TRANSACTION, "STAT"): State.TRANSACTION,
    (State.TRANSACTION, "LIST"): State.TRANSACTION,
    (State.TRANSACTION, "UIDL"): State.TRANSACTION,
    (State.TRANSACTION, "RETR"): State.TRANSACTION,
    (State.TRANSACTION, "TOP"): State.TRANSACTION,
    (State.TRANSACTION, "DELE"): State.TRANSACTION,
    (State.TRANSACTION, "RSET"): State.TRANSACTION,
    (State.TRANSACTION, "NOOP"): State.TRANSACTION,
    (State.TRANSACTION, "QUIT"): State.CLOSED,
    (State.AUTHORIZATION, "CAPA"): State.AUTHORIZATION,
    (State.USER_GIVEN, "CAPA"): State.USER_GIVEN,
    (State.TRANSACTION, "CAPA"): State.TRANSACTION,
    (State.AUTHORIZATION, "LANG"): State.AUTHORIZATION,
    (State.USER_GIVEN, "LANG"): State.USER_GIVEN,
    (State.TRANSACTION, "LANG"): State.TRANSACTION,
}

VERBS = frozenset(verb for _, verb in TRANSITIONS)


@frozen
class Offer:
    """
    What a connection has on offer, as of now.

    Attributes:
        mechanisms: For AUTH, in capitals.
        user: USER and PASS are welcome.
        starttls: STLS is there, and TLS is not on yet.
    """

    mechanisms: tuple[str, ...] = ()
    user: bool = False
    starttls: bool = False
