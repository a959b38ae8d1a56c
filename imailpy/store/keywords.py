"""
Keywords of messages: what STORE does to flags, and how many there may be.

A message's keywords are one text, blank-separated and sorted. Keywords have
no case [RFC9051 2.3.2]: the first spelling used in a mailbox stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import evolve

from imailpy.errors import MailboxLimit
from imailpy.interfaces.store import FlagChange


class Limits(Protocol):
    """The settings that matter here."""

    @property
    def keywords_most(self) -> int: ...
    @property
    def mailbox_keywords_most(self) -> int: ...


def spelt(
    keywords: frozenset[str], known: Mapping[str, str], limits: Limits
) -> frozenset[str]:
    """
    Give keywords the spelling that the mailbox uses.

    Args:
        known: Of the mailbox: folded -> as spelt.

    Raises:
        MailboxLimit: The mailbox would have too many, or one message.
    """
    if not keywords:
        return frozenset()
    mine = {word.lower(): word for word in sorted(keywords)}
    if len(mine) > limits.keywords_most:
        raise MailboxLimit(f"{len(mine)} keywords on one message")
    new = [folded for folded in mine if folded not in known]
    if new and len(known) + len(new) > limits.mailbox_keywords_most:
        raise MailboxLimit(f"{len(known) + len(new)} keywords in a mailbox")
    return frozenset(known.get(f, word) for f, word in mine.items())


def spelt_change(
    change: FlagChange, known: Mapping[str, str], limits: Limits
) -> FlagChange:
    """Give a change with its keywords as `spelt`; raises as that."""
    if not change.keywords:
        return change
    if change.mode == "remove":
        folded = {word.lower() for word in change.keywords}
        words = frozenset(known[f] for f in folded if f in known)
    else:
        words = spelt(change.keywords, known, limits)
    return evolve(change, keywords=words)


def joined(keywords: Iterable[str]) -> str:
    """Spell a message's keywords as its one text."""
    return " ".join(sorted(keywords))


def changed_flags(old: int, change: FlagChange) -> int:
    """Flag bits after a STORE."""
    if change.mode == "add":
        return old | change.flags
    if change.mode == "remove":
        return old & ~change.flags
    if change.mode == "replace":
        return int(change.flags)
    raise ValueError(f"mode {change.mode!r}")


def changed_keywords(old: str, change: FlagChange, limits: Limits) -> str:
    """
    Give a message's keywords after a STORE.

    Raises:
        MailboxLimit: It would have too many.
    """
    if change.mode == "replace":
        return joined(change.keywords)
    if not change.keywords:
        return old
    if change.mode == "remove":
        return joined(set(old.split()) - change.keywords)
    new = set(old.split()) | change.keywords
    if len(new) > limits.keywords_most:
        raise MailboxLimit(f"{len(new)} keywords on one message")
    return joined(new)
