"""
The open mailbox that all its sessions share.

Parallel arrays of UIDs, flags and MODSEQs; keywords only of those that have
any. It is loaded once and then kept by what the writer says of each commit,
in order of the commits: never by reading again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import Factory, define, evolve

from imailpy.interfaces.store import MailboxChange, MailboxInfo
from imailpy.mail import SystemFlag, UidSet

# (uid, flags, keywords)
FlagRow = tuple[int, int, str]

_UNSEEN_BY = int(SystemFlag.SEEN)
_DELETED_BY = int(SystemFlag.DELETED)

# Octet -> 1 where a flag octet has the bit, for counting in bulk.
_SEEN_TABLE = bytes(flags & _UNSEEN_BY for flags in range(256))
_DELETED_TABLE = bytes((flags & _DELETED_BY) >> 3 for flags in range(256))

# So many expunged at once are cut out one by one; more rebuild the arrays.
_FEW = 64


@define
class Effect:
    """
    What one commit did to one mailbox.

    Attributes:
        mailbox: The provider's key of it.
        added: New messages, ascending.
        flags: Messages whose flags changed, as they are now, ascending.
        expunged: UIDs that are gone, ascending.
        size_octets: Of what was added, less what went.
        new_keywords: Used in the mailbox for the first time.
        gone: The mailbox was deleted.
        by: The observer that asked for it.
    """

    mailbox: int
    modseq: int
    added: list[FlagRow] = Factory(list)
    flags: list[FlagRow] = Factory(list)
    expunged: Sequence[int] = ()
    size_octets: int = 0
    new_keywords: frozenset[str] = frozenset()
    gone: bool = False
    by: Any = None


class SharedMailbox:
    """
    State of one open mailbox; providers add how it is changed.

    Args:
        info: As loaded.
        rows: (uid, flags, modseq, keywords), ascending.
        keywords: Every keyword used in it.
    """

    def __init__(
        self,
        info: MailboxInfo,
        rows: Sequence[tuple[int, int, int, str]],
        keywords: Iterable[str],
    ) -> None:
        columns: Any = tuple(zip(*rows, strict=True)) or ((), (), (), ())
        self.uids: array[int] = array("I", columns[0])
        self._flags: array[int] = array("B", columns[1])
        self._modseqs: array[int] = array("Q", columns[2])
        self._words = {row[0]: row[3] for row in rows if row[3]}
        self.keywords = frozenset(keywords)
        self.gone = False
        self._info = info
        self._observers: list[Any] = []

    @property
    def info(self) -> MailboxInfo:
        return self._info

    def attach(self, observer: Any) -> None:
        self._observers.append(observer)

    def detach(self, observer: Any) -> None:
        self._observers = [o for o in self._observers if o is not observer]

    def flags(self, uid: int) -> tuple[int, str]:
        return self._flags[self._at(uid)], self._words.get(uid, "")

    def modseq(self, uid: int) -> int:
        return self._modseqs[self._at(uid)]

    def present(self, uids: UidSet, most: int | None = None) -> list[int]:
        """UIDs of the set that are here, ascending, the first `most`."""
        here = self.uids
        found: list[int] = []
        for first, last in uids.ranges:
            start = bisect_left(here, first)
            stop = bisect_left(here, last + 1, start)
            found.extend(here[start:stop])
            if most is not None and len(found) >= most:
                return found[:most]
        return found

    def holds(self, uid: int) -> bool:
        """Whether a UID is here."""
        at = bisect_left(self.uids, uid)
        return at < len(self.uids) and self.uids[at] == uid

    def at_hand(
        self, here: Sequence[int]
    ) -> tuple[Sequence[int], Sequence[str], Sequence[int]]:
        """Flags, keywords, MODSEQs of UIDs that are here, ascending."""
        first = bisect_left(self.uids, here[0])
        last = first + len(here)
        if last <= len(self.uids) and self.uids[last - 1] == here[-1]:
            flags, modseqs = self._flags[first:last], self._modseqs[first:last]
        else:
            places = [bisect_left(self.uids, uid) for uid in here]
            flags = array("B", [self._flags[at] for at in places])
            modseqs = array("Q", [self._modseqs[at] for at in places])
        if not self._words:
            return flags, ("",) * len(here), modseqs
        return flags, [self._words.get(uid, "") for uid in here], modseqs

    def renamed(self, name: str, special_use: str | None) -> None:
        """Take another name."""
        self._info = evolve(self._info, name=name, special_use=special_use)

    def subscribed(self, subscribed: bool) -> None:
        """Take note of a subscription."""
        self._info = evolve(self._info, subscribed=subscribed)

    def apply(self, effect: Effect) -> None:
        """Bring the arrays to the state of a commit; tell the observers."""
        info = self._info
        unseen, deleted = info.unseen, info.deleted
        for counted, sign in (
            (self._cut(effect.expunged), -1),
            (self._reflag(effect), 1),
            (self._extend(effect), 1),
        ):
            unseen += sign * counted[0]
            deleted += sign * counted[1]
        self.keywords |= effect.new_keywords
        self.gone = self.gone or effect.gone
        last = effect.added[-1][0] if effect.added else 0
        self._info = evolve(
            info,
            uid_next=max(info.uid_next, last + 1),
            highest_modseq=max(info.highest_modseq, effect.modseq),
            exists=len(self.uids),
            unseen=unseen,
            deleted=deleted,
            size_octets=info.size_octets + effect.size_octets,
        )
        self._tell(effect)

    def _at(self, uid: int) -> int:
        at = bisect_left(self.uids, uid)
        if at == len(self.uids) or self.uids[at] != uid:
            raise KeyError(uid)
        return at

    def _extend(self, effect: Effect) -> tuple[int, int]:
        """Append new messages in place; (unseen, deleted) among them."""
        unseen = deleted = 0
        for uid, flags, words in effect.added:
            self.uids.append(uid)
            self._flags.append(flags)
            self._modseqs.append(effect.modseq)
            if words:
                self._words[uid] = words
            unseen += not flags & _UNSEEN_BY
            deleted += bool(flags & _DELETED_BY)
        return unseen, deleted

    def _reflag(self, effect: Effect) -> tuple[int, int]:
        """Change flags; by how much (unseen, deleted) grew."""
        rows = effect.flags
        if not rows:
            return 0, 0
        first = bisect_left(self.uids, rows[0][0])
        last = first + len(rows) - 1
        if last < len(self.uids) and self.uids[last] == rows[-1][0]:
            return self._reflag_run(first, effect)
        unseen = deleted = 0
        at = first
        for uid, flags, words in rows:
            at = bisect_left(self.uids, uid, at)
            old = self._flags[at]
            unseen += (old & _UNSEEN_BY) - (flags & _UNSEEN_BY)
            deleted += bool(flags & _DELETED_BY) - bool(old & _DELETED_BY)
            self._flags[at] = flags
            self._modseqs[at] = effect.modseq
            self._set_words(uid, words)
        return unseen, deleted

    def _reflag_run(self, first: int, effect: Effect) -> tuple[int, int]:
        """As `_reflag`, for messages one behind the other: in bulk."""
        uids, flags, words = zip(*effect.flags, strict=True)
        run = slice(first, first + len(uids))
        new = array("B", flags)
        seen, deleted = _counted(self._flags[run])
        self._flags[run] = new
        self._modseqs[run] = array("Q", [effect.modseq]) * len(uids)
        if self._words or any(words):
            for uid, text in zip(uids, words, strict=True):
                self._set_words(uid, text)
        new_seen, new_deleted = _counted(new)
        return seen - new_seen, new_deleted - deleted

    def _set_words(self, uid: int, words: str) -> None:
        if words:
            self._words[uid] = words
        else:
            self._words.pop(uid, None)

    def _cut(self, expunged: Sequence[int]) -> tuple[int, int]:
        """Put arrays without `expunged` here; (unseen, deleted) among it."""
        if not expunged:
            return 0, 0
        unseen = deleted = 0
        places = []
        at = 0
        for uid in expunged:
            at = bisect_left(self.uids, uid, at)
            flags = self._flags[at]
            unseen += not flags & _UNSEEN_BY
            deleted += bool(flags & _DELETED_BY)
            places.append(at)
            self._words.pop(uid, None)
        self.uids = _without(self.uids, places)
        self._flags = _without(self._flags, places)
        self._modseqs = _without(self._modseqs, places)
        return unseen, deleted

    def _tell(self, effect: Effect) -> None:
        if not self._observers:
            return
        change = MailboxChange(
            modseq=effect.modseq,
            added=tuple(row[0] for row in effect.added),
            expunged=tuple(effect.expunged),
            flags=uid_set([row[0] for row in effect.flags]),
            gone=effect.gone,
            by=effect.by,
        )
        for observer in tuple(self._observers):
            observer.mailbox_changed(change)


def uid_set(uids: Sequence[int]) -> UidSet:
    """Give a set of ascending UIDs; a run without holes costs nothing."""
    if uids and uids[-1] - uids[0] + 1 == len(uids):
        return UidSet(((uids[0], uids[-1]),))
    return UidSet.from_uids(uids)


def _counted(flags: array[int]) -> tuple[int, int]:
    """(seen, deleted) among flag octets."""
    octets = flags.tobytes()
    return (
        octets.translate(_SEEN_TABLE).count(1),
        octets.translate(_DELETED_TABLE).count(1),
    )


def _without(old: array[int], places: list[int]) -> array[int]:
    """Give a new array without what stands at `places`, ascending."""
    if len(places) <= _FEW:
        new = old[:]
        for at in reversed(places):
            del new[at]
        return new
    new = array(old.typecode)
    start = 0
    for at in places:
        if at > start:
            new.extend(old[start:at])
        start = at + 1
    new.extend(old[start:])
    return new
