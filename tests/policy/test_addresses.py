"""Lists of addresses."""

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import NULL_PATH, Path
from imailpy.policy.addresses import AddressList, canonical_entry
from imailpy.policy.networks import Networks


def hit(entries: AddressList, address: str) -> str | None:
    found = entries.find(Path.parse(address))
    return None if found is None else found.text


class AddressListTests(SynchronousTestCase):
    """What an entry means."""

    def test_forms(self) -> None:
        """Addresses, domains, and tails on label borders."""
        entries = AddressList.of(
            ["A@Example.com", "b.test", "@c.test", "@*d.test", "@*.e.test"]
        )
        for address, entry in (
            ("a@example.com", "a@example.com"),
            ("A@EXAMPLE.COM", "a@example.com"),
            ("b@example.com", None),
            ("x@b.test", "@b.test"),
            ("x@sub.b.test", None),
            ("x@c.test", "@c.test"),
            ("x@d.test", "@*d.test"),
            ("x@a.b.d.test", "@*d.test"),
            ("x@xd.test", None),
            ("x@e.test", "@*e.test"),
            ("x@y.e.test", "@*e.test"),
        ):
            self.assertEqual(hit(entries, address), entry, address)
        self.assertIsNone(entries.find(NULL_PATH))
        self.assertIsNone(entries.find(Path("postmaster", "")))

    def test_narrower_first(self) -> None:
        """The address wins over its domain, a narrow tail over a wide one."""
        entries = AddressList.of(["@*test", "@*b.test", "@b.test", "a@b.test"])
        self.assertEqual(hit(entries, "a@b.test"), "a@b.test")
        self.assertEqual(hit(entries, "x@b.test"), "@b.test")
        self.assertEqual(hit(entries, "x@c.b.test"), "@*b.test")
        self.assertEqual(hit(entries, "x@z.test"), "@*test")

    def test_raw(self) -> None:
        """With `raw` a tail is compared letter by letter."""
        entries = AddressList.of(["@*ample.com"], raw=True)
        self.assertEqual(hit(entries, "a@example.com"), "@*ample.com")
        self.assertIsNone(
            hit(AddressList.of(["@*ample.com"]), "a@example.com")
        )
        self.assertIsNone(hit(entries, "a@ample.org"))

    def test_refused(self) -> None:
        """What is no entry is refused with the right form beside it."""
        for text in ("", "@", "@*", "a b@c", "a@b@c", "x" * 400, "@*."):
            with self.assertRaises(ValueError, msg=text):
                canonical_entry(text)

    def test_lines(self) -> None:
        """A file has one entry a line; the line is named."""
        entries = AddressList()
        entries.add_lines(
            "# friends\r\nann@a.test\r\n\n  @b.test # all\nann@a.test", "f.txt"
        )
        found = entries.find(Path("ann", "a.test"))
        self.assertEqual(found and found.entry, "f.txt:2")
        found = entries.find(Path("x", "b.test"))
        self.assertEqual(found and found.entry, "f.txt:4")
        self.assertEqual(len(entries), 2)
        with self.assertRaises(ValueError) as caught:
            AddressList().add_lines("a@b.test\nnot one\n", "f.txt")
        self.assertIn("f.txt:2: ", str(caught.exception))

    def test_agrees_with_slow_reading(self) -> None:
        """A line that is read the fast way is what the slow way says."""
        for line in ("ann.b@a-b.c_d.test", "x+y=z@q.test", "a@b.test"):
            entries = AddressList()
            entries.add_lines(line, "f")
            self.assertEqual(
                [each.text for each in entries.entries()],
                [canonical_entry(line)],
            )
        for line in ("a..b@c.test", ".a@c.test", "a@b..c"):
            with self.assertRaises(ValueError, msg=line):
                canonical_entry(line)
                AddressList().add_lines(line, "f")

    def test_memory(self) -> None:
        """An entry takes less than 300 octets, a network less than 100."""
        count = 20_000
        text = "\n".join(f"user{n}@host{n}.test" for n in range(count))
        nets = "\n".join(
            f"10.{n >> 8 & 255}.{n & 255}.0/24" for n in range(count)
        )
        for most, make in (
            (300, lambda: self.filled(text)),
            (100, lambda: Networks.read(nets, "f")),
        ):
            tracemalloc.start()
            made = make()
            size, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertGreater(len(made), 0)
            self.assertLess(size, count * most)

    def filled(self, text: str) -> AddressList:
        made = AddressList()
        made.add_lines(text, "f")
        return made


class NetworkFileTests(SynchronousTestCase):
    """Networks by the million."""

    def test_same_as_one_by_one(self) -> None:
        """A file means what its lines mean in the configuration."""
        lines = [
            "10.0.0.0/8",
            "10.1.0.0/16 # inner",
            "",
            "# remark",
            "192.0.2.1",
            "192.0.2.0 255.255.255.0",
            "2001:db8::/32",
            "2001:DB8:1::/48",
            "::ffff:198.51.100.0/120",
            "2001:db8::1",
            "1:2:3:4:5:6:7:8",
        ]
        read = Networks.read("\n".join(lines), "nets.txt")
        texts = [line.partition("#")[0].strip() for line in lines]
        plain = Networks.parse([text for text in texts if text])
        for address in (
            "10.0.0.1",
            "10.1.2.3",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::1",
            "2001:db8:1::5",
            "2001:db8:2::5",
            "198.51.100.9",
            "::ffff:198.51.100.9",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:9",
            "203.0.113.9",
        ):
            a, b = read.find(address), plain.find(address)
            self.assertEqual(
                a and (a.first, a.last), b and (b.first, b.last), address
            )
        found = read.find("10.1.2.3")
        self.assertEqual(found and found.entry, "nets.txt:2")
        self.assertEqual(found and found.text, "10.1.0.0/16")

    def test_same_errors(self) -> None:
        """What is no network is refused as it is anywhere else."""
        for line in (
            "10.0.0.1/8",
            "10.0.0",
            "010.0.0.1",
            "1.2.3.4/33",
            "2001:db8::1/32",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "::12345",
            "fe80::1%eth0",
            ":1",
        ):
            with self.assertRaises(ValueError, msg=line) as caught:
                Networks.read(f"10.0.0.0/8\n{line}\n", "nets.txt")
            self.assertIn("nets.txt:2: ", str(caught.exception))

    def test_many_six(self) -> None:
        """IPv6 networks of a file are what they are one by one."""
        lines = [
            f"2001:db8:{upper:x}::{lower:x}00/120"
            for upper in range(8)
            for lower in (1, 2, 5)
        ]
        lines += ["2001:db8::/44", "2001:db8:7::/64", "3000::/16"]
        few = Networks.parse(lines)
        many = Networks.read("\n".join(lines), "f")
        for upper in range(10):
            for lower in ("0", "1", "100", "1ff", "300", "501", "1:0:0:5"):
                address = f"2001:db8:{upper:x}::{lower}"
                self.same(many, few, address)
        for address in ("2fff::1", "3000::1", "3001::", "::", "::1"):
            self.same(many, few, address)

    def same(self, many: Networks, few: Networks, address: str) -> None:
        a, b = many.find(address), few.find(address)
        self.assertEqual(
            a and (a.first, a.last), b and (b.first, b.last), address
        )

    def test_more(self) -> None:
        """Entries of the configuration stand beside those of the file."""
        more = Networks.parse(["203.0.113.0/24", "10.1.0.0/16"])
        both = Networks.read("10.0.0.0/8", "f", tuple(more.entries))
        for address, text in (
            ("203.0.113.9", "203.0.113.0/24"),
            ("10.1.1.1", "10.1.0.0/16"),
            ("10.2.1.1", "10.0.0.0/8"),
        ):
            found = both.find(address)
            self.assertEqual(found and found.text, text)
        self.assertEqual(len(both), 3)

    def test_B4_9_everything_in_a_file(self) -> None:
        """Two halves are all of it here, too."""
        both = Networks.read("0.0.0.0/1\n128.0.0.0/1", "f")
        self.assertEqual(both.covers_everything(), 4)
        self.assertEqual(
            [each.entry for each in both.whole(4)], ["f:1", "f:2"]
        )
