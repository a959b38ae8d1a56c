"""
The writer: group commit.

A group is whatever arrived while the previous commit was syncing. Bodies for
segments are appended and synced first, then one transaction takes the whole
group. A job that fails before it wrote anything is refused, and that is all;
for one that fails later the group begins again, each job in a SAVEPOINT, so
that its failure fails it alone.

    a job fails, transaction goes on     that job alone is refused
    transaction was rolled back (full)   nobody was stored; jobs that free
                                         space run again, one by one, with
                                         the reserve given up; others: full
    COMMIT or a flush fails              nobody knows: OutcomeUnknown to all,
                                         the process ends, recovery decides
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apsw
from attrs import Factory, define

from imailpy.errors import (
    OutcomeUnknown,
    StorageFull,
    StoreUnavailable,
)
from imailpy.interfaces.body import IBody
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.world import IWorld
from imailpy.store.bodies import octets_of
from imailpy.store.settings import MIB, StoreSettings
from imailpy.store.shared import Effect
from imailpy.store.space import Space
from imailpy.store.sqlite.faults import (
    is_disk_full,
    is_flush,
    translated,
)
from imailpy.store.sqlite.segments import Place, Segments
from imailpy.store.sqlite.state import State

GROUP_JOBS = 512
GROUP_OCTETS = 16 * MIB


@define(eq=False)
class Job:
    """
    One piece of work for the writer.

    Attributes:
        run: Called in the transaction.
        bodies: What it stores.
        places: Where they are; filled in by the writer where still None.
        grows: Takes room: refused below the free space guard.
        alone: `run` is called outside any transaction, between groups.
    """

    run: Callable[[Tx, Job], Any]
    bodies: tuple[IBody, ...] = ()
    places: list[Place | None] = Factory(list)
    grows: bool = True
    alone: bool = False
    error: BaseException | None = None
    # What it brings, without what lies in files of its own.
    octets: int = 0

    def __attrs_post_init__(self) -> None:
        for body, place in zip(self.bodies, self.places, strict=True):
            if place is None:
                self.octets += body.size_octets


@define
class Done:
    """
    What came of a job, for the reactor thread.

    Attributes:
        value: What `run` gave.
        effects: On mailboxes, in their order.
        queued: Something waits for the world now.
        remove: Segment files that no row names (any more).
    """

    value: Any
    effects: list[Effect]
    queued: bool = False
    remove: list[str] = Factory(list)


class Tx:
    """
    The transaction as a job sees it.

    Attributes:
        execute: The connection's.
        state: Rows known by heart; `touch` before changing one.
    """

    def __init__(
        self,
        connection: Any,
        state: State,
        settings: StoreSettings,
        world: IWorld,
        segments: Segments,
    ) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.changes = connection.changes
        self.state = state
        self.settings = settings
        self.world = world
        self.segments = segments
        self.now: float = world.clock.now()
        self.effects: list[Effect] = []
        self.queued = False
        # Segments that rows of this job name, and that none names any more.
        self.used: set[str] = set()
        self.remove: list[str] = []

    def begin_job(self) -> None:
        """Nothing has come of this job yet."""
        self.effects = []
        self.queued = False
        self.used = set()
        self.remove = []


class _Lost(Exception):
    """The whole transaction was rolled back."""


class _Spoilt(Exception):
    """A job failed half-way where no savepoint was set."""


class Writer:
    """Works off jobs in the writer thread; `process` is its entrance."""

    def __init__(
        self,
        world: IWorld,
        connection: Any,
        settings: Provider[StoreSettings],
        segments: Segments,
        space: Space,
    ) -> None:
        self._world = world
        self._connection = connection
        self._settings = settings
        self._segments = segments
        self._space = space
        self.state = State(connection)
        self._dead: str = ""
        # Pages in the log as of the last commit.
        self.wal_pages = 0
        connection.set_wal_hook(self._count_wal)
        self.groups = 0
        self.jobs = 0

    def process(self, jobs: Sequence[Job]) -> list[Any]:
        """
        Work off jobs.

        Returns:
            For each, in order, a `Done` or an exception.
        """
        results: list[Any] = []
        for group in _groups(jobs):
            if self._dead:
                results += [StoreUnavailable(self._dead) for _ in group]
            elif group[0].alone:
                results.append(self._alone(group[0]))
            else:
                results += self._group(group)
        return results

    # --- one group

    def _group(self, group: Sequence[Job]) -> list[Any]:
        self.groups += 1
        self.jobs += len(group)
        try:
            self._guard(group)
            self._place(group)
            return self._carefully(group)
        except _Lost as lost:
            return self._again(group, lost)
        except Exception as error:
            if not (is_flush(error) or self._in_doubt):
                self._roll_back()
                raise
            return self._die(group, error)

    _in_doubt = False

    def _guard(self, group: Sequence[Job]) -> None:
        """Refuse what needs room when there is none."""
        if not any(job.grows for job in group):
            return
        if self._space.low(sum(job.octets for job in group)):
            for job in group:
                if job.grows and job.error is None:
                    job.error = StorageFull("free space guard")

    def _place(self, group: Sequence[Job]) -> None:
        """Put bodies where they will lie; segments are synced after it."""
        inline = self._settings.current.inline_octets
        for job in group:
            if job.error is not None:
                continue
            try:
                for at, body in enumerate(job.bodies):
                    if job.places[at] is None:
                        job.places[at] = self._placed(body, inline)
            except OSError as error:
                job.error = translated(error)
        self._segments.sync()

    def _placed(self, body: IBody, inline: int) -> Place:
        if body.size_octets <= inline:
            return Place(octets=octets_of(body))
        return self._segments.append(
            body.chunks(), body.size_octets, body.sha256
        )

    def _carefully(self, group: Sequence[Job]) -> list[Any]:
        """
        Take the group without savepoints, and again with them if need be.

        Hardly a job fails once it has begun to write; savepoints cost every
        one of them two statements and a copy of each page that it touches.
        """
        try:
            return self._transaction(group, savepoints=False)
        except _Spoilt:
            self._roll_back()
        return self._transaction(group, savepoints=True)

    def _transaction(
        self, group: Sequence[Job], *, savepoints: bool
    ) -> list[Any]:
        tx = Tx(
            self._connection,
            self.state,
            self._settings.current,
            self._world,
            self._segments,
        )
        self._world.fault_point("store.before_begin")
        try:
            tx.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise _Lost(error) from error
        one = self._saved if savepoints else self._bare
        results = [one(tx, job) for job in group]
        self._commit(tx)
        return results

    def _bare(self, tx: Tx, job: Job) -> Any:
        """Run one job; whoever fails must not have written anything."""
        if job.error is not None:
            return job.error
        tx.begin_job()
        before = self._connection.total_changes()
        try:
            value = job.run(tx, job)
        except Exception as error:
            if is_flush(error):
                raise
            if (
                self._connection.get_autocommit()
                or self._connection.total_changes() != before
                or isinstance(error, apsw.Error)
            ):
                raise _Spoilt from error
            self.state.give_back()
            return translated(error)
        return self._kept(tx, job, value)

    def _saved(self, tx: Tx, job: Job) -> Any:
        """Run one job in its SAVEPOINT."""
        if job.error is not None:
            return job.error
        tx.begin_job()
        tx.execute("SAVEPOINT job")
        try:
            value = job.run(tx, job)
        except Exception as error:
            self._undo(tx, error)
            return translated(error)
        tx.execute("RELEASE job")
        return self._kept(tx, job, value)

    def _kept(self, tx: Tx, job: Job, value: Any) -> Done:
        self.state.keep()
        self._world.fault_point("store.after_job")
        return Done(
            value, tx.effects, tx.queued, tx.remove + _unused(job, tx.used)
        )

    def _undo(self, tx: Tx, error: Exception) -> None:
        """Take back what a failed job did."""
        if is_flush(error):
            raise error
        self.state.give_back()
        if self._connection.get_autocommit():
            raise _Lost(error) from error
        tx.execute("ROLLBACK TO job")
        tx.execute("RELEASE job")
        if is_disk_full(error) and isinstance(error, apsw.Error):
            raise _Lost(error) from error

    def _commit(self, tx: Tx) -> None:
        try:
            self.state.write()
            self._world.fault_point("store.before_commit")
            tx.execute("COMMIT")
        except apsw.FullError as error:
            raise _Lost(error) from error
        except apsw.Error:
            self._in_doubt = True
            raise
        self.state.committed()
        self._world.fault_point("store.after_commit")

    # --- when it goes wrong

    def _roll_back(self) -> None:
        if not self._connection.get_autocommit():
            self._connection.execute("ROLLBACK")
        self.state.forget()

    def _again(self, group: Sequence[Job], lost: _Lost) -> list[Any]:
        """Nobody was stored: what frees space is tried alone."""
        cause = lost.args[0]
        self._roll_back()
        if len(group) == 1 and not self._space.release_reserve():
            return [translated(cause)]
        results: list[Any] = []
        for job in group:
            if job.error is not None:
                results.append(job.error)
            elif job.grows or not is_disk_full(cause):
                results.append(translated(cause))
            else:
                self._space.release_reserve()
                results += self._group([job])
        return results

    def _die(self, group: Sequence[Job], error: Exception) -> list[Any]:
        """What is on the disk is unknown: answer, and end the process."""
        self._dead = f"a flush failed: {error!r}"
        self.state.forget()
        self._world.die(75, f"store: {self._dead}")
        return [job.error or OutcomeUnknown(f"{self._dead}") for job in group]

    def _alone(self, job: Job) -> Any:
        tx = Tx(
            self._connection,
            self.state,
            self._settings.current,
            self._world,
            self._segments,
        )
        try:
            return Done(job.run(tx, job), tx.effects, remove=tx.remove)
        except Exception as error:
            if is_flush(error):
                return self._die([job], error)[0]
            return translated(error)

    def _count_wal(self, connection: Any, name: str, pages: int) -> int:
        self.wal_pages = pages
        return apsw.SQLITE_OK

    @property
    def dead(self) -> bool:
        """Whether a flush failed: nothing is written any more."""
        return bool(self._dead)


def _groups(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Part jobs into groups of at most 16 MiB; lone ones by themselves."""
    group: list[Job] = []
    octets = 0
    for job in jobs:
        if group and (job.alone or octets + job.octets > GROUP_OCTETS):
            yield group
            group, octets = [], 0
        if job.alone:
            yield [job]
            continue
        group.append(job)
        octets += job.octets
    if group:
        yield group


def _unused(job: Job, used: set[str]) -> list[str]:
    """Files of their own that no row names."""
    return [
        place.segment
        for place in job.places
        if place is not None and place.own and place.segment not in used
    ]
