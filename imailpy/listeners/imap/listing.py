"""
What LIST and LSUB show [RFC9051 6.3.9] [RFC5258] [RFC6154] [RFC3501 6.3.9].

    mailboxes + subscriptions -> entries -> selection -> patterns -> lines

A level without a mailbox of its own still stands in the tree, as one that
does not exist and has children.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, frozen

from imailpy.interfaces.store import DELIMITER, MailboxInfo
from imailpy.protocol.imap.commands import List
from imailpy.protocol.imap.patterns import Pattern


@define
class Entry:
    """
    One name of the tree.

    Attributes:
        info: None where there is no mailbox.
        subscribed: Whether its name is.
        parent: Whether a mailbox is below it.
        below_selected: What the selection wants is below it, and no pattern
            shows that.
    """

    name: str
    info: MailboxInfo | None = None
    subscribed: bool = False
    parent: bool = False
    below_selected: bool = False


@frozen
class Line:
    """One LIST or LSUB response, and the mailbox for its STATUS."""

    name: str
    attributes: tuple[str, ...]
    child_info: tuple[str, ...] = ()
    info: MailboxInfo | None = None


def parents(name: str) -> Iterator[str]:
    """Give the names above a name, the nearest first."""
    while DELIMITER in name:
        name = name.rpartition(DELIMITER)[0]
        yield name


def _grow(
    entries: dict[str, Entry],
    mailboxes: Iterable[MailboxInfo],
    subscriptions: Iterable[str],
) -> Iterator[None]:
    """
    Fill in every name: mailboxes, subscriptions, and what is above them.

    Yields now and then, as all that goes over many names here: whoever
    counts the turns of the loop can take a breath then (SECURITY B7.4).
    """
    for info in mailboxes:
        entries[info.name] = Entry(info.name, info)
        yield
    for name in tuple(entries):
        for above in parents(name):
            entry = entries.setdefault(above, Entry(above))
            if entry.parent:
                break
            entry.parent = True
        yield
    for name in subscriptions:
        entries.setdefault(name, Entry(name)).subscribed = True
        yield


def lines(
    command: List,
    mailboxes: Sequence[MailboxInfo],
    subscriptions: Sequence[str],
) -> Iterator[Line | None]:
    """
    Give what LIST answers, in the order of the names.

    None stands for a name that was looked at and is not shown.
    """
    entries: dict[str, Entry] = {}
    yield from _grow(entries, mailboxes, subscriptions)
    patterns = [Pattern(command.reference + p) for p in command.patterns]
    shown: set[str] = set()
    for name in entries:
        for pattern in patterns:
            if pattern.matches(name):
                shown.add(name)
                break
        yield None
    if "RECURSIVEMATCH" in command.selection:
        yield from _look_below(command, entries, patterns, shown)
    for name in sorted(entries):
        entry = entries[name]
        if name in shown and (
            entry.below_selected or _selected(command, entry)
        ):
            yield _line(command, entry)
        else:
            yield None


def _selected(command: List, entry: Entry) -> bool:
    """Whether the selection options want it."""
    wanted = command.selection
    if "SUBSCRIBED" in wanted and not entry.subscribed:
        return False
    if "SPECIAL-USE" in wanted and not (entry.info and entry.info.special_use):
        return False
    if "SUBSCRIBED" in wanted or "SPECIAL-USE" in wanted:
        return True
    return entry.info is not None or entry.parent


def _look_below(
    command: List,
    entries: dict[str, Entry],
    patterns: list[Pattern],
    shown: set[str],
) -> Iterator[None]:
    """Mark what stands above something that is wanted and not shown."""
    for name, entry in tuple(entries.items()):
        yield
        if name in shown or not _selected(command, entry):
            continue
        for above in parents(name):
            known = entries.get(above)
            if known is None:
                if not any(pattern.matches(above) for pattern in patterns):
                    continue
                known = entries[above] = Entry(above)
                shown.add(above)
            if known.below_selected:
                break
            known.below_selected = True


def _line(command: List, entry: Entry) -> Line:
    attributes: list[str] = []
    if entry.info is None:
        # [RFC5258 3]: the old word where the client may not know the new.
        attributes.append(
            "\\NonExistent" if command.extended else "\\Noselect"
        )
    attributes.append("\\HasChildren" if entry.parent else "\\HasNoChildren")
    if entry.subscribed and (
        "SUBSCRIBED" in command.returns or "SUBSCRIBED" in command.selection
    ):
        attributes.append("\\Subscribed")
    if entry.info is not None and entry.info.special_use:
        attributes.append(entry.info.special_use)
    child_info: tuple[str, ...] = ()
    if entry.below_selected:
        child_info = tuple(
            sorted(command.selection & {"SUBSCRIBED", "SPECIAL-USE"})
        )
    return Line(entry.name, tuple(attributes), child_info, entry.info)


def subscribed_lines(
    reference: str,
    text: str,
    mailboxes: Sequence[MailboxInfo],
    subscriptions: Sequence[str],
) -> Iterator[Line | None]:
    """
    Give what LSUB answers, None for a name that is not shown.

    With `%` a level above something subscribed is shown with \\Noselect
    when it is not subscribed itself [RFC3501 6.3.9].
    """
    pattern = Pattern(reference + text)
    subscribed = set(subscriptions)
    names = set(subscribed)
    if "%" in text:
        names.update(above for name in subscribed for above in parents(name))
    there = {info.name for info in mailboxes}
    for name in sorted(names):
        if pattern.matches(name):
            real = name in subscribed and name in there
            yield Line(name, () if real else ("\\Noselect",))
        else:
            yield None
