"""
SEARCH [RFC9051 6.4.4] [RFC4731].

What a key needs is fetched in the order of what it costs, and only for the
messages that are still open after the step before: flags and sets from
memory, dates, sizes and listed fields from rows, other fields from header
sections, texts from bodies. After at most 20 ms others get their turn;
octets of messages are read and decoded in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field

from imailpy.interfaces.store import Column
from imailpy.listeners.imap.answering import ConnectionGone
from imailpy.listeners.imap.criteria import LISTED, row_test
from imailpy.listeners.imap.matching import (
    Leaf,
    Program,
    marks,
    program_for,
)
from imailpy.listeners.imap.sections import Message, columns_for
from imailpy.listeners.imap.texts import header_matches, look, text_matches
from imailpy.listeners.imap.view import View
from imailpy.mail import UidSet
from imailpy.protocol.imap import responses
from imailpy.protocol.imap.commands import (
    DateIs,
    HasFlag,
    HasKeyword,
    HeaderHas,
    InSet,
    IsRecent,
    Search,
    Section,
    SizeIs,
    TextHas,
)

if TYPE_CHECKING:
    from imailpy.listeners.imap.protocol import ImapConnection

PORTION = 256

_WHOLE = (Section(b"BODY[]"),)

# Numbers spelt before the client gets to read.
_NUMBERS = 4096

# Messages and octets that the thread is given at once.
_BATCH = 64
_BATCH_OCTETS = 1024 * 1024

# Flags looked up before the clock is looked at.
_FLAGS = 8192


async def search(session: ImapConnection, command: Search) -> None:
    """SEARCH and UID SEARCH, answered as SEARCH or as ESEARCH."""
    view = session.selected
    work = Work(session, view, program_for(command.key, view.exists))
    positions = await work.positions()
    if command.by_uid:
        numbers = [view.uids[at] for at in positions]
    else:
        numbers = [at + 1 for at in positions]
    if command.returns is None:
        await _say_search(session, numbers)
    else:
        _say_esearch(session, command, numbers)
    # [RFC5530 3]: the client may want to issue NOOP.
    code = None if not work.missing or command.by_uid else b"EXPUNGEISSUED"
    session.ok(command, "Searched", code, expunges=command.by_uid)


async def _say_search(session: ImapConnection, numbers: list[int]) -> None:
    session.write(b"* SEARCH")
    for at in range(0, len(numbers), _NUMBERS):
        part = numbers[at : at + _NUMBERS]
        session.write((" %d" * len(part) % tuple(part)).encode("ascii"))
        await session.breathe()
    session.write(b"\r\n")


def _say_esearch(
    session: ImapConnection, command: Search, numbers: list[int]
) -> None:
    """MIN, MAX and ALL of nothing are not said [RFC4731 3.1]."""
    wanted = command.returns or frozenset({"ALL"})
    some = bool(numbers)
    session.untagged(
        responses.esearch(
            command.tag,
            by_uid=command.by_uid,
            minimum=numbers[0] if some and "MIN" in wanted else None,
            maximum=numbers[-1] if some and "MAX" in wanted else None,
            count=len(numbers) if "COUNT" in wanted else None,
            found=UidSet.from_uids(numbers) if "ALL" in wanted else None,
        )
    )


@define
class Work:
    """
    One search under way.

    Attributes:
        missing: Positions of messages that are gone by now.
    """

    session: ImapConnection
    view: View
    program: Program
    missing: set[int] = field(factory=set)

    async def positions(self) -> list[int]:
        """Find what matches."""
        await self._from_memory()
        for step in (self._from_rows, self._from_headers, self._from_texts):
            await self._run()
            if not self.program.open():
                break
            await step()
        else:
            await self._run()
        found = self.program.found()
        if self.missing:
            found = [at for at in found if at not in self.missing]
        return found

    async def _run(self) -> None:
        for _ in self.program.run():
            await self._breathe()

    async def _breathe(self) -> None:
        if self.session.turn_is_long():
            await self.session.breathe()

    # From memory

    async def _from_memory(self) -> None:
        rows = await self._flags()
        size = self.program.size
        for leaf in self.program.leaves:
            key = leaf.key
            values: bytes | bytearray
            if isinstance(key, HasFlag):
                bit = int(key.flag)
                values = bytes([flags & bit != 0 for flags, _ in rows])
            elif isinstance(key, HasKeyword):
                values = _with_keyword(rows, key.keyword.lower())
            elif isinstance(key, InSet):
                values = marks(
                    size,
                    self.view.spans(
                        key.sequence, by_uid=key.by_uid, strict=False
                    ),
                )
            elif isinstance(key, IsRecent):
                values = marks(size, self.view.recent_positions())
            else:
                continue
            self.program.know(leaf, values)
            await self._breathe()

    async def _flags(self) -> list[tuple[int, str]]:
        """Flags of all messages, those of one that is gone empty."""
        view = self.view
        rows: list[tuple[int, str]] = []
        for start in range(0, view.exists, _FLAGS):
            uids = view.uids[start : min(start + _FLAGS, view.exists)]
            try:
                rows += map(view.mailbox.flags, uids)
            except KeyError:
                del rows[start:]
                rows += self._some_flags(start, uids)
            await self._breathe()
        return rows

    def _some_flags(
        self, start: int, uids: Sequence[int]
    ) -> list[tuple[int, str]]:
        rows: list[tuple[int, str]] = []
        for at, uid in enumerate(uids, start):
            try:
                rows.append(self.view.mailbox.flags(uid))
            except KeyError:
                rows.append((0, ""))
                self.missing.add(at)
        return rows

    # From rows, header sections and bodies

    def _leaves(self, *kinds: type) -> list[Leaf]:
        return [
            leaf for leaf in self.program.leaves if isinstance(leaf.key, kinds)
        ]

    async def _from_rows(self) -> None:
        tests = [
            (leaf, *row_test(leaf.key))
            for leaf in self._leaves(DateIs, SizeIs, HeaderHas)
            if not isinstance(leaf.key, HeaderHas) or leaf.key.field in LISTED
        ]
        if not tests:
            return
        columns = [
            Column.UID,
            Column.COMPLETE,
            *dict.fromkeys(column for _, column, _ in tests),
        ]
        table = _Table([leaf for leaf, _, _ in tests], self.program.size)
        for portion in _portions(self.program.open()):
            places, rows = await self._rows(portion, columns)
            by_column = dict(
                zip(columns, zip(*rows, strict=True), strict=False)
            )
            complete = by_column.get(Column.COMPLETE, ())
            for at, (leaf, column, test) in enumerate(tests):
                matches = map(test, by_column.get(column, ()))
                if isinstance(leaf.key, HeaderHas):
                    table.note_some(at, places, matches, complete)
                else:
                    table.note_all(at, places, matches)
                await self._breathe()
        table.tell(self.program)

    async def _from_headers(self) -> None:
        """Listed fields too, where not all of them were listed."""
        await self._from_bodies(self._leaves(HeaderHas), header_matches)

    async def _from_texts(self) -> None:
        await self._from_bodies(self._leaves(TextHas), text_matches)

    async def _from_bodies(self, leaves: list[Leaf], find: Any) -> None:
        """
        Open messages.

        Args:
            find: Tells for a message which of the keys match.
        """
        positions = self.program.open(leaves)
        if not positions:
            return
        columns = [Column.UID, *columns_for(_WHOLE)]
        table = _Table(leaves, self.program.size)
        batch: list[tuple[int, Message]] = []
        try:
            for portion in _portions(positions):
                places, rows = await self._rows(portion, columns)
                octets = 0
                for at, row in zip(places, rows, strict=True):
                    message = await self._open(columns, row)
                    if message is None:
                        self.missing.add(at)
                        continue
                    batch.append((at, message))
                    octets += message.size_octets
                    if len(batch) >= _BATCH or octets >= _BATCH_OCTETS:
                        await self._look(batch, table, find)
                        octets = 0
                    await self._breathe()
                await self._look(batch, table, find)
        finally:
            for _, message in batch:
                message.release()
        table.tell(self.program)

    async def _open(
        self, columns: list[Column], row: tuple[Any, ...]
    ) -> Message | None:
        values = dict(zip(columns, row, strict=True))
        message = Message(self.view.mailbox, values)
        return message if await message.open_for(_WHOLE) else None

    async def _look(
        self, batch: list[tuple[int, Message]], table: _Table, find: Any
    ) -> None:
        """Have the thread look into some messages; lets go of them."""
        if not batch:
            return
        keys = [leaf.key for leaf in table.leaves]
        messages = [message for _, message in batch]
        found = await self.session.shared.pool.run(look, find, messages, keys)
        for (at, message), matches in zip(batch, found, strict=True):
            table.note(at, matches)
            message.release()
        batch.clear()
        if self.session.lost:
            raise ConnectionGone

    async def _rows(
        self, positions: list[int], columns: list[Column]
    ) -> tuple[list[int], Sequence[tuple[Any, ...]]]:
        """Read rows; gives the position of each, and them."""
        uids = self.view.uids
        places = {uids[at]: at for at in positions}
        rows = await self.view.mailbox.rows(UidSet.from_uids(places), columns)
        if len(rows) == len(places):
            return positions, rows
        here = {row[0] for row in rows}
        self.missing.update(
            at for uid, at in places.items() if uid not in here
        )
        return [places[row[0]] for row in rows], rows


class _Table:
    """
    What was found out about some leaves, for some messages.

    Attributes:
        leaves: Which.
    """

    def __init__(self, leaves: list[Leaf], size: int) -> None:
        self.leaves = leaves
        self._asked = [bytearray(size) for _ in leaves]
        self._values = [bytearray(size) for _ in leaves]

    def note(self, at: int, matches: list[bool]) -> None:
        """Note the matches of all leaves for one message."""
        for leaf, match in enumerate(matches):
            self._asked[leaf][at] = 1
            self._values[leaf][at] = match

    def note_all(
        self, leaf: int, places: list[int], matches: Iterable[bool]
    ) -> None:
        """Note the matches of one leaf for many messages."""
        values, asked = self._values[leaf], self._asked[leaf]
        for at, match in zip(places, matches, strict=True):
            values[at] = match
            asked[at] = 1

    def note_some(
        self,
        leaf: int,
        places: list[int],
        matches: Iterable[bool],
        known: Iterable[int],
    ) -> None:
        """As `note_all`, where a no counts only if all is known."""
        values, asked = self._values[leaf], self._asked[leaf]
        for at, match, sure in zip(places, matches, known, strict=True):
            values[at] = match
            asked[at] = match or sure != 0

    def tell(self, program: Program) -> None:
        """Let the program know."""
        for leaf, values, asked in zip(
            self.leaves, self._values, self._asked, strict=True
        ):
            program.know(leaf, values, asked)


def _portions(positions: list[int]) -> list[list[int]]:
    return [
        positions[at : at + PORTION]
        for at in range(0, len(positions), PORTION)
    ]


def _with_keyword(rows: Sequence[tuple[int, str]], keyword: str) -> bytes:
    """Few messages differ in their keywords: look at each set once."""
    known: dict[str, bool] = {"": False}
    values = bytearray(len(rows))
    for at, (_, words) in enumerate(rows):
        if words:
            match = known.get(words)
            if match is None:
                match = known[words] = keyword in words.lower().split(" ")
            values[at] = match
    return bytes(values)


EXECUTORS: dict[type, Any] = {Search: search}
