"""
What the store does on its own: checkpoints, sweeps, renditions made anew.

All of it is work for the writer like any other, a small step at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import apsw
from attrs import evolve
from twisted.internet.defer import Deferred

from imailpy.interfaces.world import ICall
from imailpy.message.rendition import RENDERER_VERSION, Rendition
from imailpy.store.sqlite import sweep
from imailpy.store.sqlite.connections import BUSY_MS
from imailpy.store.sqlite.faults import FlushFailed
from imailpy.store.sqlite.keeping import write_rendition
from imailpy.store.sqlite.writer import Job

if TYPE_CHECKING:
    from imailpy.store.sqlite.store import SqliteStore
    from imailpy.store.sqlite.writer import Tx

_Step = Callable[["Tx", Job], int]
_PAGE_OCTETS = 4096
# Seconds between two looks at the free space.
_LOOK_EVERY_S = 5.0


class Upkeep:
    """
    Keeps one store in order.

    Attributes:
        stale: An older renderer made some of the renditions.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._checkpointing = False
        self._sweeping = False
        self._timer: ICall | None = None
        version = store.reader.execute(
            "SELECT value FROM facts WHERE name = 'renderer_version'"
        ).get
        self.stale = int(version) < RENDERER_VERSION

    # --- checkpoints

    def after_commit(self) -> None:
        """Checkpoint when the log has grown; its readers go on."""
        store = self._store
        octets = store.writer.wal_pages * _PAGE_OCTETS
        if self._checkpointing or store.closed:
            return
        if octets > store.settings.current.checkpoint_octets:
            self._checkpointing = True
            done = store.submit(Job(_checkpoint, grows=False, alone=True))
            done.addBoth(self._checkpointed)

    def _checkpointed(self, result: Any) -> None:
        self._checkpointing = False
        octets = self._store.connections.wal_octets()
        if octets > self._store.settings.current.wal_alert_octets:
            self._store.tell("store.wal_large", wal_octets=octets)

    # --- sweeps

    def plan(self) -> None:
        """Sweep after the pause that the settings name."""
        pause = self._store.settings.current.sweep_every_s
        if pause:
            clock = self._store.world.clock
            self._wait(clock.monotonic() + pause, pause)

    def _wait(self, due: float, left_s: float) -> None:
        if not self._store.closed:
            self._timer = self._store.world.clock.call_later(
                min(left_s, _LOOK_EVERY_S), self._look, due
            )

    def _look(self, due: float) -> None:
        """Sweep when it is time, or when room is wanted at once."""
        left_s = due - self._store.world.clock.monotonic()
        if left_s <= 0.001 or self._store.space.low():
            self._now()
        else:
            self._wait(due, left_s)

    def stop(self) -> None:
        """Begin nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _now(self) -> None:
        sweeping = Deferred.fromCoroutine(self.sweep())
        sweeping.addErrback(self._failed)
        sweeping.addBoth(lambda _: self.plan())

    def _failed(self, failure: Any) -> None:
        if not self._store.closed:
            reason = failure.getErrorMessage()
            self._store.tell("store.sweep_failed", reason=reason)

    async def sweep(self) -> int:
        """Do all that the sweeper finds to do; gives how much that was."""
        if self._sweeping:
            return 0
        self._sweeping = True
        try:
            return await self._sweep()
        finally:
            self._sweeping = False

    async def _sweep(self) -> int:
        done = 0
        steps: Sequence[_Step] = sweep.STEPS
        if self._store.space.low():
            steps = [_at_once(step) for step in steps]
        for step in steps:
            done += await self._repeat(step, alone=False)
        done += await self._repeat(sweep.vacuum, alone=True)
        if self.stale:
            done += await self._render_some()
        if done:
            await self._store.submit(Job(_fold_log, grows=False, alone=True))
        await self._store.pooled(self._store.space.make_reserve)
        return done

    async def _repeat(self, step: _Step, *, alone: bool) -> int:
        done = 0
        while True:
            job = Job(step, grows=False, alone=alone)
            work: int = await self._store.submit(job)
            if not work:
                return done
            done += work

    # --- renditions

    async def render(self, blobs: Sequence[int]) -> None:
        """Make renditions of blobs anew, with the present renderer."""
        store = self._store
        for blob in blobs:
            rows = store.read(
                "SELECT extent, hash FROM blobs WHERE id = ?", (blob,)
            )
            if rows:
                body = store.read_extent(*rows[0])
                rendition = await store.rendition(body)
                await store.work(_rendered(blob, rendition), grows=False)

    async def _render_some(self) -> int:
        """Renditions of an older renderer, a hundred a sweep."""
        rows = self._store.read(
            "SELECT id FROM blobs WHERE version < ? LIMIT 100",
            (RENDERER_VERSION,),
        )
        if rows:
            await self.render([blob for (blob,) in rows])
            return len(rows)
        await self._store.work(_all_rendered, grows=False)
        self.stale = False
        return 0


def _at_once(step: _Step) -> _Step:
    """
    Have a step wait for no period.

    Below the free space guard new mail weighs more than bringing back old
    mail: what was expunged makes room now. A reader that comes too late
    looks the row up again, as ever.
    """

    def run(tx: Tx, job: Job) -> int:
        told = tx.settings
        tx.settings = evolve(told, undelete_s=0.0, blob_grace_s=0.0)
        try:
            return step(tx, job)
        finally:
            tx.settings = told

    return run


def _checkpoint(tx: Tx, job: Job) -> None:
    """Bring the log into the database as far as readers let it be."""
    _bring_in(tx, apsw.SQLITE_CHECKPOINT_PASSIVE)


def _fold_log(tx: Tx, job: Job) -> None:
    """Bring all of the log in and cut its file, if nobody reads just now."""
    tx.connection.set_busy_timeout(0)
    try:
        _bring_in(tx, apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        tx.connection.set_busy_timeout(BUSY_MS)


def _bring_in(tx: Tx, mode: int) -> None:
    tx.world.fault_point("store.before_checkpoint")
    try:
        tx.connection.wal_checkpoint(mode=mode)
    except (apsw.BusyError, apsw.LockedError, apsw.FullError):
        return
    except apsw.Error as error:
        # Whichever write or flush it was: what is on the disk is unknown.
        raise FlushFailed(f"checkpoint: {error!r}") from error
    tx.world.fault_point("store.after_checkpoint")


def _rendered(blob: int, rendition: Rendition) -> Callable[[Tx, Job], None]:
    def run(tx: Tx, job: Job) -> None:
        if tx.execute("SELECT 1 FROM blobs WHERE id = ?", (blob,)).get:
            write_rendition(tx, blob, rendition)

    return run


def _all_rendered(tx: Tx, job: Job) -> None:
    tx.execute(
        "UPDATE facts SET value = ? WHERE name = 'renderer_version'",
        (str(RENDERER_VERSION),),
    )
