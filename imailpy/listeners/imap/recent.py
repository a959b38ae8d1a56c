"""
Which messages are recent [RFC3501 2.3.2].

A message is recent for the first session that is told of it and may change
the mailbox. The mark is no flag of the message and is not worth a commit
each SELECT: it lives in memory. After a restart nobody can tell whom a
message was shown to, so it counts as recent once more, as the standard asks
for. (IMAP4rev2 did away with it.)
"""

from __future__ import annotations

from collections import OrderedDict

# Mailboxes that are remembered: some 15 MB at worst.
MOST_MAILBOXES = 65_536


class Recent:
    """The lowest UID that no session was told of, for each mailbox."""

    def __init__(self, most: int = MOST_MAILBOXES) -> None:
        self._most = most
        self._untold: OrderedDict[str, int] = OrderedDict()

    def untold_from(self, mailbox_id: str) -> int:
        """Give the lowest UID that is recent for the next session."""
        return self._untold.get(mailbox_id, 1)

    def claim(self, mailbox_id: str, uid_next: int) -> int:
        """
        A session is told of everything below `uid_next`.

        Returns:
            The lowest UID that is recent for it.
        """
        first = self._untold.pop(mailbox_id, 1)
        self._untold[mailbox_id] = max(first, uid_next)
        if len(self._untold) > self._most:
            self._untold.popitem(last=False)
        return first
