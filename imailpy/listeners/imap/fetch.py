"""
FETCH [RFC9051 6.4.5].

A portion of 256 messages is one read of rows, a few maps over columns and
one write: nothing is decided per message. Sections of bodies come behind the
rest of the line, each as a literal that is streamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imailpy.errors import MailError
from imailpy.interfaces.store import Column, FlagChange
from imailpy.listeners.imap.fetch_plan import FLAGS, Plan, plan_for
from imailpy.listeners.imap.sections import Message, write_section
from imailpy.listeners.imap.spans import Spans, count, numbers_of, portions
from imailpy.listeners.imap.view import View
from imailpy.mail import SystemFlag, UidSet
from imailpy.protocol.imap.commands import Fetch

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

# Rows that one read gives at most.
PORTION = 256

_SEEN = int(SystemFlag.SEEN)

Rows = Sequence[tuple[Any, ...]]


async def fetch(session: ImapConnection, command: Fetch) -> None:
    """FETCH and UID FETCH."""
    view = session.selected
    spans = view.spans(command.sequence, by_uid=command.by_uid)
    plan = plan_for(command.items, by_uid=command.by_uid)
    work = _bodies if plan.sections else _lines
    complete = True
    for portion in portions(spans, PORTION):
        complete = await work(session, view, plan, portion) and complete
        await session.breathe()
    # [RFC5530 3]: the client may want to issue NOOP.
    code = None if complete or command.by_uid else b"EXPUNGEISSUED"
    session.ok(command, "Fetched", code, expunges=command.by_uid)


async def _lines(
    session: ImapConnection, view: View, plan: Plan, portion: Spans
) -> bool:
    """Answer for one portion; False when some of it are gone."""
    uids, rows = await _rows(view, plan, portion)
    if plan.slow is not None and not _complete(plan, rows):
        return await _bodies(session, view, plan.slow, portion)
    numbers = _numbers(view, portion, uids)
    try:
        values = _values(view, plan, uids, rows)
    except KeyError:
        # Expunged between the read and now.
        uids, rows = _present(view, uids, rows)
        numbers = map(view.number, uids)
        values = _values(view, plan, uids, rows)
    line = plan.line + b")\r\n"
    await session.send(map(line.__mod__, zip(numbers, *values, strict=True)))
    if plan.flags:
        view.told(view.uid_set(portion))
    return len(uids) == count(portion)


async def _rows(
    view: View, plan: Plan, portion: Spans
) -> tuple[Sequence[int], Rows]:
    if len(plan.columns) == 1:
        uids = view.uids_at(portion)
        if view.expunges_wait:
            uids = view.present(uids)
        return uids, [(uid,) for uid in uids]
    rows = await view.mailbox.rows(view.uid_set(portion), plan.columns)
    return [row[0] for row in rows], rows


def _complete(plan: Plan, rows: Rows) -> bool:
    """Whether the listed fields of all these are all they have."""
    at = plan.columns.index(Column.COMPLETE)
    return all(row[at] for row in rows)


def _numbers(view: View, portion: Spans, uids: Sequence[int]) -> Any:
    numbers = numbers_of(portion)
    return numbers if len(numbers) == len(uids) else map(view.number, uids)


def _values(
    view: View,
    plan: Plan,
    uids: Sequence[int],
    rows: Rows,
) -> list[Sequence[Any]]:
    """Give a sequence of values for each place of the line."""
    columns = tuple(zip(*rows, strict=True))
    values: list[Sequence[Any]] = []
    for at, render in plan.fills:
        if at == FLAGS:
            values.append(view.flags_of(uids))
        elif not rows:
            values.append(())
        elif render is None:
            values.append(columns[at])
        else:
            values.append(list(map(render, columns[at])))
    return values


def _present(
    view: View, uids: Sequence[int], rows: Rows
) -> tuple[list[int], list[tuple[Any, ...]]]:
    here = set(view.present(uids))
    left = [row for row in rows if row[0] in here]
    return [row[0] for row in left], left


# Bodies


async def _bodies(
    session: ImapConnection, view: View, plan: Plan, portion: Spans
) -> bool:
    """As `_lines`, with sections: one message after the other."""
    newly_seen: frozenset[int] = frozenset()
    if plan.marks_seen and not view.read_only:
        newly_seen = await _mark_seen(session, view, portion)
    uids, rows = await _rows(view, plan, portion)
    complete = len(uids) == count(portion)
    for row in rows:
        told = await _body(session, view, plan, row, newly_seen)
        complete = complete and told
        await session.breathe()
    return complete


async def _body(
    session: ImapConnection,
    view: View,
    plan: Plan,
    row: tuple[Any, ...],
    newly_seen: frozenset[int],
) -> bool:
    uid = row[0]
    try:
        values = [v[0] for v in _values(view, plan, [uid], [row])]
        extra = b""
        if uid in newly_seen and not plan.flags:
            extra = b"FLAGS %b" % view.flags_of([uid])[0]
    except KeyError:
        return False
    message = Message(view.mailbox, dict(zip(plan.columns, row, strict=True)))
    if not await message.open_for(plan.sections):
        return False
    head = [plan.line % (view.number(uid), *values)]
    blank = b" " if values else b""
    if extra:
        head.append(blank + extra)
        blank = b" "
    try:
        with session.one_response():
            session.write(b"".join(head))
            for section in plan.sections:
                await write_section(session, message, section, blank)
                blank = b" "
            session.write(b")\r\n")
    finally:
        message.release()
    return True


async def _mark_seen(
    session: ImapConnection, view: View, portion: Spans
) -> frozenset[int]:
    """Set \\Seen before the bodies are given [RFC9051 6.4.5]."""
    flags = view.mailbox.flags
    unseen = [
        uid
        for uid in view.present(view.uids_at(portion))
        if not flags(uid)[0] & _SEEN
    ]
    if not unseen:
        return frozenset()
    change = FlagChange("add", SystemFlag.SEEN)
    try:
        await view.mailbox.store(UidSet.from_uids(unseen), change, by=view)
    except MailError as error:
        # On a full disk mail can still be read.
        session.record("imap.seen_not_kept", reason=error.private)
        return frozenset()
    return frozenset(unseen)


EXECUTORS: dict[type, Any] = {Fetch: fetch}
