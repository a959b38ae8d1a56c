"""The stub resolver against a name server that may lie."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.dns.fixed import FixedResolver
from imailpy.dns.settings import DnsSettings, Server
from imailpy.dns.stub import Resolver
from imailpy.errors import LookupFailed
from imailpy.interfaces.dns import IResolver, MailHost
from tests.dns.server import ScriptedServer
from tests.support.settings import Fixed
from tests.support.still_world import StillWorld, result_of


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = StillWorld()
        self.server = ScriptedServer(self.world)
        self.server.add(
            "example.test", 300, "MX", "20 b.example.test.", "10 a.x.test."
        )
        self.server.add("example.test", 300, "TXT", '"v=spf1 " "-all"')
        self.server.add("a.x.test", 60, "A", "192.0.2.1", "192.0.2.2")
        self.server.add("a.x.test", 60, "AAAA", "2001:db8::1")
        self.server.add("1.2.0.192.in-addr.arpa", 60, "PTR", "A.x.test.")
        self.settings = Fixed(DnsSettings(servers=(Server("192.0.2.53"),)))
        self.resolver = Resolver(self.world, self.settings)

    def see(self, awaitable: object) -> object:
        return result_of(awaitable, self.world)


class AskingTests(_Case):
    """An honest server."""

    def test_provides_the_door(self) -> None:
        """Both resolvers provide what the doors promise."""
        self.assertTrue(verifyObject(IResolver, self.resolver))
        self.assertTrue(verifyObject(IResolver, FixedResolver()))

    def test_mx(self) -> None:
        """The hosts of a domain come best first."""
        self.assertEqual(
            self.see(self.resolver.mx("example.test")),
            [MailHost(10, "a.x.test"), MailHost(20, "b.example.test")],
        )

    def test_no_mx_differs_from_no_domain(self) -> None:
        """A domain without MX is an empty list, a missing one is None."""
        self.assertEqual(self.see(self.resolver.mx("a.x.test")), [])
        self.assertIsNone(self.see(self.resolver.mx("nowhere.test")))

    def test_null_mx(self) -> None:
        """The null MX is a host without a name."""
        self.server.add("null.test", 60, "MX", "0 .")
        self.assertEqual(
            self.see(self.resolver.mx("null.test")), [MailHost(0, "")]
        )

    def test_addresses(self) -> None:
        """A host's IPv6 and IPv4 addresses come together."""
        self.assertEqual(
            sorted(self.see(self.resolver.addresses("a.x.test"))),
            ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
        )

    def test_an_address_is_not_a_host(self) -> None:
        """An MX that names an IP address leads nowhere."""
        self.assertEqual(self.see(self.resolver.addresses("192.0.2.9")), [])

    def test_txt_and_ptr(self) -> None:
        """Strings of a TXT are joined; a PTR gives a lower-case name."""
        answer = self.see(self.resolver.txt("example.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))
        answer = self.see(self.resolver.ptr("192.0.2.1"))
        self.assertEqual(answer.records, ("a.x.test",))

    def test_query_form(self) -> None:
        """Queries ask for recursion, EDNS 1232 and DNSSEC."""
        self.see(self.resolver.txt("example.test"))
        query = self.server.queries[0]
        self.assertEqual((query.edns, query.payload), (0, 1232))
        self.assertTrue(query.ednsflags & dns.flags.DO)
        self.assertTrue(query.flags & dns.flags.RD)

    def test_ids_and_ports_are_random(self) -> None:
        """No two queries leave from the same port with the same id."""
        for number in range(20):
            self.see(self.resolver.txt(f"n{number}.test"))
        ports = {port for port, _, _ in self.world.network.datagrams}
        ids = {query.id for query in self.server.queries}
        self.assertEqual((len(ports), len(ids)), (20, 20))

    def test_nonsense_names_are_never_asked(self) -> None:
        """A name that DNS cannot hold does not exist, and nobody is asked."""
        for name in ("", ".", "a..b", "x" * 64, "a b", "ü.test", "a" * 260):
            self.assertIsNone(self.see(self.resolver.mx(name)), name)
        self.assertEqual(self.server.queries, [])

    def test_cached(self) -> None:
        """An answer is asked for again only after its time is over."""
        self.see(self.resolver.addresses("a.x.test"))
        self.see(self.resolver.addresses("a.x.test"))
        self.assertEqual(len(self.server.queries), 2)
        self.world.run(61)
        self.see(self.resolver.addresses("a.x.test"))
        self.assertEqual(len(self.server.queries), 4)

    def test_negative_cached(self) -> None:
        """That a domain does not exist is remembered too."""
        self.see(self.resolver.mx("nowhere.test"))
        self.see(self.resolver.mx("nowhere.test"))
        self.assertEqual(len(self.server.queries), 1)
        self.world.run(601)
        self.see(self.resolver.mx("nowhere.test"))
        self.assertEqual(len(self.server.queries), 2)

    def test_cache_is_bounded(self) -> None:
        """However many names are asked, the memory has its bound."""
        self.settings.change(
            DnsSettings(servers=(Server("192.0.2.53"),), cache_entries=10)
        )
        resolver = Resolver(self.world, self.settings)
        for number in range(50):
            self.see(resolver.txt(f"n{number}.test"))
        self.assertEqual(len(resolver._cache), 10)

    def test_one_question_once_in_flight(self) -> None:
        """Many who ask the same at once cause one query."""
        asked = [
            Deferred.fromCoroutine(self.resolver.txt("example.test"))
            for _ in range(5)
        ]
        self.world.run(1)
        texts = {self.successResultOf(one).records for one in asked}
        self.assertEqual(texts, {("v=spf1 -all",)})
        self.assertEqual(len(self.server.queries), 1)

    def test_B11_5_ttl_is_clamped(self) -> None:
        """TTLs of 0, of two months and of nonsense are brought to reason."""
        for ttl, kept in ((0, 5), (2**31, 5), (2**31 - 1, 86_400)):
            self.server.add(f"t{ttl}.test", ttl, "TXT", '"x"')
            answer = self.see(self.resolver.txt(f"t{ttl}.test"))
            self.assertEqual(answer.ttl_s, kept, ttl)

    def test_B11_5_cname_chain(self) -> None:
        """A chain of eight aliases is followed, one of nine is not."""
        for number in range(30):
            self.server.add(
                f"c{number}.test", 60, "CNAME", f"c{number + 1}.test."
            )
        self.server.add("c30.test", 60, "TXT", '"end"')
        answer = self.see(self.resolver.txt("c22.test"))
        self.assertEqual(answer.records, ("end",))
        with self.assertRaises(LookupFailed):
            self.see(self.resolver.txt("c21.test"))
        with self.assertRaises(LookupFailed):
            self.see(self.resolver.txt("c0.test"))

    def test_cname_that_leads_on(self) -> None:
        """A server that gives only the alias is asked for its target."""
        self.server.add("alias.test", 60, "CNAME", "example.test.")

        def cut(response: dns.message.Message) -> dns.message.Message:
            del response.answer[1:]
            return response

        self.server.change = cut
        answer = self.see(self.resolver.txt("alias.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))

    def test_large_answer_comes_over_tcp(self) -> None:
        """An answer too large for a datagram is fetched whole over TCP."""
        records = [f"{n} m{n}.example.test." for n in range(1000)]
        self.server.add("many.test", 60, "MX", *records)
        self.assertEqual(len(self.see(self.resolver.mx("many.test"))), 1000)
        self.assertEqual(self.server.over_tcp, 1)

    def test_B11_6_secure_only_from_whom_we_trust(self) -> None:
        """The AD bit counts from loopback or by setting, else not."""
        self.server.ad = True
        answer = self.see(self.resolver.txt("example.test"))
        self.assertFalse(answer.secure)
        self.settings.change(
            DnsSettings(
                servers=(Server("192.0.2.53"),),
                trusted=frozenset({"192.0.2.53"}),
            )
        )
        self.resolver.forget()
        answer = self.see(self.resolver.txt("example.test"))
        self.assertTrue(answer.secure)
        local = ScriptedServer(self.world, "127.0.0.1")
        local.zone, local.ad = self.server.zone, True
        self.settings.change(DnsSettings(servers=(Server("127.0.0.1"),)))
        self.resolver.forget()
        answer = self.see(self.resolver.txt("example.test"))
        self.assertTrue(answer.secure)

    def test_resolv_conf(self) -> None:
        """Without servers in the settings those of the system are asked."""
        self.world.disk.files["/etc/resolv.conf"] = (
            b"# made by hand\nsearch evil.test\noptions ndots:5\n"
            b"nameserver nonsense\nnameserver 192.0.2.53\n"
        )
        resolver = Resolver(self.world, Fixed(DnsSettings()))
        answer = self.see(resolver.txt("example.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))


class TroubleTests(_Case):
    """Servers that fail, are slow, or lie."""

    def test_B11_3_servfail_is_not_no(self) -> None:
        """SERVFAIL and REFUSED are trouble, never "there is none"."""
        for code in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):

            def fail(
                response: dns.message.Message, code: int = code
            ) -> dns.message.Message:
                response.answer = []
                response.set_rcode(code)
                return response

            self.server.change = fail
            self.resolver.forget()
            with self.assertRaises(LookupFailed):
                self.see(self.resolver.mx("example.test"))

    def test_B11_3_silence_ends_within_the_budget(self) -> None:
        """A dead server costs no more than the budget, once a while."""
        self.server.change = lambda response: None
        began = self.world.clock.monotonic()
        failed: list[float] = []
        asked = Deferred.fromCoroutine(self.resolver.mx("example.test"))
        asked.addErrback(
            lambda failure: failed.append(self.world.clock.monotonic())
        )
        self.world.run(60)
        self.assertEqual(len(failed), 1)
        self.assertLessEqual(failed[0] - began, 15.0)

    def test_B11_3_failure_is_remembered_for_a_moment(self) -> None:
        """Who asks right behind a failure is told so from memory; a little
        later the servers are asked again."""
        self.server.change = lambda response: None
        with self.assertRaises(LookupFailed):
            self.see(self.resolver.mx("example.test"))
        queries = len(self.server.queries)
        self.server.change = lambda response: response
        with self.assertRaises(LookupFailed):
            self.see(self.resolver.mx("example.test"))
        self.assertEqual(len(self.server.queries), queries)
        self.world.run(6)
        self.assertEqual(len(self.see(self.resolver.mx("example.test"))), 2)

    def test_second_server_steps_in(self) -> None:
        """When the first server is silent the second answers; the next
        question goes to the one that works."""
        second = ScriptedServer(self.world, "192.0.2.54")
        second.zone = self.server.zone
        self.settings.change(
            DnsSettings(servers=(Server("192.0.2.53"), Server("192.0.2.54")))
        )
        self.server.change = lambda response: None
        answer = self.see(self.resolver.txt("example.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))
        asked = len(self.server.queries)
        self.see(self.resolver.mx("example.test"))
        self.assertEqual(len(self.server.queries), asked)

    def test_lame_server_is_passed_over(self) -> None:
        """A "none" from a server that is not recursive means nothing."""

        def lame(response: dns.message.Message) -> dns.message.Message:
            response.answer, response.authority = [], []
            response.set_rcode(dns.rcode.NOERROR)
            response.flags &= ~dns.flags.RA
            return response

        self.server.change = lame
        with self.assertRaises(LookupFailed):
            self.see(self.resolver.mx("example.test"))

    def test_server_without_edns(self) -> None:
        """A server that answers FORMERR to EDNS is asked without."""

        def choke(response: dns.message.Message) -> object:
            if self.server.queries[-1].edns < 0:
                return response
            header = response.to_wire()[:12]
            return header[:3] + b"\x81" + bytes(8)

        self.server.change = choke  # type: ignore[assignment]
        answer = self.see(self.resolver.txt("example.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))

    def _forgeries(self, response: dns.message.Message) -> list[object]:
        honest = response.to_wire()
        lie = dns.message.from_wire(honest)
        lie.answer = [
            dns.rrset.from_text(
                lie.question[0].name, 60, "IN", "TXT", '"forged"'
            )
        ]
        octets = lie.to_wire()
        us = (self.server.address, 53)
        case = octets[12:].swapcase()
        other_id = bytes([octets[0] ^ 1]) + octets[1:]
        not_response = octets[:2] + bytes([octets[2] & 0x7F]) + octets[3:]
        notify = octets[:2] + bytes([octets[2] | 0x20]) + octets[3:]
        other_question = dns.message.from_wire(octets)
        other_question.question[0].name = dns.name.from_text("evil.test.")
        return [
            (octets, ("203.0.113.66", 53)),
            (octets, (self.server.address, 5353)),
            (other_id, us),
            (octets[:12] + case, us),
            (not_response, us),
            (notify, us),
            (other_question.to_wire(), us),
            (octets[:-1], us),
            (octets + b"\0", us),
            (octets[:13], us),
            (b"", us),
        ]

    def test_B11_2_forged_answers_are_passed_over(self) -> None:
        """Packets with a wrong sender, id, question or case end nothing:
        the honest answer that comes behind them counts."""
        self.server.forged = self._forgeries  # type: ignore[assignment]
        answer = self.see(self.resolver.txt("example.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))
        self.assertEqual(len(self.server.queries), 1)

    def test_B11_2_only_forged_answers_are_no_answer(self) -> None:
        """With nothing but forgeries the question fails for now."""
        self.server.forged = self._forgeries  # type: ignore[assignment]
        self.server.change = lambda response: None
        with self.assertRaises(LookupFailed):
            self.see(self.resolver.txt("example.test"))

    def test_records_of_others_do_not_count(self) -> None:
        """A record whose owner is not in the chain is not taken."""

        def add(response: dns.message.Message) -> dns.message.Message:
            response.answer.insert(
                0, dns.rrset.from_text("b.test.", 60, "IN", "TXT", '"no"')
            )
            return response

        self.server.change = add
        answer = self.see(self.resolver.txt("example.test"))
        self.assertEqual(answer.records, ("v=spf1 -all",))

    def test_too_many_questions(self) -> None:
        """Beyond a bound a question fails at once instead of waiting."""
        self.settings.change(
            DnsSettings(
                servers=(Server("192.0.2.53"),),
                most_in_flight=1,
                most_waiting=3,
            )
        )
        resolver = Resolver(self.world, self.settings)
        asked = [
            Deferred.fromCoroutine(resolver.txt(f"n{n}.test"))
            for n in range(4)
        ]
        self.failureResultOf(asked[3], LookupFailed)
        self.world.run(1)
        for one in asked[:3]:
            self.assertFalse(self.successResultOf(one).exists)


class FixedTests(SynchronousTestCase):
    """The resolver that answers from a table."""

    def test_table(self) -> None:
        """It tells records, aliases, emptiness, absence and failure."""
        resolver = FixedResolver(
            {
                "example.test": {"MX": ["10 mx.example.test."]},
                "mx.example.test": {"A": ["192.0.2.1"]},
                "null.test": {"MX": ["0 ."]},
                "alias.test": {"CNAME": ["example.test"]},
                "broken.test": LookupFailed("scripted"),
            }
        )
        mx = [MailHost(10, "mx.example.test")]
        self.assertEqual(result_of(resolver.mx("example.test")), mx)
        self.assertEqual(result_of(resolver.mx("alias.test")), mx)
        self.assertEqual(
            result_of(resolver.mx("null.test")), [MailHost(0, "")]
        )
        self.assertEqual(result_of(resolver.mx("mx.example.test")), [])
        self.assertEqual(result_of(resolver.mx("test")), [])
        self.assertIsNone(result_of(resolver.mx("nowhere.example")))
        with self.assertRaises(LookupFailed):
            result_of(resolver.mx("broken.test"))
