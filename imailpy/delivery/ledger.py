"""
Writes results down, together with the reports that they call for.

What one transaction takes is whatever came in while the one before was being
written. A row whose result is not written yet stays claimed, so that a store
that fails for a while causes no second delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from imailpy.delivery.outcome import Outcome
from imailpy.delivery.report import Due, Reports
from imailpy.errors import MailError, ObjectNotFound
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.queue import Attempt, IQueue, QueueState
from imailpy.interfaces.world import IWorld

_MOST = 256
_EVENTS = {
    QueueState.DEFERRED: "delivery.deferred",
    QueueState.FAILED: "delivery.failed",
}


class Ledger:
    """
    Takes outcomes and records them.

    Args:
        again_s: Gives the pause after a failed try to write.
        recorded: Called with the ids of rows whose result is written.
    """

    def __init__(
        self,
        world: IWorld,
        queue: IQueue,
        reports: Reports,
        journal: IJournal,
        again_s: Callable[[], float],
        recorded: Callable[[Sequence[str]], None],
    ) -> None:
        self._world = world
        self._queue = queue
        self._reports = reports
        self._journal = journal
        self._again_s = again_s
        self._recorded = recorded
        self._waiting: list[Outcome] = []
        self._writing: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None
        self._stopping = False

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Have these written down."""
        self._waiting.extend(outcomes)
        if self._writing is None and self._waiting:
            self._writing = Deferred()
            Deferred.fromCoroutine(self._write_all())

    async def stop(self) -> None:
        """Return when all is written, or when the store takes nothing."""
        self._stopping = True
        if self._pause is not None:
            pause, self._pause = self._pause, None
            pause.callback(None)
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        most = _MOST
        while self._waiting:
            batch = self._waiting[:most]
            try:
                await self._write(batch)
            except MailError as error:
                self._journal.record(
                    "delivery.unrecorded", rows=len(batch), why=error.private
                )
                if self._stopping:
                    break
                await self._wait(self._again_s())
                continue
            except Exception:
                # A fault of our own with one of them must not keep the
                # others from being written: one by one, then.
                self._journal.record(
                    "delivery.bug", why=Failure().getTraceback()
                )
                if len(batch) > 1:
                    most = 1
                else:
                    # It stays claimed: not sent again before the next start.
                    del self._waiting[0]
                continue
            del self._waiting[: len(batch)]
            self._recorded([outcome.row.id for outcome in batch])
        self._ended()

    async def _write(self, batch: Sequence[Outcome]) -> None:
        due = await self._reports.due(batch)
        reports = [each.acceptance for each in due]
        attempts = [outcome.attempt for outcome in batch]
        try:
            try:
                await self._queue.record(attempts, reports)
            except ObjectNotFound:
                # An operator's account or domain removal took a row along.
                attempts = [
                    attempt for attempt in attempts if await self._is(attempt)
                ]
                await self._queue.record(attempts, reports)
        finally:
            for report in reports:
                report.body.release()
        self._tell(batch, due)

    async def _is(self, attempt: Attempt) -> bool:
        try:
            await self._queue.row(attempt.id)
        except ObjectNotFound:
            return False
        return True

    def _tell(self, batch: Sequence[Outcome], reports: Sequence[Due]) -> None:
        for outcome in batch:
            attempt, row = outcome.attempt, outcome.row
            done = "delivery.sent" if row.route else "delivery.stored"
            self._journal.record(
                _EVENTS.get(attempt.state, done),
                message_id=row.delivery_id,
                row=row.id,
                recipient=str(row.forward_path),
                host=attempt.host,
                reply=str(attempt.reply),
                tries=row.tries + 1,
                next_try=int(attempt.next_try) or None,
            )
        for report in reports:
            self._reports.tell(report)

    async def _wait(self, seconds: float) -> None:
        pause = self._pause = Deferred[None]()
        call = self._world.clock.call_later(seconds, self._go_on)
        await pause
        call.cancel()

    def _go_on(self) -> None:
        if self._pause is not None:
            pause, self._pause = self._pause, None
            pause.callback(None)

    def _ended(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.callback(None)
