"""Sets of networks."""

import ipaddress
import sys
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.policy import networks
from imailpy.policy.networks import Networks, parse_network


class ReadingTests(SynchronousTestCase):
    """What an operator may write."""

    def test_notations(self) -> None:
        """Address, CIDR, and both forms of address and mask mean the same."""
        for text in (
            "192.0.2.0/24",
            "192.0.2.0/255.255.255.0",
            "192.0.2.0 255.255.255.0",
            "::ffff:192.0.2.0/120",
        ):
            read = parse_network(text)
            self.assertEqual(
                (read.version, read.first, read.last),
                (
                    4,
                    int(IPv4Address("192.0.2.0")),
                    int(IPv4Address("192.0.2.255")),
                ),
                text,
            )
        six = parse_network("2001:db8::1")
        self.assertEqual(six.first, int(IPv6Address("2001:db8::1")))
        self.assertEqual(six.first, six.last)

    def test_refusals_tell_what_to_write(self) -> None:
        """What is no network is refused, with the right form beside it."""
        for text in (
            "",
            "mail.example.com",
            "192.0.2.0/33",
            "192.0.2.0 0.0.0.255",
            "192.0.2.0/255.0.255.0",
            "192.0.2.1-192.0.2.9",
            "fe80::1%eth0",
            "1 2 3",
        ):
            with self.assertRaises(ValueError, msg=text) as caught:
                parse_network(text)
            self.assertIn(text, str(caught.exception))
        with self.assertRaises(ValueError) as caught:
            parse_network("192.0.2.5/24")
        self.assertIn("192.0.2.0/24", str(caught.exception))


class LookUpTests(SynchronousTestCase):
    """Which entry holds an address."""

    def test_narrowest_entry(self) -> None:
        """Of nested networks the narrowest is the one that was hit."""
        nets = Networks.parse(
            ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3"]
        )
        for address, entry in (
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.4", "10.1.2.0/24"),
            ("10.1.3.0", "10.1.0.0/16"),
            ("10.0.0.0", "10.0.0.0/8"),
            ("10.255.255.255", "10.0.0.0/8"),
        ):
            found = nets.find(address)
            self.assertEqual(found and found.text, entry)
        self.assertNotIn("11.0.0.0", nets)
        self.assertNotIn("9.255.255.255", nets)
        self.assertNotIn("/run/imailpy.sock", nets)

    def test_first_of_equal_entries(self) -> None:
        """Of an entry that was written twice the first counts."""
        nets = Networks.parse(["10.0.0.0/8", "10.0.0.0 255.0.0.0"])
        found = nets.find("10.9.9.9")
        self.assertEqual(found and found.text, "10.0.0.0/8")

    def test_B4_9_mapped_addresses(self) -> None:
        """An IPv4 address in IPv6 clothes is that IPv4 address, no other."""
        four = Networks.parse(["10.0.0.0/8"])
        self.assertIn("::ffff:10.0.0.5", four)
        self.assertNotIn("::ffff:11.0.0.5", four)
        # Wide IPv6 networks say nothing about IPv4.
        six = Networks.parse(["::/8", "2001:db8::/32"])
        self.assertNotIn("::ffff:10.0.0.5", six)
        self.assertNotIn("10.0.0.5", six)
        mapped = Networks.parse(["::ffff:0:0/96"])
        self.assertEqual(mapped.covers_everything(), 4)

    def test_B4_9_everything(self) -> None:
        """Entries that together are the whole internet are found out."""
        for texts, expected in (
            (["0.0.0.0/0"], 4),
            (["0.0.0.0 0.0.0.0"], 4),
            (["::/0"], 6),
            (["0.0.0.0/1", "128.0.0.0/1"], 4),
            (["128.0.0.0/1", "64.0.0.0/2", "10.0.0.0/8", "0.0.0.0/2"], 4),
            (["8000::/1", "::/1"], 6),
            (["0.0.0.0/1", "128.0.0.0/2"], None),
            (["0.0.0.1", "10.0.0.0/8"], None),
            ([], None),
        ):
            found = Networks.parse(texts).covers_everything()
            self.assertEqual(found, expected, texts)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=12
        ),
        st.integers(0, 255),
    )
    def test_agrees_with_ipaddress(
        self, wanted: list[tuple[int, int]], last: int
    ) -> None:
        """Whatever is listed, the answer is that of a plain search."""
        texts = [
            str(ipaddress.ip_network(f"192.0.2.{at}/{width}", strict=False))
            for at, width in wanted
        ]
        nets = Networks.parse(texts)
        address = f"192.0.2.{last}"
        held = [
            text
            for text in texts
            if IPv4Address(address) in ipaddress.ip_network(text)
        ]
        found = nets.find(address)
        if not held:
            self.assertIsNone(found)
        else:
            narrowest = max(held, key=lambda text: int(text.split("/")[1]))
            self.assertEqual(found and found.text, narrowest)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.integers(0, 255),
                st.sampled_from((32, 62, 63, 64, 65, 120, 124, 127, 128)),
            ),
            max_size=12,
        ),
        st.integers(0, 3),
        st.integers(0, 255),
    )
    def test_agrees_with_ipaddress_in_ipv6(
        self, wanted: list[tuple[int, int, int]], subnet: int, last: int
    ) -> None:
        """The same for IPv6, within one /64 and across several."""
        texts = [
            str(
                ipaddress.ip_network(
                    f"2001:db8:0:{at:x}::{host:x}/{width}", strict=False
                )
            )
            for at, host, width in wanted
        ]
        address = f"2001:db8:0:{subnet:x}::{last:x}"
        held = [
            text
            for text in texts
            if IPv6Address(address) in ipaddress.ip_network(text)
        ]
        found = Networks.parse(texts).find(address)
        if not held:
            self.assertIsNone(found)
        else:
            narrowest = max(held, key=lambda text: int(text.split("/")[1]))
            self.assertEqual(found and found.text, narrowest)

    def test_cost_of_many_entries(self) -> None:
        """A look-up among twice as many networks takes one step more."""

        class Counted(list[int]):
            steps = 0

            def __getitem__(self, at: object) -> object:  # type: ignore[override]
                Counted.steps += 1
                return super().__getitem__(at)  # type: ignore[index]

        steps = []
        for size in (1 << 10, 1 << 11):
            firsts = Counted(range(0, size * 4, 4))
            ranges = networks._Ranges(firsts, firsts, firsts)
            Counted.steps = 0
            ranges.find(size)
            steps.append(Counted.steps)
        self.assertLessEqual(steps[1], steps[0] + 1)

    def test_many_entries_take_little_memory(self) -> None:
        """Ranges of IPv4 networks lie in twelve octets each."""
        count = 20_000
        entries = tuple(
            networks.Network(4, at * 8, at * 8 + 3, "", "")
            for at in range(count)
        )
        ranges = Networks(entries)._four
        size = sum(
            sys.getsizeof(column)
            for column in (ranges.firsts, ranges.lasts, ranges.owners)
        )
        self.assertLess(size, count * 14)
