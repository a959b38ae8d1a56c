"""Which hosts are asked, and hosts that misbehave."""

from __future__ import annotations

from imailpy.delivery.settings import Timeouts
from imailpy.errors import LookupFailed
from imailpy.mail import MailParameters, Path, Reply
from tests.delivery.hosts import MailHost, zone
from tests.delivery.house import ALICE
from tests.delivery.out import HOST, HOUR, NO_USER, OutCase
from tests.support.still_world import result_of


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
