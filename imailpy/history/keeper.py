"""
Keeps what it is told, a moment later, in a thread of its own.

In the reactor's thread an entry is put at the end of a list, and that is
all. The list is bounded: over it entries are dropped and counted. When the
disk or the database fails, the history is off for a while, and mail goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred
from zope.interface import implementer

from imailpy.errors import HistoryUnavailable
from imailpy.history.database import Database, set_aside
from imailpy.history.lines import Told, block
from imailpy.history.settings import HistorySettings
from imailpy.interfaces.history import IHistory, Passage
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IBatchThread, IWorld

T = TypeVar("T")

# In memory at most; a burst that the thread cannot follow.
MOST_WAITING = 50_000
# So long an entry waits for others.
MOMENT_S = 0.5
# So long the history is off after something failed.
RETRY_S = 60.0
PRUNE_S = 30.0
BLOCK_ENTRIES = 512
DAY_S = 86_400.0

_BROKEN = (apsw.CorruptError, apsw.NotADBError)


class NoRoom(OSError):
    """The disk is nearly full; what is left belongs to mail."""


@implementer(IHistory)
class History:
    """
    The decision history.

    Args:
        journal: Is told when something is lost.
    """

    def __init__(
        self,
        world: IWorld,
        settings: Provider[HistorySettings],
        journal: Callable[[], IJournal | None] = lambda: None,
    ) -> None:
        self._world = world
        self._settings = settings
        self._journal = journal
        self._waiting: list[Told] = []
        self._asked = False
        self._writing = False
        self._off_until = 0.0
        self._why_off = ""
        self._prune_at = 0.0
        self._stopped = False
        self._thread: IBatchThread | None = None
        self._database: Database | None = None
        self.dropped = 0
        self.kept = 0
        self._told_dropped = 0
        self._octets = 0

    # What rooms tell

    def add(self, passage: Passage) -> None:
        self._take((passage.at, None, passage))

    def note(self, event: str, facts: Mapping[str, Any]) -> None:
        self._take((self._world.clock.now(), event, facts))

    def _take(self, told: Told) -> None:
        waiting = self._waiting
        if self._settings.current.days <= 0:
            return
        if len(waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        waiting.append(told)
        if not self._asked and not self._stopped:
            self._asked = True
            self._world.clock.call_later(MOMENT_S, self._moment)

    # What is asked

    async def find(
        self, key: str, *, since: float = 0.0, most: int = 1000
    ) -> Sequence[dict[str, Any]]:
        return await self._read(lambda open_: open_.find(key, since, most))

    async def envelopes(
        self, *, since: float = 0.0, most: int = 1000
    ) -> Sequence[dict[str, Any]]:
        return await self._read(lambda open_: open_.envelopes(since, most))

    def figures(self) -> dict[str, Any]:
        state = "on"
        if self._settings.current.days <= 0:
            state = "off"
        elif self._why_off:
            state = f"failed: {self._why_off}"
        return {
            "history": state,
            "history_kept": self.kept,
            "history_waiting": len(self._waiting),
            "history_dropped": self.dropped,
            "history_octets": self._octets,
        }

    async def stop(self) -> None:
        """Write what waits, and let go of the file."""
        self._flush()
        self._stopped = True
        thread, self._thread = self._thread, None
        if thread is not None:
            waiting: Deferred[None] = Deferred.fromCoroutine(
                self._close(thread)
            )
            await waiting

    # Inside, in the reactor's thread

    async def _close(self, thread: IBatchThread) -> None:
        await _handed_in(thread, lambda: self._let_go())
        await thread.stop()

    def _moment(self) -> None:
        self._asked = False
        if not self._writing:
            self._flush()

    def _flush(self) -> None:
        """Hand over what waits."""
        waiting, self._waiting = self._waiting, []
        settings = self._settings.current
        if not waiting or self._stopped or settings.days <= 0:
            return
        if self._world.clock.monotonic() < self._off_until:
            self.dropped += len(waiting)
            return
        self._writing = True
        prune = self._world.clock.monotonic() >= self._prune_at
        done = self._submit(lambda: self._write(waiting, settings, prune))
        done.addCallbacks(
            self._written, self._failed, callbackArgs=(len(waiting),)
        )
        done.addErrback(self._failed)

    def _submit(self, work: Callable[[], T]) -> Deferred[T]:
        if self._thread is None:
            # Not before: the daemon has forked by now.
            self._thread = self._world.threads.batch(
                "history", lambda jobs: [_perform(job) for job in jobs]
            )
        return _handed_in(self._thread, work)

    def _written(self, found: tuple[int, bool], count: int) -> None:
        octets, more = found
        self._writing = False
        self.kept += count
        self._octets = octets
        now = self._world.clock.monotonic()
        if now >= self._prune_at:
            self._prune_at = now + (0.0 if more else PRUNE_S)
        if self._why_off:
            self._why_off = ""
            self._tell("history.resumed")
        self._tell_dropped()
        if self._waiting:
            self._ask_moment()

    def _failed(self, failure: Any) -> None:
        self._writing = False
        why = failure.getErrorMessage() or failure.type.__name__
        first = not self._why_off
        self._why_off = why
        self._off_until = self._world.clock.monotonic() + RETRY_S
        if first:
            self._tell("history.failed", why=why, again_in_s=RETRY_S)
        if self._waiting:
            self._ask_moment()

    def _ask_moment(self) -> None:
        if not self._asked and not self._stopped:
            self._asked = True
            self._world.clock.call_later(MOMENT_S, self._moment)

    def _tell_dropped(self) -> None:
        if self.dropped > self._told_dropped:
            self._tell(
                "history.dropped", entries=self.dropped - self._told_dropped
            )
            self._told_dropped = self.dropped

    def _tell(self, event: str, **facts: Any) -> None:
        journal = self._journal()
        if journal is not None:
            journal.record(event, **facts)

    async def _read(self, read: Callable[[Database], T]) -> T:
        settings = self._settings.current
        if settings.days <= 0:
            raise HistoryUnavailable("history.days is 0")
        if self._stopped:
            raise HistoryUnavailable("it is closed")
        self._flush()
        try:
            return await self._submit(lambda: read(self._open(settings)))
        except (apsw.Error, OSError) as error:
            raise HistoryUnavailable(f"decisions.db: {error}") from error

    # In the history's own thread

    def _write(
        self, told: Sequence[Told], settings: HistorySettings, prune: bool
    ) -> tuple[int, bool]:
        disk = self._world.disk
        if disk.free_octets(settings.directory) < settings.min_free_octets:
            raise NoRoom("the disk is nearly full")
        messages: dict[str, str] = {}
        blocks = [
            block(told[at : at + BLOCK_ENTRIES], messages)
            for at in range(0, len(told), BLOCK_ENTRIES)
        ]
        try:
            database = self._open(settings)
            database.write(blocks)
            more = False
            if prune:
                before = told[-1][0] - settings.days * DAY_S
                more = database.prune(before, settings.most_octets)
            return database.octets(), more
        except _BROKEN:
            self._let_go()
            set_aside(disk, settings.directory)
            raise
        except (apsw.Error, OSError):
            self._let_go()
            raise

    def _open(self, settings: HistorySettings) -> Database:
        if self._database is None:
            self._database = Database(self._world.disk, settings.directory)
        return self._database

    def _let_go(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _perform(job: Callable[[], Any]) -> Any:
    try:
        return job()
    except (apsw.Error, OSError) as error:
        return error


def _handed_in(thread: IBatchThread, work: Callable[[], T]) -> Deferred[T]:
    """Have a thread do something."""
    waiting: Deferred[T] = Deferred()

    def done(result: Any) -> None:
        if isinstance(result, Exception):
            waiting.errback(result)
        else:
            waiting.callback(result)

    thread.submit(work, done)
    return waiting
