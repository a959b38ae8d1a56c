"""
Passwords that were right a moment ago.

A client that signs in for every message would pay for a hash each time. The
key of an entry is an HMAC over account, kept hash and password, with a key
of this process: two users with one password have two entries, and a changed
password has none.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict

from imailpy.interfaces.world import IWorld
from imailpy.mail import Secret

MOST_ENTRIES = 10_000


class Logins:
    """A bounded memory of right passwords."""

    def __init__(self, world: IWorld, most: int = MOST_ENTRIES) -> None:
        self._clock = world.clock
        self._key = world.random.octets(32)
        self._most = most
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def knows(self, account_id: str, kept: str, password: Secret) -> bool:
        """Whether this very password was right, not long ago."""
        key = self._name(account_id, kept, password)
        until = self._until.get(key)
        if until is None:
            return False
        if until <= self._clock.monotonic():
            del self._until[key]
            return False
        self._until.move_to_end(key)
        return True

    def remember(
        self, account_id: str, kept: str, password: Secret, span_s: float
    ) -> None:
        """It was right: know it for `span_s` seconds; 0: do not."""
        if span_s <= 0:
            return
        key = self._name(account_id, kept, password)
        self._until[key] = self._clock.monotonic() + span_s
        self._until.move_to_end(key)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def _name(self, account_id: str, kept: str, password: Secret) -> bytes:
        # Lengths go before the parts: no two triples give the same octets.
        parts = (account_id.encode(), kept.encode(), password.reveal())
        message = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        return hmac.digest(self._key, message, "sha256")
