"""
The maildrop as one session sees it: a snapshot that does not move.

Messages are numbered from 1 in the order of their UIDs. What is deleted here
stays in the mailbox until QUIT; what others remove meanwhile keeps its
number and can no longer be fetched [SECURITY B8.1].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class NoSuchMessage(Exception):
    """No message of that number, or it is marked as deleted."""


class Maildrop:
    """
    A snapshot.

    Args:
        uid_validity: Of the mailbox.
        uids: Ascending.
        sizes: Octets of each message, in the same order.
    """

    def __init__(
        self,
        uid_validity: int,
        uids: Sequence[int] = (),
        sizes: Sequence[int] = (),
    ) -> None:
        if len(uids) != len(sizes):
            raise ValueError("every UID has a size")
        self._validity = b"%08x" % uid_validity
        self._uids = uids
        self._sizes = sizes
        self._deleted: set[int] = set()
        self.reset()

    def __len__(self) -> int:
        """Messages that are not marked."""
        return len(self._uids) - len(self._deleted)

    @property
    def size_octets(self) -> int:
        """Of the messages that are not marked."""
        return self._size_octets

    def uid(self, number: int) -> int:
        """Raises `NoSuchMessage`."""
        self._check(number)
        return self._uids[number - 1]

    def size(self, number: int) -> int:
        """Octets of a message. Raises `NoSuchMessage`."""
        self._check(number)
        return self._sizes[number - 1]

    def unique_id(self, number: int) -> bytes:
        """
        The same as long as the message exists, in every session, and never
        that of another one [RFC1939 7]. Raises `NoSuchMessage`.
        """
        self._check(number)
        return self._validity + b"%08x" % self._uids[number - 1]

    def delete(self, number: int) -> None:
        """Mark a message. Raises `NoSuchMessage`."""
        self._check(number)
        self._deleted.add(number)
        self._size_octets -= self._sizes[number - 1]

    def reset(self) -> None:
        """Unmark all."""
        self._deleted.clear()
        self._size_octets = sum(self._sizes)

    def deleted(self) -> tuple[int, ...]:
        """UIDs of marked messages, ascending."""
        return tuple(self._uids[n - 1] for n in sorted(self._deleted))

    def lines(
        self, unique_ids: bool, *, most: int = 1000
    ) -> Iterator[list[bytes]]:
        """Give the lines of LIST or UIDL, at most `most` of them at once."""
        for start in range(0, len(self._uids), most):
            numbers = range(start + 1, min(start + most, len(self._uids)) + 1)
            yield [
                b"%d %b\r\n" % (number, self.unique_id(number))
                if unique_ids
                else b"%d %d\r\n" % (number, self._sizes[number - 1])
                for number in numbers
                if number not in self._deleted
            ]

    def _check(self, number: int) -> None:
        if not 1 <= number <= len(self._uids) or number in self._deleted:
            raise NoSuchMessage(number)
