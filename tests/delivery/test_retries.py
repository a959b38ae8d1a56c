"""Mail that gets through later or never, and who is told.

Days of retries pass in a moment.
"""

from __future__ import annotations

from typing import Any

from imailpy.delivery import report
from imailpy.delivery.schedule import Schedule
from imailpy.delivery.settings import NextHop, Security
from imailpy.errors import StoreUnavailable
from imailpy.interfaces.queue import QueueState
from imailpy.mail import MailParameters, Reply
from tests.delivery.hosts import MailHost
from tests.delivery.house import ALICE, BOB, to
from tests.delivery.out import BUSY, DAY, HOST, HOUR, NO_USER, OutCase
from tests.support.still_world import result_of


class RetryTests(OutCase):
    """Mail that gets through later, or never."""

    def test_later(self) -> None:
        """A recipient that is put off is tried again, the other is not."""
        self.host.rcpt["x@out.test"] = BUSY
        self.out("x@out.test", "y@out.test")
        self.assertEqual(
            self.states(), ["x@out.test deferred", "y@out.test done"]
        )
        self.host.rcpt.clear()
        self.world.run(HOUR)
        self.assertEqual(self.host.recipients(), ["y@out.test", "x@out.test"])
        self.assertEqual(self.mails(ALICE), [])

    def test_five_days(self) -> None:
        """Put off for five days: one notice of delay, then one report of
        failure; then silence."""
        self.host.rcpt["x@out.test"] = BUSY
        self.out("x@out.test")
        self.world.run(4.1 * HOUR)
        self.assertEqual(len(self.mails(ALICE)), 1)
        (_, recipient) = self.fields(self.told())
        self.assertEqual(recipient["Action"], "delayed")
        self.assertEqual(recipient["Status"], "4.3.2")
        self.assertIn("Will-Retry-Until", recipient)
        self.world.run(4.6 * DAY)
        self.assertEqual(len(self.mails(ALICE)), 1)
        self.world.run(DAY)
        self.assertEqual(len(self.mails(ALICE)), 2)
        last = self.mails(ALICE)[1]
        self.assertIn(b"Action: failed", last)
        self.assertIn(b"Status: 5.4.7", last)
        self.assertIn(b"451 4.3.2 come back later", last)
        (row,) = (row for row in self.rows() if row.route)
        self.assertEqual(row.state, QueueState.FAILED)
        self.assertTrue(30 < row.tries < 50, row.tries)
        self.world.run(30 * DAY)
        self.assertEqual(len(self.mails(ALICE)), 2)
        self.assertEqual(self.world.clock.twisted.getDelayedCalls(), [])

    def test_B13_6_failure_is_reported_once(self) -> None:
        """A refusal gives one report with what the other side said."""
        self.host.rcpt["x@out.test"] = NO_USER
        self.host.rcpt["y@out.test"] = NO_USER
        self.out("x@out.test", "y@out.test", "z@out.test")
        told = self.told()
        self.assertEqual(told["From"].addresses[0].username, "postmaster")
        self.assertEqual(told["Return-Path"], "<>")
        self.assertEqual(told["Auto-Submitted"], "auto-replied")
        group, first, second = self.fields(told)
        self.assertEqual(group["Reporting-MTA"], "dns; mx.example.test")
        self.assertEqual(first["Final-Recipient"], "rfc822; x@out.test")
        self.assertEqual(second["Final-Recipient"], "rfc822; y@out.test")
        for recipient in (first, second):
            self.assertEqual(recipient["Action"], "failed")
            self.assertEqual(recipient["Status"], "5.1.1")
            self.assertEqual(recipient["Remote-MTA"], "dns; mx.out.test")
            self.assertEqual(
                recipient["Diagnostic-Code"], "smtp; 550 5.1.1 no such user"
            )
        self.assertIn("text/rfc822-headers", str(told))
        self.assertIn("dsn.made", self.journal.names())
        self.world.run(6 * DAY)
        self.assertEqual(len(self.mails(ALICE)), 1)

    def test_full_return(self) -> None:
        """RET=FULL returns all of the message, RET=HDRS its header."""
        self.host.rcpt["x@out.test"] = NO_USER
        self.out("x@out.test", parameters=MailParameters(ret="FULL"))
        self.assertIn(b"Good day.", self.mails(ALICE)[0])
        self.out("x@out.test", parameters=MailParameters(ret="HDRS"))
        self.assertNotIn(b"Good day.", self.mails(ALICE)[1])

    def test_B13_6_null_sender_is_never_told(self) -> None:
        """What comes from nobody fails in silence, after two days."""
        self.host.rcpt["x@out.test"] = BUSY
        self.out("x@out.test", sender="")
        self.world.run(2 * DAY + HOUR)
        (row,) = self.rows()
        self.assertEqual(row.state, QueueState.FAILED)
        self.assertNotIn("dsn.made", self.journal.names())

    def test_report_to_the_outside(self) -> None:
        """A sender outside gets its report from the null reverse-path; one
        that cannot be delivered ends there."""
        self.host.rcpt["x@out.test"] = NO_USER
        self.out("x@out.test", sender="s@out.test")
        (taken,) = self.host.taken
        self.assertTrue(taken.envelope.reverse_path.is_null)
        self.assertEqual(self.host.recipients(), ["s@out.test"])
        self.host.rcpt["s@out.test"] = NO_USER
        self.out("x@out.test", sender="s@out.test")
        self.world.run(6 * DAY)
        self.assertEqual(self.journal.names().count("dsn.made"), 2)

    def test_report_to_nobody(self) -> None:
        """A sender of ours that is gone gets no report."""
        self.host.rcpt["x@out.test"] = NO_USER
        self.out("x@out.test", sender="gone@example.test")
        self.assertIn("dsn.undeliverable", self.journal.names())
        self.assertEqual(self.states(), ["x@out.test failed"])

    def test_notify(self) -> None:
        """NOTIFY decides who is told of what."""
        self.host.rcpt["never@out.test"] = NO_USER
        self.host.rcpt["success@out.test"] = NO_USER
        self.host.rcpt["failure@out.test"] = NO_USER
        self.host.rcpt["slow@out.test"] = BUSY
        self.out(
            to("never@out.test", "NEVER"),
            to("success@out.test", "SUCCESS"),
            to("failure@out.test", "FAILURE", orcpt="rfc822;old@out.test"),
            to("slow@out.test", "FAILURE"),
        )
        _, recipient = self.fields(self.told())
        self.assertEqual(
            recipient["Final-Recipient"], "rfc822; failure@out.test"
        )
        self.assertEqual(
            recipient["Original-Recipient"], "rfc822; old@out.test"
        )
        self.world.run(6 * HOUR)
        self.assertEqual(len(self.mails(ALICE)), 1)

    def test_record_that_fails(self) -> None:
        """A store that cannot write a result down for a while makes no
        message go out twice."""
        record = self.store.queue.record

        async def fails(*arguments: Any) -> None:
            if self.world.clock.monotonic() < 600:
                raise StoreUnavailable("scripted")
            await record(*arguments)

        self.patch(self.store.queue, "record", fails)
        self.out("x@out.test")
        self.world.run(HOUR)
        self.assertEqual(len(self.host.taken), 1)
        self.assertEqual(self.states(), ["x@out.test done"])
        self.assertIn("delivery.unrecorded", self.journal.names())

    def test_fault_of_our_own(self) -> None:
        """A message that no report can be written about keeps no other
        result from being written, and is reported plainly."""
        write = report.write_report

        def stumbles(about: Any, *, header: bytes, body: Any = ()) -> Any:
            if b"Hello" in header:
                raise ValueError("scripted")
            return write(about, header=header, body=body)

        self.patch(report, "write_report", stumbles)
        self.host.rcpt["x@out.test"] = NO_USER
        self.out("x@out.test", "y@out.test")
        self.assertEqual(
            self.states()[1:], ["x@out.test failed", "y@out.test done"]
        )
        self.assertIn(b"550 5.1.1 no such user", self.mails(ALICE)[0])
        self.assertIn("dsn.bug", self.journal.names())

    def test_result_that_cannot_be_written(self) -> None:
        """A result that stumbles over a fault of ours does not hold up the
        results behind it."""
        record = self.store.queue.record

        async def stumbles(attempts: Any, reports: Any = ()) -> None:
            if any(attempt.id.endswith("1") for attempt in attempts):
                raise ValueError("scripted")
            await record(attempts, reports)

        self.patch(self.store.queue, "record", stumbles)
        self.out("x@out.test", "y@out.test", "z@out.test")
        self.assertEqual(
            self.states(),
            ["x@out.test ready", "y@out.test done", "z@out.test done"],
        )
        self.world.run(DAY)
        self.assertEqual(len(self.host.taken), 1)

    def test_queue_that_cannot_be_read(self) -> None:
        """A store that cannot be read for a while is asked again."""
        due = self.store.queue.due

        async def fails(*arguments: Any) -> Any:
            if self.world.clock.monotonic() < 60:
                raise StoreUnavailable("scripted")
            return await due(*arguments)

        self.patch(self.store.queue, "due", fails)
        self.out("x@out.test")
        self.world.run(120)
        self.assertEqual(len(self.host.taken), 1)

    def test_operator_retries(self) -> None:
        """A row that an operator makes due goes out at once."""
        self.host.rcpt["x@out.test"] = BUSY
        self.out("x@out.test")
        self.host.rcpt.clear()
        (row,) = self.rows()
        result_of(self.store.queue.retry([row.id], self.world.clock.now()))
        self.world.run(1)
        self.assertEqual(self.states(), ["x@out.test done"])

    def test_unreachable_host_is_tried_once_for_all(self) -> None:
        """A hundred messages for a dead host cost few connections."""
        self.world.network.silent.add(HOST)
        for n in range(100):
            self.send(f"x{n}@out.test", sender=ALICE)
        self.start()
        self.world.run(120)
        self.assertLess(len(self.world.network.connections), 15)
        self.assertEqual({row.tries for row in self.rows()}, {1})


class SuccessTests(OutCase):
    """Those who want to know that it arrived [RFC3461]."""

    def test_local(self) -> None:
        """A delivery into a mailbox of ours is reported on request."""
        self.send(to(BOB, "SUCCESS"), sender=ALICE)
        self.start()
        self.world.run(1)
        self.assertEqual(len(self.mails(BOB)), 1)
        _, recipient = self.fields(self.told())
        self.assertEqual(recipient["Action"], "delivered")
        self.assertEqual(recipient["Status"], "2.0.0")

    def test_relayed(self) -> None:
        """A host that has DSN is told the wish; for one that has not we
        report that we relayed it."""
        parameters = MailParameters(ret="HDRS", envid="e 1")
        recipient = to("x@out.test", "SUCCESS", orcpt="rfc822;y@z.test")
        self.out(recipient, parameters=parameters)
        (taken,) = self.host.taken
        self.assertEqual(taken.envelope.recipients, (recipient,))
        self.assertEqual(taken.envelope.parameters.envid, "e 1")
        self.assertEqual(self.mails(ALICE), [])
        self.host.without = frozenset({b"DSN"})
        self.out(recipient, parameters=parameters)
        group, reported = self.fields(self.told())
        self.assertEqual(reported["Action"], "relayed")
        self.assertEqual(group["Original-Envelope-Id"], "e 1")

    def test_by_lmtp(self) -> None:
        """Who delivers by LMTP does not report: we do."""
        host = MailHost(self.world, "127.0.0.1", 2424, lmtp=True)
        hop = NextHop("127.0.0.1", 2424, Security.NONE, lmtp=True)
        self.change(routes={"store.test": hop})
        host.end_each["b@store.test"] = Reply(552, "full", "5.2.2")
        self.out(to("a@store.test", "SUCCESS"), "b@store.test")
        _, first, second = self.fields(self.told())
        self.assertEqual(
            {first["Action"], second["Action"]}, {"delivered", "failed"}
        )


class PaceTests(OutCase):
    """The schedule's settings are those in force."""

    def test_other_schedule(self) -> None:
        """A reload changes when and how long mail is tried."""
        self.host.mail = BUSY
        self.change(
            schedule=Schedule(waits_s=(60.0,), life_s=600.0, jitter=0.0)
        )
        self.out("x@out.test")
        self.world.run(300)
        self.change(schedule=Schedule(waits_s=(60.0,), life_s=100.0))
        self.world.run(100)
        self.assertEqual(self.states()[-1], "x@out.test failed")
