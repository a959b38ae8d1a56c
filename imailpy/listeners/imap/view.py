"""
A session's view of the mailbox that it has selected.

Sequence numbers are positions in what the session was told, not in what the
mailbox holds now [RFC9051 2.3.1.2]. The shared mailbox appends new UIDs to
its array in place and puts a new array there when something is expunged; so
an (array, length) pair is the whole snapshot, it costs nothing, and it stays
right for as long as the session is not told of the expunges.

What happens meanwhile is collected and told by `updates`, at the end of a
command or at once during IDLE. EXPUNGE waits while FETCH, STORE or SEARCH by
number is in progress [RFC9051 7.5.1]; EXISTS waits behind it, because the
numbers of new messages depend on it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import starmap

from zope.interface import implementer

from imailpy.interfaces.store import (
    IMailbox,
    IMailboxObserver,
    MailboxChange,
)
from imailpy.listeners.imap import spans
from imailpy.listeners.imap.recent import Recent
from imailpy.listeners.imap.spans import Spans
from imailpy.mail import UidSet
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import SequenceSet

# Above every UID.
_NEVER = 1 << 32

# Ranges of changed flags that are merged in one go.
_MERGE_AT = 256


@implementer(IMailboxObserver)
class View:
    """
    What one session knows of its mailbox.

    Attributes:
        mailbox: The shared object.
        read_only: It was opened by EXAMINE.
        uids: UIDs as told; only the first `exists` of them count.
        exists: Messages the session was told of.
        gone: The mailbox was deleted.
    """

    __slots__ = (
        "_changed",
        "_expunged",
        "_flags",
        "_keywords",
        "_more_flags",
        "_recent",
        "_recent_spans",
        "exists",
        "gone",
        "mailbox",
        "read_only",
        "recent_from",
        "uids",
    )

    def __init__(
        self,
        mailbox: IMailbox,
        recent: Recent,
        *,
        read_only: bool,
        changed: Callable[[], None],
    ) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.gone = False
        self._changed = changed
        self._recent = recent
        # First and last UIDs that are recent for this session.
        self._recent_spans: list[tuple[int, int]] = []
        self.recent_from = _NEVER
        self._expunged: set[int] = set()
        self._flags = UidSet()
        # The same, not merged yet.
        self._more_flags: list[tuple[int, int]] = []
        self._keywords = mailbox.keywords
        self.uids: array[int] = mailbox.uids
        self.exists = 0
        mailbox.attach(self)
        self._see_new()

    def close(self) -> None:
        """Let go of the mailbox."""
        self.mailbox.detach(self)

    # Numbers

    def number(self, uid: int) -> int:
        """Give the sequence number of a UID, 0 for none."""
        at = bisect_left(self.uids, uid, 0, self.exists)
        if at < self.exists and self.uids[at] == uid:
            return at + 1
        return 0

    def spans(
        self, sequence: SequenceSet, *, by_uid: bool, strict: bool = True
    ) -> Spans:
        """Give the positions of a sequence set, see `spans.find`."""
        return spans.find(
            sequence, self.uids, self.exists, by_uid=by_uid, strict=strict
        )

    def uid_set(self, positions: Spans) -> UidSet:
        """Give the UIDs at some positions."""
        return spans.uid_set(positions, self.uids)

    def uids_at(self, positions: Spans) -> Sequence[int]:
        """Give the UIDs at some positions, one by one."""
        return spans.uids_at(positions, self.uids)

    # Flags

    def flags_of(self, uids: Sequence[int]) -> list[bytes]:
        """
        Render the flags of messages.

        Raises:
            KeyError: One of them is gone.
        """
        flags = map(self.mailbox.flags, uids)
        if not uids or uids[-1] < self.recent_from:
            return list(starmap(responses.flag_list, flags))
        return [
            responses.flag_list(bits, words, self.is_recent(uid))
            for uid, (bits, words) in zip(uids, flags, strict=True)
        ]

    def is_recent(self, uid: int) -> bool:
        """Whether this session was the first to be told of it."""
        return any(first <= uid <= last for first, last in self._recent_spans)

    def recent_positions(self) -> Spans:
        """Give the positions of recent messages."""
        return self._positions(self._recent_spans)

    def recent_count(self) -> int:
        """Count the recent messages among those told."""
        return spans.count(self.recent_positions())

    def _positions(self, ranges: Sequence[tuple[int, int]]) -> Spans:
        found = [
            spans.by_uids(first, last, self.uids, self.exists)
            for first, last in ranges
        ]
        return [span for span in found if span is not None]

    def present(self, uids: Sequence[int]) -> list[int]:
        """Leave out the messages that are gone by now."""
        flags = self.mailbox.flags
        left: list[int] = []
        for uid in uids:
            try:
                flags(uid)
            except KeyError:
                continue
            left.append(uid)
        return left

    # What happens meanwhile

    def mailbox_changed(self, change: MailboxChange) -> None:
        if change.gone:
            self.gone = True
        # What the session never knew of is no news when it is gone.
        self._expunged.update(filter(self.number, change.expunged))
        # Who asked for a change tells its own client.
        if change.flags and change.by is not self:
            self._changed_flags(change.flags)
        self._changed()

    @property
    def expunges_wait(self) -> bool:
        """Whether something is gone that the session does not know of."""
        return bool(self._expunged)

    def told(self, uids: UidSet) -> None:
        """The session has just been told the flags of these."""
        if self._flags or self._more_flags:
            self._merge_flags()
            self._flags = self._flags.difference(uids)

    def updates(self, *, expunges: bool) -> list[bytes]:
        """
        Tell what is new, and know it from now on.

        Args:
            expunges: Whether numbers may change just now.

        Returns:
            Untagged responses, each with its CRLF.
        """
        said: list[bytes] = []
        if self._is_behind() and (expunges or not self._expunged):
            said += self._see_expunged()
        if not self._is_behind() and self._see_new():
            said.append(b"* %d EXISTS\r\n" % self.exists)
            said.append(b"* %d RECENT\r\n" % self.recent_count())
        said += self.new_keywords()
        if self._flags or self._more_flags:
            said += self._see_flags()
        return said

    def new_keywords(self) -> list[bytes]:
        """FLAGS and PERMANENTFLAGS, when a keyword was used first."""
        keywords = self.mailbox.keywords
        if keywords == self._keywords:
            return []
        self._keywords = keywords
        return self.flag_responses()

    def flag_responses(self) -> list[bytes]:
        """FLAGS and PERMANENTFLAGS [RFC9051 7.3.5] [RFC9051 7.1]."""
        keywords = self.mailbox.keywords
        code = responses.code_permanent_flags(keywords, none=self.read_only)
        return [
            b"* %b\r\n" % responses.flags(keywords),
            b"* OK [%b] Flags that last\r\n" % code,
        ]

    def _is_behind(self) -> bool:
        """Whether the mailbox has another array since an expunge."""
        return self.uids is not self.mailbox.uids

    def _see_expunged(self) -> list[bytes]:
        """From the highest number down, so that none of them shifts."""
        numbers = sorted(map(self.number, self._expunged), reverse=True)
        self._expunged.clear()
        self.uids = self.mailbox.uids
        self.exists -= len(numbers)
        return [b"* %d EXPUNGE\r\n" % number for number in numbers]

    def _see_new(self) -> bool:
        """Take note of new messages; False when there are none."""
        told, now = self.exists, len(self.uids)
        if now == told:
            return False
        self.exists = now
        self._see_recent(self.uids[told], self.uids[now - 1])
        return True

    def _see_recent(self, first: int, last: int) -> None:
        box = self.mailbox.info.id
        if self.read_only:
            untold = self._recent.untold_from(box)
        else:
            untold = self._recent.claim(box, last + 1)
        first = max(first, untold)
        if first > last:
            return
        spans = self._recent_spans
        # UIDs between two arrivals were never given out, or are gone.
        if spans and spans[-1][1] + 1 == first:
            first = spans.pop()[0]
        spans.append((first, last))
        self.recent_from = spans[0][0]

    def _changed_flags(self, uids: UidSet) -> None:
        """Take note; merging ranges now and then costs little each time."""
        self._more_flags.extend(uids.ranges)
        if len(self._more_flags) > _MERGE_AT + len(self._flags.ranges):
            self._merge_flags()

    def _merge_flags(self) -> None:
        if self._more_flags:
            ranges = (*self._flags.ranges, *self._more_flags)
            self._flags = UidSet.from_ranges(ranges)
            self._more_flags.clear()

    def _see_flags(self) -> list[bytes]:
        self._merge_flags()
        changed, self._flags = self._flags, UidSet()
        said: list[bytes] = []
        for start, end in self._positions(changed.ranges):
            uids = self.present(self.uids[start:end])
            said += [
                b"* %d FETCH (UID %d FLAGS %b)\r\n" % line
                for line in zip(
                    map(self.number, uids),
                    uids,
                    self.flags_of(uids),
                    strict=True,
                )
            ]
        return said
