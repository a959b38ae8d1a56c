"""Packets: what is believed, and what a hostile one costs."""

from __future__ import annotations

import struct
from unittest import mock

import dns.message
import dns.rdatatype
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.dns import frame
from imailpy.dns.frame import MX, TXT, A, Frame, Malformed
from imailpy.dns.reading import read
from imailpy.dns.resolv_conf import read_servers
from imailpy.dns.settings import Server
from imailpy.dns.wire import Question, read_response, write_query

QUESTION = Question.about("example.test", MX)
QUERY = write_query(QUESTION, b"example.test", 4711, edns=True)


def response(*records: str, kind: str = "MX") -> bytes:
    """An honest response, as dnspython spells it."""
    message = dns.message.make_response(
        dns.message.from_wire(QUERY), recursion_available=True
    )
    message.answer.append(
        dns.rrset.from_text("example.test.", 300, "IN", kind, *records)
    )
    return message.to_wire(max_size=65535)


def raw(records: bytes, count: int) -> bytes:
    """A response with these octets for its answer section."""
    header = struct.pack("!HHHHHH", 4711, 0x8180, 1, count, 0, 0)
    return header + QUERY[12:30] + records


class ReadingTests(SynchronousTestCase):
    """Responses read, checked against dnspython."""

    HONEST = response(
        "10 mx.example.test.", "20 b.mx.example.test.", "20 other.test."
    )

    def test_honest(self) -> None:
        """An honest response says what it says."""
        reading = read(read_response(self.HONEST, QUERY, QUESTION), QUESTION)
        self.assertEqual(
            sorted(reading.records),
            ["10 mx.example.test", "20 b.mx.example.test", "20 other.test"],
        )

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(12, len(HONEST) - 1), st.integers(0, 255)),
            max_size=4,
        ),
        st.integers(0, len(HONEST)),
    )
    def test_what_we_believe_dnspython_reads_alike(
        self, changes: list[tuple[int, int]], cut: int
    ) -> None:
        """Whatever mutated packet we accept, another decoder reads it as
        we do; every other one is refused as malformed."""
        octets = bytearray(self.HONEST)
        for at, value in changes:
            octets[at] = value
        if cut < 20:
            octets = octets[: len(octets) - cut]
        try:
            message = read_response(bytes(octets), QUERY, QUESTION)
            reading = read(message, QUESTION)
        except Malformed:
            return
        if message.trunc:
            return
        # What it cannot read plays no part in our answer.
        other = dns.message.from_wire(bytes(octets), continue_on_error=True)
        theirs = set()
        for rrset in other.answer:
            if rrset.rdtype == dns.rdatatype.MX and rrset.rdclass == 1:
                name = rrset.name.to_text(omit_final_dot=True).lower()
                if name != "example.test":
                    continue
                theirs |= {record.preference for record in rrset}
        ours = {int(record.split()[0]) for record in reading.records}
        self.assertTrue(ours <= theirs or not theirs, (ours, theirs))
        self.assertEqual(bool(ours), bool(theirs))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_octets(self, tail: bytes) -> None:
        """Any octets at all are a response or malformed, nothing else."""
        for octets in (tail, QUERY[:12] + tail, raw(tail, 1), raw(tail, 9)):
            try:
                read(read_response(octets, QUERY, QUESTION), QUESTION)
            except Malformed:
                continue

    def test_two_aliases_for_one_name(self) -> None:
        """A name with two different aliases is nonsense."""
        with self.assertRaises(Malformed):
            records = b"".join(
                b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 3) + target
                for target in (b"\1a\0", b"\1b\0")
            )
            read(read_response(raw(records, 2), QUERY, QUESTION), QUESTION)

    def test_odd_names_cannot_pass_for_good_ones(self) -> None:
        """A dot, a blank or a quote inside a label never makes a name that
        looks like another."""
        with self.assertRaises(Malformed):
            read_response(response("10 a\\.b.test."), QUERY, QUESTION)
        octets = response('10 a\\032\\"b.test.')
        reading = read(read_response(octets, QUERY, QUESTION), QUESTION)
        self.assertEqual(reading.records, ("10 a\\032\\034b.test",))
        with self.assertRaises(ValueError):
            Question.about("a\\032\\034b.test", A)


class HostileTests(SynchronousTestCase):
    """[SECURITY B11.1]: cost is counted, not timed."""

    def refused(self, octets: bytes, question: Question = QUESTION) -> None:
        with self.assertRaises(Malformed):
            read_response(octets, QUERY, question)

    def record(self, owner: bytes, kind: int, data: bytes) -> bytes:
        return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data

    def test_B11_1_loops(self) -> None:
        """Pointers to themselves, forward or in a ring are refused."""
        for target in (30, 31, 42, 0x3FFF, 5):
            pointer = struct.pack("!H", 0xC000 | target)
            self.refused(raw(self.record(pointer, A, bytes(4)), 1))

    def test_B11_1_name_that_runs_into_its_pointer(self) -> None:
        """A pointer leads to a name that ended before it, never to one that
        goes on over the pointer's own octets."""
        first = self.record(b"\xc0\x0c", 99, b"\x14")
        # At octet 42 a label of 20 octets begins, all of them behind it.
        second = self.record(b"\xc0\x2a", 99, bytes(20))
        self.refused(raw(first + second, 2))

    def test_B11_1_misplaced_records(self) -> None:
        """OPT and TSIG stand in the additional section or nowhere."""
        for kind in (41, 250):
            self.refused(raw(self.record(b"\0", kind, b""), 1))

    def test_B11_1_long_chain_of_pointers(self) -> None:
        """A chain of thousands of pointers backwards is refused soon."""
        data = b"\x01a\x00" + b"".join(
            struct.pack("!H", 0xC000 | (at if at > 42 else 42))
            for at in range(42, 16000, 2)
        )
        first = self.record(b"\xc0\x0c", 99, data)
        last = struct.pack("!H", 0xC000 | 15000)
        octets = raw(first + self.record(last, A, bytes(4)), 2)
        with mock.patch.object(frame, "_MOST_STEPS", 200):
            self.refused(octets)

    def test_B11_1_names_over_255(self) -> None:
        """A name over 255 octets is refused."""
        name = b"\x3f" + b"a" * 63
        self.refused(raw(self.record(name * 4 + b"\0", A, bytes(4)), 1))
        self.refused(raw(self.record(b"\x41a\0", A, bytes(4)), 1))

    def test_B11_1_record_data_cut_or_long(self) -> None:
        """Data shorter or longer than its type needs is refused."""
        owner = b"\xc0\x0c"
        for kind, data in (
            (A, b"\x01\x02\x03"),
            (A, bytes(5)),
            (28, bytes(15)),
            (MX, b"\0"),
            (MX, b"\0\x0a\xc0\x0c\0"),
            (5, b"\xc0\x0cx"),
            (TXT, b""),
            (TXT, b"\x05abc"),
            (6, b"\0\0" + bytes(19)),
        ):
            self.refused(raw(self.record(owner, kind, data), 1))
        self.refused(raw(self.record(owner, A, bytes(4))[:-2], 1))

    def test_B11_1_many_records(self) -> None:
        """Sixty thousand records are refused before any is read."""
        with mock.patch.object(Frame, "_record") as reading:
            self.refused(raw(b"", 65535))
        reading.assert_not_called()

    def test_B11_1_cost_is_bounded(self) -> None:
        """However records are twisted together, steps have one bound."""
        label = b"\x01a" * 120 + b"\0"
        first = self.record(b"\xc0\x0c", 99, label)
        pointer = struct.pack("!H", 0xC000 | 42)
        more = self.record(pointer, A, bytes(4))
        self.refused(raw(first + more * 2000, 2001))


class ResolvConfTests(SynchronousTestCase):
    """The system's own settings."""

    def test_read(self) -> None:
        """Name servers come in order, three at most, the rest is left."""
        self.assertEqual(
            read_servers(
                b"domain x\n;nameserver 192.0.2.9\nnameserver 192.0.2.1 x\n"
                b"nameserver\tfe80::1\nnameserver 192.0.2.1\n"
                b"nameserver \xff\nnameserver 192.0.2.3\n"
                b"nameserver 192.0.2.4\n"
            ),
            (Server("192.0.2.1"), Server("fe80::1"), Server("192.0.2.3")),
        )
