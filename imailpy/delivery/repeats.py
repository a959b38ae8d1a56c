"""
The second copy of a message whose sender missed our answer.

A client that did not hear our 250 sends the same message again, and is right
to do so. Nothing is dropped for it: the second copy is marked, so that its
reader knows why it is there twice [SECURITY B3.6].
"""

from __future__ import annotations

from collections import OrderedDict

from imailpy.interfaces.body import IBody
from imailpy.interfaces.world import IClock
from imailpy.message.build import header_field

# How long a sender may take to come again, and how many are remembered.
REMEMBERED_S = 600.0
MOST = 10_000

REPEAT_FIELD = "X-Imailpy-Repeat-Of"

Key = tuple[str, str, int, bytes]


class Repeats:
    """
    What was accepted in the last ten minutes.

    The same message is one from the same client with the same Message-ID,
    size and hash.
    """

    def __init__(self, clock: IClock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        # Oldest first: key -> (monotonic seconds, delivery id).
        self._seen: OrderedDict[Key, tuple[float, str]] = OrderedDict()

    def first(self, client: str, body: IBody) -> str | None:
        """Give the delivery id of the first copy; None for a new message."""
        key = _key(client, body)
        return None if key is None else self._found(key)

    def _found(self, key: Key) -> str | None:
        seen = self._seen.get(key)
        if seen is None or self._clock.monotonic() - seen[0] > REMEMBERED_S:
            return None
        return seen[1]

    def accepted(self, client: str, body: IBody, delivery_id: str) -> None:
        """Remember a message; the first copy's id stays."""
        key = _key(client, body)
        if key is None or self._found(key) is not None:
            return
        self._seen[key] = (self._clock.monotonic(), delivery_id)
        self._seen.move_to_end(key)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)


def mark(first: str) -> bytes:
    """The field that names the first copy."""
    return header_field(REPEAT_FIELD, first)


def _key(client: str, body: IBody) -> Key | None:
    rendition = body.rendition
    if rendition is None or not rendition.message_id:
        return None
    return (client, rendition.message_id, body.size_octets, body.sha256)
