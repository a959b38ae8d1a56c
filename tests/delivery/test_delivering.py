"""
The whole way out: memory store, routing, queue, somebody's server, DSN.

Days of retries pass in a moment.
"""

from __future__ import annotations

import email
import email.policy
from typing import Any

from imailpy.delivery import report
from imailpy.delivery.schedule import Schedule
from imailpy.delivery.settings import NextHop, Security, Timeouts
from imailpy.errors import LookupFailed, StoreUnavailable
from imailpy.interfaces.queue import QueueState
from imailpy.mail import MailParameters, Path, Reply, Secret
from tests.delivery.hosts import MailHost, zone
from tests.delivery.house import ALICE, BOB, HouseCase, to
from tests.support.still_world import result_of
from tests.support.store import SIMPLE

HOUR, DAY = 3600.0, 86_400.0
HOST = "198.51.100.1"
NO_USER = Reply(550, "no such user", "5.1.1")
BUSY = Reply(451, "come back later", "4.3.2")


class OutCase(HouseCase):
    """A house with one neighbour, `out.test`."""

    def setUp(self) -> None:
        super().setUp()
        self.host = MailHost(self.world, HOST)
        self.resolver.zone = zone(out__test=[HOST])

    def out(self, *recipients: Any, sender: str = ALICE, **more: Any) -> None:
        """Accept mail of Alice's for the outside, and let it go."""
        replies = self.send(*recipients, sender=sender, **more)
        self.assertEqual({reply.code for reply in replies}, {250})
        self.delivery.start()
        self.world.run(10)

    def told(self, address: str = ALICE) -> Any:
        """The one report in somebody's inbox, as `email` reads it."""
        (mail,) = self.mails(address)
        return email.message_from_bytes(mail, policy=email.policy.SMTP)

    def fields(self, report: Any) -> list[dict[str, str]]:
        """The groups of fields of a report: the message's first."""
        (status,) = (
            part
            for part in report.walk()
            if part.get_content_type() == "message/delivery-status"
        )
        return [dict(group.items()) for group in status.get_payload()]


class SendingTests(OutCase):
    """Mail that gets through."""

    def test_delivered(self) -> None:
        """A message reaches the next host as it was accepted, once."""
        self.out("x@out.test")
        (taken,) = self.host.taken
        self.assertTrue(taken.octets.endswith(SIMPLE))
        self.assertTrue(taken.octets.startswith(b"Received: "))
        self.assertEqual(str(taken.envelope.reverse_path), ALICE)
        self.assertEqual(self.states(), ["x@out.test done"])
        self.assertEqual(self.mails(ALICE), [])
        self.assertIn("delivery.sent", self.journal.names())
        (row,) = self.rows()
        self.assertEqual(row.last_host, f"mx.out.test[{HOST}]")

    def test_recipients_go_together(self) -> None:
        """Recipients in one domain share one transaction."""
        self.out(*(f"u{n}@out.test" for n in range(5)))
        self.assertEqual(len(self.host.taken), 1)
        self.assertEqual(len(self.host.recipients()), 5)

    def test_many_recipients_are_parted(self) -> None:
        """Over the limit, recipients go in several transactions."""
        self.change(recipients_per_message=2)
        self.out(*(f"u{n}@out.test" for n in range(5)))
        self.assertEqual(len(self.host.taken), 3)
        self.assertEqual(len(set(self.host.recipients())), 5)

    def test_connection_is_used_again(self) -> None:
        """Messages for one destination share a connection."""
        self.change(connections_per_destination=1)
        for _ in range(5):
            self.send("x@out.test", sender=ALICE)
        self.start()
        self.world.run(1)
        self.assertEqual(len(self.host.taken), 5)
        self.assertEqual(self.host.connections, 1)
        # One that comes a second later finds it open still.
        self.send("x@out.test", sender=ALICE)
        self.world.run(1)
        self.assertEqual((len(self.host.taken), self.host.connections), (6, 1))
        self.world.run(10)
        self.assertEqual(self.host.open, 0)

    def test_connections_are_few(self) -> None:
        """One destination gets so many connections, all together so many."""
        other = MailHost(self.world, "198.51.100.2")
        self.resolver.zone |= zone(two__test=["198.51.100.2"])
        self.change(connections_per_destination=3, connections=4)
        for n in range(20):
            self.send(f"x{n}@out.test", f"x{n}@two.test", sender=ALICE)
        self.start()
        self.world.run(60)
        self.assertEqual((len(self.host.taken), len(other.taken)), (20, 20))
        self.assertLessEqual(self.host.most_open, 3)
        self.assertLessEqual(self.host.most_open + other.most_open, 4 + 1)

    def test_connection_that_was_kept_too_long(self) -> None:
        """A host that closes after a message costs no retry."""
        self.change(connections_per_destination=1)
        self.host.drop_after_messages = 1
        for _ in range(4):
            self.send("x@out.test", sender=ALICE)
        self.start()
        self.world.run(5)
        self.assertEqual(len(self.host.taken), 4)
        self.assertEqual({row.tries for row in self.rows()}, {1})

    def test_large_message_under_back_pressure(self) -> None:
        """Four megabytes pass a slow reader whole, whatever the pieces."""
        self.world.network.piece = 1400
        octets = SIMPLE + b"0123456789" * 40_000 + b"\r\n.\r\n.x\r\n"
        for without in (frozenset(), frozenset({b"CHUNKING"})):
            self.host.without = without
            self.host.taken.clear()
            self.out("x@out.test", octets=octets)
            self.world.run(30)
            (body,) = self.host.bodies
            self.assertTrue(body.endswith(octets))

    def test_picks_up_what_waits(self) -> None:
        """What was queued before a restart goes out after it."""
        self.send("x@out.test", sender=ALICE)
        self.build()
        self.start()
        self.world.run(1)
        self.assertEqual(len(self.host.taken), 1)

    def test_stop_finishes_what_is_in_flight(self) -> None:
        """Stopping waits for the message that is going out; nothing new
        begins, and nothing is sent twice after the next start."""
        self.change(connections_per_destination=1)
        self.world.network.piece = 100
        self.world.network.latency_s = 0.01
        for _ in range(3):
            self.send("x@out.test", sender=ALICE, octets=SIMPLE * 20)
        self.delivery.start()
        self.world.run(10, enough=lambda: self.host.open)
        self.stop()
        self.assertEqual(len(self.host.taken), 1)
        self.assertEqual(
            sorted(row.state.value for row in self.rows()),
            ["done", "ready", "ready"],
        )
        self.build()
        self.start()
        self.world.run(20)
        self.assertEqual(len(self.host.taken), 3)

    def test_stop_does_not_wait_for_ever(self) -> None:
        """A host that never answers cannot hold up the end."""
        self.host.silent_at = "EndOfBody"
        self.out("x@out.test")
        self.stop()
        self.assertEqual(self.states(), ["x@out.test deferred"])
        self.assertIn("delivery.unknown", self.journal.names())


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

    def test_failure_is_reported_once(self) -> None:
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


class TroubleTests(OutCase):
    """Hosts that misbehave."""

    def test_every_stage(self) -> None:
        """4xx puts off, 5xx refuses, at every stage of a session."""
        for stage in ("greeting", "mail", "data", "end"):
            for reply, state in (
                (Reply(451, "later", "4.3.0"), "deferred"),
                (Reply(554, "never", "5.3.0"), "failed"),
            ):
                self.setUp()
                setattr(self.host, stage, reply)
                self.out("x@out.test")
                self.assertEqual(
                    self.states()[-1], f"x@out.test {state}", (stage, reply)
                )

    def test_hangs_up_at_every_stage(self) -> None:
        """A connection that breaks puts off; nothing is lost."""
        for stage in ("Connected", "Hello", "Mail", "Rcpt", "DataBegins"):
            self.setUp()
            self.host.drop_at = stage
            self.out("x@out.test")
            self.assertEqual(self.states(), ["x@out.test deferred"], stage)
            self.host.drop_at = ""
            self.world.run(HOUR)
            self.assertEqual(len(self.host.taken), 1, stage)

    def test_says_nothing_at_every_stage(self) -> None:
        """A host that falls silent is left after the RFC's time."""
        for stage, patience_s in (
            ("Connected", 300),
            ("Hello", 300),
            ("Mail", 300),
            ("Rcpt", 300),
            ("EndOfBody", 600),
        ):
            self.setUp()
            self.host.silent_at = stage
            self.out("x@out.test")
            self.assertEqual(self.states(), ["x@out.test ready"], stage)
            self.world.run(patience_s + 5)
            self.assertEqual(self.states(), ["x@out.test deferred"], stage)

    def test_reply_that_drips_in(self) -> None:
        """A reply that comes octet by octet keeps nobody for ever."""
        self.change(timeouts=Timeouts(greeting_s=60))
        from twisted.internet.protocol import Factory, Protocol

        world = self.world

        class Drip(Protocol):
            def connectionMade(self) -> None:
                self.drip()

            def drip(self) -> None:
                if not self.transport.closed:  # type: ignore[union-attr]
                    self.transport.write(b"2")  # type: ignore[union-attr]
                    world.clock.call_later(20, self.drip)

        self.world.network.listen(
            "198.51.100.9", 25, Factory.forProtocol(Drip)
        )
        self.resolver.zone |= zone(drip__test=["198.51.100.9"])
        self.out("x@drip.test")
        self.world.run(100)
        self.assertEqual(self.states(), ["x@drip.test deferred"])

    def test_B5_12_smtputf8(self) -> None:
        """An internationalized message to a host that cannot take it comes
        back with 5.6.7, unmangled; to one that can it goes."""
        self.out("jörg@out.test", parameters=MailParameters(smtputf8=True))
        self.assertEqual(self.host.recipients(), ["jörg@out.test"])
        self.host.without = frozenset({b"SMTPUTF8"})
        self.out("jörg@out.test", parameters=MailParameters(smtputf8=True))
        (mail,) = self.mails(ALICE)
        self.assertIn(b"Status: 5.6.7", mail)
        self.assertEqual(len(self.host.taken), 1)

    def test_unsafe_address(self) -> None:
        """An address that would be read as a command never leaves."""
        path = Path("a>\r\nRCPT TO:<v", "out.test")
        from imailpy.interfaces.queue import QueuedRecipient
        from imailpy.interfaces.store import Acceptance
        from tests.support.store import spooled

        result_of(
            self.store.accept(
                Acceptance(
                    "d1",
                    self.world.clock.now(),
                    Path.parse(ALICE),
                    spooled(self.store),
                    queued=(
                        QueuedRecipient(path, "out.test"),
                        QueuedRecipient(Path.parse("y@out.test"), "out.test"),
                    ),
                )
            )
        )
        self.delivery.start()
        self.world.run(5)
        self.assertEqual(self.host.recipients(), ["y@out.test"])
        states = [row.state.value for row in self.rows()[:2]]
        self.assertEqual(states, ["failed", "done"])


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


class RouteTests(OutCase):
    """Smart hosts, static routes, mail that is caught."""

    def test_smart_host(self) -> None:
        """Mail for everywhere goes to the smart host, signed in."""
        smart = MailHost(
            self.world,
            "192.0.2.99",
            587,
            starttls=True,
            passwords={"us": "secret"},
        )
        self.resolver.zone |= {"smart.test": {"A": ["192.0.2.99"]}}
        self.change(
            smart_host=NextHop(
                "smart.test",
                587,
                Security.REQUIRED,
                "us",
                Secret(b"secret"),
            )
        )
        self.out("x@out.test", "y@two.test")
        self.assertEqual(smart.recipients(), ["x@out.test", "y@two.test"])
        self.assertEqual(smart.signed_in, ["us"])
        self.assertEqual(smart.connections, 1)
        self.assertTrue(smart.taken[0].tls)
        self.assertEqual(self.tls.asked, [("smart.test", True)])

    def test_smart_host_trouble_never_bounces(self) -> None:
        """A smart host that is wrong in the settings, or does not let us
        in, is our own fault: mail waits."""
        smart = MailHost(
            self.world,
            "192.0.2.99",
            587,
            starttls=True,
            passwords={"us": "other"},
        )
        hop = NextHop("192.0.2.99", 587, Security.REQUIRED, "us")
        self.change(smart_host=hop)
        self.out("x@out.test")
        self.assertEqual(self.states(), ["x@out.test deferred"])
        self.assertEqual(smart.taken, [])
        self.setUp()
        self.change(smart_host=NextHop("gone.test"))
        self.out("x@out.test")
        self.assertEqual(self.states(), ["x@out.test deferred"])

    def test_implicit_tls(self) -> None:
        """A hop with TLS from the first octet gets it."""
        smart = MailHost(self.world, "192.0.2.99", 465, tls="server")
        self.change(smart_host=NextHop("192.0.2.99", 465, Security.IMPLICIT))
        self.out("x@out.test")
        self.assertTrue(smart.taken[0].tls)

    def test_static_route(self) -> None:
        """A domain's own route wins over those above it and the smart
        host."""
        hosts = {
            name: MailHost(self.world, f"192.0.2.{n}")
            for n, name in enumerate(("domain", "below", "rest"), 10)
        }
        self.change(
            routes={
                "a.two.test": NextHop("192.0.2.10"),
                ".two.test": NextHop("192.0.2.11"),
            },
            smart_host=NextHop("192.0.2.12"),
        )
        self.out("x@a.two.test", "x@b.c.two.test", "x@two.test")
        self.assertEqual(hosts["domain"].recipients(), ["x@a.two.test"])
        self.assertEqual(hosts["below"].recipients(), ["x@b.c.two.test"])
        self.assertEqual(hosts["rest"].recipients(), ["x@two.test"])

    def test_caught(self) -> None:
        """In a house apart mail for the outside lies in `Outside`."""
        self.change(catch_outside_in=Path.parse(BOB))
        self.out("x@out.test", "y@out.test")
        self.world.run(1)
        mails = self.mails(BOB, "Outside")
        self.assertEqual(len(mails), 2)
        self.assertIn(b"Delivered-To: x@out.test\r\n", mails[0])
        self.assertEqual(self.states(), ["x@out.test done", "y@out.test done"])
        (first, _) = self.rows()
        self.assertIn("Outside", str(first.last_reply))
        self.assertEqual(self.host.connections, 0)


class TlsTests(OutCase):
    """Opportunistic and required TLS."""

    def setUp(self) -> None:
        super().setUp()
        self.world.network.listeners.clear()
        self.host = MailHost(self.world, HOST, starttls=True)

    def test_opportunistic(self) -> None:
        """TLS is used where it is offered, with any certificate."""
        self.out("x@out.test")
        self.assertTrue(self.host.taken[0].tls)
        self.assertEqual(self.tls.asked[0], ("mx.out.test", False))

    def test_broken_tls(self) -> None:
        """Where TLS fails and is not a must, the mail goes without."""
        self.world.network.tls_broken = True
        self.out("x@out.test")
        self.assertFalse(self.host.taken[0].tls)
        self.assertIn("delivery.tls_failed", self.journal.names())

    def test_required(self) -> None:
        """Where TLS is a must and is not to be had, the mail waits."""
        hop = NextHop(HOST, security=Security.REQUIRED)
        self.change(routes={"out.test": hop})
        self.world.network.tls_broken = True
        self.out("x@out.test")
        self.assertEqual(self.states(), ["x@out.test deferred"])
        self.world.network.tls_broken = False
        self.world.run(HOUR)
        self.assertTrue(self.host.taken[0].tls)


class HostTests(OutCase):
    """Which hosts are asked [SECURITY B11.4]."""

    def outcome(self, domain: str) -> tuple[str, str]:
        """State and reply of the row for a domain."""
        self.out(f"x@{domain}")
        (row,) = (row for row in self.rows() if row.route == domain)
        status = row.last_reply.enhanced_status if row.last_reply else ""
        return row.state.value, status or ""

    def test_B11_4_no_domain(self) -> None:
        """A domain that does not exist, or takes no mail, is final."""
        self.resolver.zone |= {
            "null.test": {"MX": ["0 ."]},
            "bare.test": {"TXT": ["x"]},
            "gone.test": {"MX": ["10 nowhere.test"]},
        }
        self.assertEqual(self.outcome("no.test"), ("failed", "5.1.2"))
        self.assertEqual(self.outcome("null.test"), ("failed", "5.1.10"))
        self.assertEqual(self.outcome("bare.test"), ("failed", "5.4.4"))
        self.assertEqual(self.outcome("gone.test"), ("failed", "5.4.4"))

    def test_B11_3_no_answer(self) -> None:
        """DNS that does not answer never bounces anything."""
        self.resolver.zone |= {
            "broken.test": LookupFailed("scripted"),
            "half.test": {"MX": ["10 broken.test", "20 nowhere.test"]},
        }
        self.assertEqual(self.outcome("broken.test"), ("deferred", "4.4.3"))
        self.assertEqual(self.outcome("half.test"), ("deferred", "4.4.3"))

    def test_implicit_mx(self) -> None:
        """A domain without MX is its own mail host."""
        self.resolver.zone |= {"plain.test": {"A": [HOST]}}
        self.assertEqual(self.outcome("plain.test")[0], "done")

    def test_preference(self) -> None:
        """The best host is asked first, the next when it does not answer,
        and one that refuses a recipient has the last word."""
        second = MailHost(self.world, "198.51.100.2")
        self.resolver.zone |= {
            "two.test": {"MX": ["20 b.two.test", "10 a.two.test"]},
            "a.two.test": {"AAAA": ["2001:db8::9"], "A": ["198.51.100.3"]},
            "b.two.test": {"A": ["198.51.100.2"]},
        }
        self.out("x@two.test")
        self.assertEqual(
            self.world.network.connections,
            [("2001:db8::9", 25), ("198.51.100.3", 25), ("198.51.100.2", 25)],
        )
        self.assertEqual(len(second.taken), 1)
        self.resolver.zone["a.two.test"] = {"A": [HOST]}
        self.host.rcpt["y@two.test"] = NO_USER
        self.out("y@two.test")
        self.assertEqual(len(second.taken), 1)

    def test_B11_4_private_targets(self) -> None:
        """An MX that leads behind our firewall is not followed, unless the
        settings say so."""
        for address in (
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:a00:1::",
        ):
            kind = "AAAA" if ":" in address else "A"
            self.setUp()
            MailHost(self.world, address)
            self.resolver.zone |= {
                "in.test": {"MX": ["10 mx.in.test"]},
                "mx.in.test": {kind: [address]},
            }
            self.assertEqual(
                self.outcome("in.test"), ("failed", "5.4.4"), address
            )
            self.assertEqual(self.world.network.connections, [])
        self.change(private_targets=True)
        self.resolver.zone["in2.test"] = {"MX": ["10 mx.in.test"]}
        self.assertEqual(self.outcome("in2.test")[0], "done")

    def test_B11_4_address_literals(self) -> None:
        """Mail for an address goes there, but not behind the firewall."""
        self.assertEqual(self.outcome(f"[{HOST}]")[0], "done")
        self.assertEqual(self.outcome("[127.0.0.1]"), ("failed", "5.4.4"))

    def test_B11_4_loops(self) -> None:
        """A domain whose best host is ourselves loops; worse hosts than we
        are never asked."""
        self.change(own_addresses=frozenset({"198.51.100.77"}))
        self.resolver.zone |= {
            "name.test": {"MX": ["10 mx.example.test", "20 mx.out.test"]},
            "addr.test": {"MX": ["10 us.test", "20 mx.out.test"]},
            "us.test": {"A": ["198.51.100.77"]},
            "backup.test": {"MX": ["10 mx.out.test", "20 us.test"]},
        }
        self.assertEqual(self.outcome("name.test"), ("failed", "5.4.6"))
        self.assertEqual(self.outcome("addr.test"), ("failed", "5.4.6"))
        self.assertEqual(self.outcome("backup.test")[0], "done")
        self.assertEqual(self.host.recipients(), ["x@backup.test"])

    def test_B11_4_many_hosts(self) -> None:
        """Of a thousand hosts twenty are tried, of their addresses a
        hundred."""
        self.resolver.zone |= {
            "many.test": {"MX": [f"10 h{n}.test" for n in range(1000)]}
        }
        for n in range(1000):
            self.resolver.zone[f"h{n}.test"] = {
                "A": [f"198.51.{n % 100}.{k}" for k in range(100, 120)]
            }
        self.assertEqual(self.outcome("many.test")[0], "deferred")
        self.assertEqual(len(self.world.network.connections), 100)
        hosts = {name for name, kind in self.resolver.asked if kind == "A"}
        self.assertLessEqual(len(hosts), 20)


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
