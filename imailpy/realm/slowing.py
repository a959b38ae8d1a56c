"""
One account attacked from many addresses: slowed, never locked out.

Each failure makes the next attempt from an address that the account does not
know wait longer. An address from which its owner has signed in before does
not wait at all. Names that do not exist are counted like those that do, so
that the wait tells nothing.
"""

from __future__ import annotations

from imailpy.realm.counters import Counters
from imailpy.realm.limits import origin
from imailpy.realm.names import read_login_name
from imailpy.realm.settings import LoginSettings

_DAY_S = 86_400


class Slowing:
    """How long attempts at an account wait."""

    def __init__(self, counters: Counters, known: Counters) -> None:
        self._counters = counters
        self._known = known

    def failed(self, authcid: str, settings: LoginSettings) -> None:
        """Somebody did not get in."""
        if settings.slow_after:
            self._counters.add(
                _name(b"a ", authcid, settings), settings.slow_window_s
            )

    def entered(
        self, authcid: str, address: str, settings: LoginSettings
    ) -> None:
        """Somebody did."""
        if settings.slow_after:
            self._known.remember(
                _known(authcid, address, settings),
                settings.known_days * _DAY_S,
            )

    def delay_s(
        self, authcid: str, address: str, settings: LoginSettings
    ) -> float:
        """Give how long an attempt has to wait before it is looked at."""
        if not settings.slow_after:
            return 0.0
        count = self._counters.get(
            _name(b"a ", authcid, settings), settings.slow_window_s
        )
        over = count - settings.slow_after
        if over < 0 or self._known.knows(_known(authcid, address, settings)):
            return 0.0
        return min(settings.slow_most_s, settings.slow_step_s * (over + 1))


def _name(kind: bytes, authcid: str, settings: LoginSettings) -> bytes:
    path = read_login_name(authcid, settings)
    text = authcid if path is None else path.folded
    return kind + text.casefold().encode(errors="replace")


def _known(authcid: str, address: str, settings: LoginSettings) -> bytes:
    return _name(b"k" + origin(address).client + b" ", authcid, settings)
