"""
The SQLite store as a whole.

Opening it takes the lock, recovers what a crash left, brings the log of the
last run into the database, upgrades the schema, and clears away what nothing
refers to; then it may be used. All methods are for the reactor thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import apsw
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import (
    MailError,
    OutcomeUnknown,
    StoreForbidden,
    StoreLocked,
    StoreRefused,
    StoreUnavailable,
)
from imailpy.interfaces.body import IBody
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import Acceptance, Delivered, IStore
from imailpy.interfaces.world import IWorld
from imailpy.message.rendition import RENDERER_VERSION, Rendition
from imailpy.store.bodies import MemoryBody
from imailpy.store.scanning import scanned
from imailpy.store.settings import StoreSettings
from imailpy.store.shared import Effect
from imailpy.store.space import Space
from imailpy.store.spool import Spool, SpooledBody
from imailpy.store.sqlite.accept_jobs import accept
from imailpy.store.sqlite.account import SqliteAccountMail
from imailpy.store.sqlite.audit import audit
from imailpy.store.sqlite.bans import SqliteBans
from imailpy.store.sqlite.connections import Connections
from imailpy.store.sqlite.directory import SqliteDirectory
from imailpy.store.sqlite.faults import FlushFailed, is_flush, translated
from imailpy.store.sqlite.figures import figures
from imailpy.store.sqlite.mailbox import SqliteMailbox, load
from imailpy.store.sqlite.queue import SqliteQueue
from imailpy.store.sqlite.reading import SegmentBody
from imailpy.store.sqlite.schema import upgrade
from imailpy.store.sqlite.segments import Place, Segments
from imailpy.store.sqlite.sending import SqliteSending
from imailpy.store.sqlite.upkeep import Upkeep
from imailpy.store.sqlite.writer import GROUP_JOBS, Done, Job, Tx, Writer

T = TypeVar("T")

# Mailboxes with more messages are loaded in the reader thread.
_LOADED_HERE = 20_000

# Of large bodies read by clients, one in so many is hashed.
_SAMPLE = 16
_SMALL_OCTETS = 64 * 1024


@implementer(IStore)
class SqliteStore:
    """
    Everything in one directory.

    Args:
        settings: The directory is taken once, the rest as it is when needed.

    Raises:
        StoreLocked: Another process has it open.
        StoreRefused: The private text says what is wrong.
    """

    def __init__(
        self,
        world: IWorld,
        settings: Provider[StoreSettings],
        journal: IJournal | None = None,
    ) -> None:
        self.world = world
        self.settings = settings
        self._journal = journal
        self.closed = False
        self._prepare_directory(settings.current.directory)
        try:
            self._open(settings.current.directory)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, apsw.Error | OSError | FlushFailed):
                # The disk, mostly: a restart may find it well again.
                refused = StoreRefused(
                    f"{settings.current.directory}: {error!r}"
                )
                refused.exit_code = 75
                raise refused from error
            raise

    # --- opening

    def _prepare_directory(self, directory: str) -> None:
        disk = self.world.disk
        try:
            disk.make_directory(directory)
            disk.check_private(directory)
            self._lock = disk.lock(f"{directory}/lock")
        except BlockingIOError as error:
            raise StoreLocked(
                f"{directory} is in use by another process"
            ) from error
        except PermissionError as error:
            raise StoreForbidden(f"{directory}: {error}") from error
        except OSError as error:
            raise StoreRefused(f"{directory}: {error}") from error

    def _open(self, directory: str) -> None:
        world, settings = self.world, self.settings
        self.connections = Connections(world, directory)
        try:
            self._set_up(self.connections.writer)
            self.space = Space(world.disk, settings)
            self.segments = Segments(
                world, directory, settings.current.segment_octets
            )
            self._clear_segments()
            self.spool = Spool(world, settings, self.space)
            self.space.make_reserve()
            self.writer = Writer(
                world,
                self.connections.writer,
                settings,
                self.segments,
                self.space,
            )
        except BaseException:
            self.connections.writer.close()
            raise
        self.connections.open_readers(world)
        self.reader = self.connections.reader
        self.shard = self.writer.state.shard
        self._batch = world.threads.batch(
            "store-writer", self.writer.process, most=GROUP_JOBS
        )
        self._own_files = world.threads.pool(
            "store-files", threads=2, queue=512
        )
        self.directory = SqliteDirectory(self)
        self.queue = SqliteQueue(self)
        self.sending = SqliteSending(self)
        self.bans = SqliteBans(self)
        self._boxes: WeakValueDictionary[int, SqliteMailbox] = (
            WeakValueDictionary()
        )
        self._loading: dict[int, list[Effect]] = {}
        self._reads = 0
        self.upkeep = Upkeep(self)
        self.upkeep.plan()

    def _set_up(self, writer: Any) -> None:
        """Upgrade the schema; a fresh database gets its lasting facts."""
        upgrade(writer, self.world.fault_point)
        facts = dict(writer.execute("SELECT name, value FROM facts"))
        if "shard" in facts:
            return
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(
            "INSERT INTO facts (name, value) VALUES ('shard', ?),"
            " ('renderer_version', ?)",
            (self.world.random.token()[:8], str(RENDERER_VERSION)),
        )
        # UIDVALIDITY goes on from here and never back; it does not begin at
        # one, lest clients take a server set up anew for the old one.
        writer.execute(
            "INSERT INTO counters (name, value) VALUES ('uid_validity', ?)",
            (self.world.random.below(2**31 - 2**20),),
        )
        writer.execute("COMMIT")

    def _clear_segments(self) -> None:
        """
        Seal every segment; remove files that no row names.

        What a crash left behind the last octets that a row knows counts as
        dead, or compaction would never see it.
        """
        writer = self.connections.writer
        rows = writer.execute("SELECT name, sealed FROM segments").fetchall()
        known = dict(rows)
        for name in self.segments.names():
            if name not in known:
                self.segments.remove(name)
            elif not known[name]:
                writer.execute(
                    "UPDATE segments SET sealed = 1, size_octets = ?"
                    " WHERE name = ?",
                    (self.segments.size_of(name), name),
                )
        writer.execute("UPDATE segments SET sealed = 1 WHERE sealed = 0")

    # --- work for the writer

    def submit(self, job: Job) -> Deferred[Any]:
        """Hand a job to the writer; gives what it gave, once durable."""
        if self.closed:
            raise StoreUnavailable("the store is closed")
        # A body in memory needs no hold: its octets stay as they are.
        held = [
            body
            for body in job.bodies
            if isinstance(body, SpooledBody) and body.file is not None
        ]
        for body in held:
            body.hold()
        # Who waits may give up; what the writer did is taken note of all the
        # same.
        waiting: Deferred[Any] = Deferred()
        self._batch.submit(
            job, lambda result: self._answer(result, waiting, held)
        )
        return waiting

    def _answer(
        self, result: Any, waiting: Deferred[Any], held: list[SpooledBody]
    ) -> None:
        """Take note of what the writer did, and pass it on."""
        try:
            if isinstance(result, Done):
                result = self._settled(result)
        except BaseException as error:  # given on, whatever it is
            result = error
        for body in held:
            body.let_go()
        if waiting.called:
            return
        if isinstance(result, BaseException):
            waiting.errback(Failure(result))
        else:
            waiting.callback(result)

    async def work(
        self, run: Callable[[Tx, Job], Any], *, grows: bool = True
    ) -> Any:
        """Have `run` done in the next group; gives what it gave."""
        return await self.submit(Job(run, grows=grows))

    async def work_with_bodies(
        self,
        run: Callable[[Tx, list[Place], list[Rendition]], T],
        bodies: Sequence[IBody],
        *,
        grows: bool = True,
    ) -> T:
        """As `work`, for what stores bodies: they are put in place first."""
        renditions = [
            body.rendition or await self.rendition(body) for body in bodies
        ]
        most = self.settings.current.own_segment_octets
        places = [
            await self._place(body) if body.size_octets > most else None
            for body in bodies
        ]

        def within(tx: Tx, job: Job) -> T:
            return run(tx, [p or Place() for p in job.places], renditions)

        try:
            done: T = await self.submit(
                Job(within, tuple(bodies), places, grows=grows)
            )
        except OutcomeUnknown:
            raise
        except MailError:
            self._remove_files([p.segment for p in places if p and p.own])
            raise
        return done

    async def rendition(self, body: IBody) -> Rendition:
        """Give a body's rendition: its own, or one made now."""
        if body.rendition is not None:
            return body.rendition
        if body.size_octets <= _SMALL_OCTETS:
            return scanned(body)
        return await self.pooled(scanned, body)

    async def _place(self, body: IBody) -> Place:
        """Give a large body its own file; the writer places the others."""
        self.space.check()
        path = None
        if isinstance(body, SpooledBody) and body.file is not None:
            path = body.path
        try:
            return await self.pooled(self.segments.own, body, path)
        except Exception as error:
            if is_flush(error):
                self.world.die(75, f"store: {error}")
            raise translated(error) from error

    async def pooled(self, function: Callable[..., T], *arguments: Any) -> T:
        """Have `function` run in the thread for files."""
        waiting: Awaitable[T] = self._own_files.run(function, *arguments)
        return await waiting

    def _settled(self, done: Done) -> Any:
        """Tell those who have mailboxes open, in order of the commits."""
        for effect in done.effects:
            pending = self._loading.get(effect.mailbox)
            if pending is not None:
                pending.append(effect)
            box = self._boxes.get(effect.mailbox)
            if box is not None:
                box.committed(effect)
        if done.queued:
            self.queue.tell()
        if done.remove:
            self._remove_files(done.remove)
        self.upkeep.after_commit()
        return done.value

    def _remove_files(self, names: Sequence[str]) -> None:
        self.world.fault_point("store.before_segment_remove")
        for name in names:
            self.segments.forget(name)
            self.segments.remove(name)

    # --- the doors

    def account(self, account_id: str) -> SqliteAccountMail:
        return SqliteAccountMail(self, account_id)

    async def accept(self, acceptance: Acceptance) -> Sequence[Delivered]:
        return await self.work_with_bodies(
            lambda tx, places, renditions: accept(
                tx, acceptance, places[0], renditions[0]
            ),
            (acceptance.body,),
        )

    async def audit(self) -> Sequence[str]:
        return await self.connections.read_long(
            lambda connection: audit(connection, self.segments)
        )

    async def figures(self) -> dict[str, int | float | str]:
        counted = await self.connections.read_long(figures)
        return {
            **counted,
            "free_octets": self.space.free_octets(),
            "guard_octets": self.space.guard_octets,
            "spool_octets": self.spool.in_flight_octets,
            "wal_octets": self.connections.wal_octets(),
            "groups": self.writer.groups,
            "jobs": self.writer.jobs,
            "sqlite": apsw.sqlite_lib_version(),
        }

    async def sweep(self) -> int:
        """Make room now; gives how much there was to do."""
        return await self.upkeep.sweep()

    async def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.upkeep.stop()
        await self._batch.stop()
        await self._own_files.stop()
        self.segments.close()
        if self.writer.dead:
            # What is in the log was not proven synced: it must not be
            # written anywhere before the next start has looked at it.
            self.connections.writer.config(
                apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1
            )
        await self.connections.close()
        self._lock.release()

    # --- reading

    def read(self, sql: str, bindings: tuple[Any, ...] = ()) -> Any:
        """Read a few rows; raises `StoreUnavailable`."""
        try:
            return self.reader.execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise StoreUnavailable(f"reading: {error!r}") from error

    def read_extent(
        self, extent: int, sha256: bytes, *, verify: bool = False
    ) -> IBody:
        """
        Give the octets of an extent.

        Args:
            verify: Check the hash of all; else that of small ones, and of a
                sample of the others.

        Raises:
            StoreUnavailable: They are damaged or gone.
        """
        for _ in range(3):
            rows = self.read(
                "SELECT segment, offset, stored_octets, octets FROM extents"
                " WHERE id = ?",
                (extent,),
            )
            if not rows:
                break
            segment, offset, size, octets = rows[0]
            if segment is None:
                return self.inline(octets, sha256)
            try:
                reader = self.segments.reader(segment)
            except FileNotFoundError:
                # Compacted since the row was read: look it up again.
                continue
            except OSError as error:
                raise StoreUnavailable(f"segment: {error}") from error
            self._reads += 1
            sample = verify or self._reads % _SAMPLE == 0
            return SegmentBody(
                reader, offset, size, sha256, sample, self._damaged
            )
        self._damaged(sha256.hex())
        raise StoreUnavailable(f"body {sha256.hex()} is missing")

    def inline(self, octets: bytes, sha256: bytes) -> IBody:
        """Give a body that lies in the database; raises as above."""
        if hashlib.sha256(octets).digest() != sha256:
            self._damaged(sha256.hex())
            raise StoreUnavailable(f"body {sha256.hex()} is damaged")
        return MemoryBody(octets, sha256=sha256)

    def _damaged(self, sha256: str) -> None:
        self.tell("store.damaged", sha256=sha256)

    def opened(self, key: int) -> SqliteMailbox | None:
        """Give the shared mailbox of a number, if anybody has it open."""
        return self._boxes.get(key)

    async def open_mailbox(self, key: int, exists: int) -> SqliteMailbox:
        """Give the shared mailbox of a number, loading it if needed."""
        box = self._boxes.get(key)
        if box is not None:
            return box
        if exists <= _LOADED_HERE:
            return self._opened(key, load(self.reader, key), [])
        # Commits meanwhile may or may not be in what is read: they wait.
        pending = self._loading.setdefault(key, [])
        try:
            loaded = await self.connections.read_long(
                lambda connection: load(connection, key)
            )
        finally:
            self._loading.pop(key, None)
        return self._boxes.get(key) or self._opened(key, loaded, pending)

    def _opened(
        self, key: int, loaded: Any, pending: list[Effect]
    ) -> SqliteMailbox:
        box = SqliteMailbox(self, key, loaded)
        for effect in pending:
            box.committed(effect)
        self._boxes[key] = box
        return box

    def forget_account(self, account_id: str) -> None:
        """An account was removed: nothing of it is kept here."""

    def tell(self, event: str, **facts: Any) -> None:
        """Record what happened, if there is a journal."""
        if self._journal is not None:
            self._journal.record(event, **facts)
