"""
Who is told what became of a message [RFC3461 5.2.6, 6].

A report goes the way of all mail: to a mailbox of ours or out, from the null
reverse-path, so that nothing ever reports about a report. It is accepted in
the transaction that writes down what it reports, so there is exactly one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from attrs import frozen
from twisted.python.failure import Failure

from imailpy.delivery.outcome import NEVER, Notice, Outcome
from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.errors import MailError, ObjectNotFound
from imailpy.interfaces.body import IBody
from imailpy.interfaces.journal import IJournal
from imailpy.interfaces.queue import QueuedRecipient, QueueRow
from imailpy.interfaces.settings import Provider
from imailpy.interfaces.store import Acceptance, IStore
from imailpy.interfaces.world import IWorld
from imailpy.mail import NULL_PATH, MailParameters, Path
from imailpy.message.dsn import (
    Action,
    Report,
    ReportedRecipient,
    returns_all,
    write_report,
)
from imailpy.message.header import SectionReader

_ACTIONS = {
    Notice.FAILED: Action.FAILED,
    Notice.DELAYED: Action.DELAYED,
    Notice.DELIVERED: Action.DELIVERED,
    Notice.RELAYED: Action.RELAYED,
}


@frozen
class Due:
    """
    A report to be accepted.

    Attributes:
        about: Delivery id of the message that it is about.
        to: Who gets it.
        actions: What it tells, once each.
    """

    acceptance: Acceptance
    about: str
    to: Path
    actions: tuple[str, ...]


class Reports:
    """Writes the reports that outcomes call for."""

    def __init__(
        self,
        world: IWorld,
        settings: Provider[DeliverySettings],
        store: IStore,
        router: Router,
        journal: IJournal,
    ) -> None:
        self._world = world
        self._settings = settings
        self._store = store
        self._router = router
        self._journal = journal

    async def due(self, outcomes: Sequence[Outcome]) -> Sequence[Due]:
        """
        Write one report for each message that has something to report.

        Raises:
            MailError: None was written; the same may work later.
        """
        messages: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            if outcome.notice is not None:
                key = outcome.row.delivery_id
                messages.setdefault(key, []).append(outcome)
        due: list[Due] = []
        try:
            for told in messages.values():
                report = await self._guarded(told)
                if report is not None:
                    due.append(report)
        except BaseException:
            for each in due:
                each.acceptance.body.release()
            raise
        return due

    async def _guarded(self, told: Sequence[Outcome]) -> Due | None:
        """
        A report; a plainer one where the message itself is the trouble.

        What a stranger sent must not keep its sender from being told, nor
        anybody's result from being written down.
        """
        try:
            return await self._report(told)
        except MailError:
            raise
        except Exception:
            self._journal.record(
                "dsn.bug",
                message_id=told[0].row.delivery_id,
                why=Failure().getTraceback(),
            )
        return await self._report(told, plain=True)

    async def _report(
        self, told: Sequence[Outcome], *, plain: bool = False
    ) -> Due | None:
        row = told[0].row
        to = row.reverse_path
        route = await self._router.resolve(to)
        if not route.exists:
            self._journal.record(
                "dsn.undeliverable", message_id=row.delivery_id, to=str(to)
            )
            return None
        report = await self._described(told)
        body = await self._written(report, row, plain)
        # Into a mailbox of ours it goes by the queue as well: one that is
        # full just now is tried again.
        queued = QueuedRecipient(
            to, "" if route.local else to.domain, frozenset({NEVER})
        )
        acceptance = Acceptance(
            self._world.random.token(),
            report.now,
            NULL_PATH,
            body,
            MailParameters(
                body="8BITMIME" if report.utf8 or report.has_8bit else "7BIT",
                smtputf8=report.utf8,
            ),
            queued=(queued,),
        )
        actions = {each.action.value: None for each in report.recipients}
        return Due(acceptance, row.delivery_id, to, tuple(actions))

    async def _described(self, told: Sequence[Outcome]) -> Report:
        row, now = told[0].row, self._world.clock.now()
        settings = self._settings.current
        recipients = tuple(self._recipient(one, now) for one in told)
        full = row.size_octets <= settings.full_return_octets and returns_all(
            row.parameters.ret, [one.action for one in recipients]
        )
        utf8 = (
            row.parameters.smtputf8
            or row.reverse_path.needs_smtputf8
            or any(one.forward_path.needs_smtputf8 for one in recipients)
        )
        token = self._world.random.token
        return Report(
            self._world.host_name,
            await self._router.postmaster(self._world.host_name),
            row.reverse_path,
            recipients,
            now,
            row.received_at,
            f"{token()}@{self._world.host_name}",
            token(),
            row.parameters.envid,
            full,
            utf8,
            row.parameters.body != "7BIT",
        )

    def _recipient(self, one: Outcome, now: float) -> ReportedRecipient:
        row, attempt = one.row, one.attempt
        notice = one.notice or Notice.FAILED
        until = None
        if notice is Notice.DELAYED:
            until = self._settings.current.schedule.expires_at(
                row.received_at, bounce=False
            )
        return ReportedRecipient(
            row.forward_path,
            _ACTIONS[notice],
            one.status,
            attempt.reply,
            attempt.host.partition("[")[0],
            row.orcpt,
            now,
            until,
        )

    async def _written(
        self, report: Report, row: QueueRow, plain: bool
    ) -> IBody:
        """Write a report into the spool; `plain`: without the message."""
        original = None
        if not plain:
            with suppress(ObjectNotFound):
                original = await self._store.queue.body(row.delivery_id)
        incoming = self._store.spool.incoming()
        try:
            for piece in _pieces(report, original):
                incoming.write(piece)
            return incoming.finish()
        except BaseException:
            incoming.discard()
            raise
        finally:
            if original is not None:
                original.release()

    def tell(self, due: Due) -> None:
        """Tell the journal that a report is on its way."""
        self._journal.record(
            "dsn.made",
            message_id=due.acceptance.delivery_id,
            about=due.about,
            to=str(due.to),
            actions=",".join(due.actions),
        )


def _pieces(report: Report, original: IBody | None) -> Iterator[bytes]:
    if original is None:
        return write_report(report, header=b"")
    header, size_octets = header_section(original)
    rest = original.chunks(size_octets) if report.full else ()
    return write_report(report, header=header, body=rest)


def header_section(body: IBody) -> tuple[bytes, int]:
    """
    Read the header section of a message.

    Returns:
        Its octets, 256 KB at most, and where it ends.
    """
    reader, held = SectionReader(), b""
    for chunk in body.chunks():
        held += chunk
        held = held[reader.take(held, 0, False) :]
        if reader.done or reader.overlong:
            return reader.octets, reader.size_octets
    reader.take(held, 0, True)
    return reader.octets, reader.size_octets
