"""The way out: memory store, routing, queue, somebody's server."""

from __future__ import annotations

from imailpy.delivery.settings import NextHop, Security
from imailpy.mail import Path, Secret
from tests.delivery.hosts import MailHost, zone
from tests.delivery.house import ALICE, BOB
from tests.delivery.out import HOST, HOUR, OutCase
from tests.support.store import SIMPLE


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
