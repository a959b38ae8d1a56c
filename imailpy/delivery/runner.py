"""
The scheduler: works off the queue.

It asks for rows whose time has come, sorts them by destination, and has
workers carry them: one worker a connection, several messages a worker, so
many connections to one destination, so many to all. A destination that
cannot be reached is tried by one message, not by each that waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from imailpy.delivery.backlog import Backlog
from imailpy.delivery.carriers import Carried, Carrier
from imailpy.delivery.ledger import Ledger
from imailpy.delivery.local import CatchingCarrier, LocalCarrier
from imailpy.delivery.outcome import Outcome, conclude
from imailpy.delivery.remote import Destination, Remote, destination_of
from imailpy.delivery.report import Reports
from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.delivery.undeliverable import Undeliverable
from imailpy.errors import MailError, ObjectNotFound
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.queue import QueueRow
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import IStore
from imailpy.interfaces.world import IWorld
from imailpy.mail import Path, Reply

# Rows read from the queue at once.
_PAGE = 500
# A look into the queue although nobody called and nothing seems due.
_LOOK_EVERY_S = 60.0
# Results make room for further rows: look for them after so long.
_SOON_S = 0.02
_LOCAL, _CAUGHT = "local", "caught"
_INTERNAL = Reply(451, "internal error", "4.3.0")


@frozen
class _Way:
    """Where rows go: into mailboxes of ours, or out."""

    destination: Destination | None = None
    catch_in: Path | None = None


class Runner:
    """
    Works off the queue between `start` and `stop`.

    Attributes:
        running: Workers by destination.
    """

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        store: IStore,
        router: Router,
        remote: Remote,
        reports: Reports,
        journal: IJournal,
    ) -> None:
        self._world = world
        self._settings = settings
        self._store = store
        self._queue = store.queue
        self._router = router
        self._remote = remote
        self._journal = journal
        self._backlog: Backlog[_Way] = Backlog()
        self._ledger = Ledger(
            world,
            self._queue,
            reports,
            journal,
            lambda: settings.current.record_again_s,
            self._recorded,
        )
        self.running: Counter[str] = Counter()
        # In the order of their making, as everything that is gone through.
        self._carriers: dict[Carrier, None] = {}
        self._closing: dict[Deferred[None], None] = {}
        # Workers with an open connection and nothing to do.
        self._idle: dict[str, list[Deferred[None]]] = {}
        self._started = self._stopping = False
        self._looking = self._look_again = False
        self._timer: Any = None
        self._soon: Any = None
        self._emptied: Deferred[None] | None = None

    def start(self) -> None:
        """Begin, with whatever waits already."""
        if not self._started:
            self._started = True
            self._queue.when_queued(self.wake)
        self._stopping = False
        self.wake()

    async def stop(self) -> None:
        """Finish what is in flight, take up nothing new."""
        self._stopping = True
        self._set_timer(None)
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        for key in list(self._idle):
            self._wake_idle(key)
        if self.running:
            emptied = self._emptied = Deferred()
            grace = self._world.clock.call_later(
                self._settings.current.stop_s, self._abort
            )
            await emptied
            grace.cancel()
        for closing in list(self._closing):
            await closing
        await self._ledger.stop()

    def wake(self) -> None:
        """Something was queued, or its time has come."""
        self._look_again = True
        if not self._looking and self._started and not self._stopping:
            self._looking = True
            Deferred.fromCoroutine(self._look()).addErrback(self._bug)

    # Looking into the queue

    async def _look(self) -> None:
        try:
            while self._look_again and not self._stopping:
                self._look_again = False
                await self._claim()
                self._dispatch()
            await self._plan()
        except MailError as error:
            self._journal.record("queue.unavailable", why=error.private)
            self._set_timer(self._settings.current.record_again_s)
        finally:
            self._looking = False

    async def _claim(self) -> None:
        """Take rows that are due into memory."""
        settings = self._settings.current
        room = settings.claimed_rows - len(self._backlog.claimed)
        if room < min(_PAGE, settings.claimed_rows) // 2:
            # Results will make room, and wake us.
            return
        most = len(self._backlog.claimed) + min(room, _PAGE)
        rows = await self._queue.due(self._world.clock.now(), most)
        fresh = [row for row in rows if row.id not in self._backlog.claimed]
        for row in fresh[:room]:
            key, way = self._way(settings, row)
            self._backlog.add(key, way, row)
        if fresh and len(rows) == most:
            self._look_again = True

    def _way(
        self, settings: DeliverySettings, row: QueueRow
    ) -> tuple[str, _Way]:
        if not row.route:
            return _LOCAL, _Way()
        if settings.catch_outside_in is not None:
            return _CAUGHT, _Way(catch_in=settings.catch_outside_in)
        destination = destination_of(settings, row.route)
        return f"to {destination.key}", _Way(destination)

    async def _plan(self) -> None:
        """Set the timer for what comes next."""
        if self._stopping:
            return
        due = await self._queue.next_due()
        if due is None:
            self._set_timer(None)
            return
        wait_s = due - self._world.clock.now()
        if wait_s <= 0:
            # Only claimed rows are due; their results will wake us.
            wait_s = _LOOK_EVERY_S
        self._set_timer(min(wait_s, _LOOK_EVERY_S * 60))

    def _set_timer(self, wait_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait_s is not None:
            # A little late rather than a little early.
            self._timer = self._world.clock.call_later(
                wait_s + 0.001, self.wake
            )

    # Workers

    def _dispatch(self) -> None:
        """Start workers where something waits, in turns."""
        settings = self._settings.current
        for key, way in self._backlog.turns():
            self._wake_idle(key)
            wanted = self._backlog.messages(key)
            idle = len(self._idle.get(key, ()))
            most = settings.connections_per_destination
            while (
                not self._stopping
                and wanted > idle
                and self.running[key] < most
                and self.running.total() < settings.connections
            ):
                wanted -= 1
                self.running[key] += 1
                self._backlog.had_turn(key)
                work = Deferred.fromCoroutine(self._work(key, way))
                work.addErrback(self._bug)
                work.addBoth(self._worker_ended, key)
        self._forget_zeros()

    def _forget_zeros(self) -> None:
        for key in [key for key, count in self.running.items() if not count]:
            del self.running[key]

    def _worker_ended(self, _: Any, key: str) -> None:
        self.running[key] -= 1
        self._forget_zeros()
        if self._emptied is not None and not self.running:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)
        elif not self._stopping:
            self._dispatch()

    async def _work(self, key: str, way: _Way) -> None:
        """Carry messages to one destination until none is left."""
        carrier: Carrier | None = None
        settings = self._settings.current
        try:
            while not self._stopping:
                rows = self._backlog.take(key, settings.recipients_per_message)
                if not rows:
                    if carrier is None or not await self._linger(key):
                        return
                    continue
                if carrier is not None and not carrier.usable:
                    self._close(carrier)
                    carrier = None
                if carrier is None:
                    carrier = await self._open(key, way, rows)
                    if carrier is None:
                        return
                if not await self._carry(carrier, rows):
                    # A connection kept too long: a fresh one may do.
                    self._backlog.put_back(key, way, rows)
        finally:
            if carrier is not None:
                self._close(carrier)

    async def _open(
        self, key: str, way: _Way, rows: Sequence[QueueRow]
    ) -> Carrier | None:
        """Open a carrier; without one all that waits has been tried."""
        try:
            carrier = await self._carrier(way)
        except Undeliverable as error:
            everything = [*rows]
            if not any(carrier.usable for carrier in self._carriers_of(key)):
                everything += self._backlog.take_all(key)
            self._conclude(
                [Carried(row, error.reply, error.host) for row in everything]
            )
            return None
        except Exception:
            self._journal.record("delivery.bug", why=Failure().getTraceback())
            self._conclude([Carried(row, _INTERNAL) for row in rows])
            return None
        carrier.key = key
        self._carriers[carrier] = None
        return carrier

    async def _carrier(self, way: _Way) -> Carrier:
        if way.destination is not None:
            return await self._remote.open(way.destination)
        if way.catch_in is not None:
            return CatchingCarrier(self._store, way.catch_in)
        return LocalCarrier(self._store, self._router)

    def _carriers_of(self, key: str) -> Sequence[Carrier]:
        return [each for each in self._carriers if each.key == key]

    async def _carry(self, carrier: Carrier, rows: Sequence[QueueRow]) -> bool:
        """Carry one message; False when it was not tried after all."""
        try:
            body = await self._queue.body(rows[0].delivery_id)
            try:
                carried = await carrier.carry(rows, body)
            finally:
                body.release()
        except MailError as error:
            if isinstance(error, ObjectNotFound):
                # Promised, and not there: never silently dropped.
                self._journal.record(
                    "queue.body_missing", message_id=rows[0].delivery_id
                )
            reply = Reply(451, error.public, "4.3.0")
            self._conclude([Carried(row, reply) for row in rows])
            return True
        except Exception:
            self._journal.record("delivery.bug", why=Failure().getTraceback())
            self._conclude([Carried(row, _INTERNAL) for row in rows])
            return True
        if carrier.reused and all(each.untried for each in carried):
            return False
        self._conclude(carried)
        return True

    async def _linger(self, key: str) -> bool:
        """Wait a moment for another message; False when none came."""
        idle_s = self._settings.current.timeouts.idle_s
        if self._stopping or idle_s <= 0 or key in (_LOCAL, _CAUGHT):
            return False
        waiting: Deferred[None] = Deferred()
        self._idle.setdefault(key, []).append(waiting)
        call = self._world.clock.call_later(idle_s, self._end_wait, waiting)
        await waiting
        call.cancel()
        waiters = self._idle.get(key, [])
        if waiting in waiters:
            waiters.remove(waiting)
        if not waiters:
            self._idle.pop(key, None)
        return bool(self._backlog.messages(key)) and not self._stopping

    def _end_wait(self, waiting: Deferred[None]) -> None:
        if not waiting.called:
            waiting.callback(None)

    def _wake_idle(self, key: str) -> None:
        for waiting in list(self._idle.get(key, ())):
            self._end_wait(waiting)

    def _close(self, carrier: Carrier) -> None:
        """Part from a carrier; nobody waits for the other side's goodbye."""
        self._carriers.pop(carrier, None)
        closing = carrier.close()
        self._closing[closing] = None
        closing.addBoth(lambda _: self._closing.pop(closing, None))

    def _abort(self) -> None:
        """Those who did not finish in time: what they carry stays queued."""
        for carrier in list(self._carriers):
            carrier.abort()

    # Results

    def _conclude(self, carried: Sequence[Carried]) -> None:
        schedule = self._settings.current.schedule
        now = self._world.clock.now()
        outcomes: list[Outcome] = []
        for each in carried:
            if each.unknown:
                self._journal.record(
                    "delivery.unknown",
                    message_id=each.row.delivery_id,
                    row=each.row.id,
                    host=each.host,
                )
            self._world.fault_point("delivery.carried_before_recorded")
            dice = self._world.random.uniform(-1.0, 1.0)
            outcomes.append(conclude(each, schedule, now, dice))
        self._ledger.add(outcomes)

    def _recorded(self, row_ids: Sequence[str]) -> None:
        self._backlog.let_go(row_ids)
        if self._soon is None and not self._stopping:
            # Not for each result: a look costs as much as a delivery.
            self._soon = self._world.clock.call_later(_SOON_S, self._wake_soon)

    def _wake_soon(self) -> None:
        self._soon = None
        self.wake()

    def _bug(self, failure: Failure) -> None:
        self._journal.record("delivery.bug", why=failure.getTraceback())
