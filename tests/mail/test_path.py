"""The one reading of addresses."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import NULL_PATH, Path
from imailpy.mail.path import canonical_domain, is_host_name

ODD = 'a.@[]:"\\xn-\u00df\u3002\uff0e\uff20\uff3b\u0130\u200b\u202e0\u00e9'


class PathTests(SynchronousTestCase):
    """Addresses of envelopes."""

    def test_read(self) -> None:
        """What is read is ready to compare."""
        for text, path in (
            ("a@x.test", Path("a", "x.test")),
            ("A.b@X.Test.", Path("A.b", "x.test")),
            ('"a"@x.test', Path("a", "x.test")),
            ('"a b"@x.test', Path("a b", "x.test")),
            ('"a\\"\\\\b"@x.test', Path('a"\\b', "x.test")),
            ("a@[192.0.2.1]", Path("a", "[192.0.2.1]")),
            ("a@[IPv6:::FFFF:192.0.2.1]", Path("a", "[192.0.2.1]")),
            ("a@[ipv6:2001:DB8::1]", Path("a", "[IPv6:2001:db8::1]")),
            ("e\u0301@x.test", Path("\u00e9", "x.test")),
            ("a@b\u00fccher.test", Path("a", "xn--bcher-kva.test")),
            ("a@B\u00dcCHER.test", Path("a", "xn--bcher-kva.test")),
            ("a@_dmarc.x.test", Path("a", "_dmarc.x.test")),
        ):
            self.assertEqual(Path.parse(text), path, text)

    def test_refused(self) -> None:
        """What is no address is refused."""
        for text in (
            "", "a", "@x.test", "a@", "a@@x.test", "a@x@y", "a b@x.test",
            ".a@x.test", "a.@x.test", "a..b@x.test", '""@x.test', '"a@x',
            '"a"b@x.test', "a@x..test", "a@.x", "a@-\u00df-", "a@[1.2.3]",
            "a@[IPv6:1.2.3.4]", "a@[IPv6:fe80::1%eth0]", "a@[192.0.2.1",
            "a@b\uff20c", "a\0@x.test", '"\x7f"@x.test', "a\u0080@x.test",
            "a@x.test\n", "a\n@x.test", "<a@x.test>", "a,b@x.test",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=repr(text)):
                Path.parse(text)

    def test_B5_2_lengths(self) -> None:
        """Local part, domain and the whole have their limits."""
        Path.parse("a" * 64 + "@x.test")
        for text in (
            "a" * 65 + "@x.test",
            "\u00e9" * 33 + "@x.test",
            "a@" + "d" * 64,
            "a@" + ".".join(["d" * 63] * 4),
            "a" * 64 + "@" + ".".join(["d" * 60] * 4),
        ):
            with self.assertRaises(ValueError):
                Path.parse(text)

    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=20) | st.text(ODD, max_size=20))
    def test_round_trip(self, text) -> None:
        """What was read is written so that it is read as the same."""
        for candidate in (text, f"a@{text}", f"{text}@x.test"):
            try:
                path = Path.parse(candidate)
            except ValueError:
                continue
            self.assertEqual(Path.parse(str(path)), path)
            self.assertTrue(path.domain.isascii())
            self.assertNotIn("@", path.domain)

    def test_what_it_is(self) -> None:
        """The null path, literals and SMTPUTF8 are told apart."""
        self.assertTrue(NULL_PATH.is_null)
        self.assertEqual(str(NULL_PATH), "")
        self.assertTrue(Path.parse("a@[192.0.2.1]").is_literal)
        self.assertFalse(Path.parse("a@b\u00fc.test").needs_smtputf8)
        self.assertTrue(Path.parse("\u00fc@b.test").needs_smtputf8)
        self.assertEqual(
            Path.parse("\u00c9A@x.test").folded,
            Path.parse("e\u0301a@x.test").folded,
        )

    def test_domains(self) -> None:
        """Host names are stricter than what mail may come from."""
        self.assertEqual(canonical_domain("X.Test."), "x.test")
        self.assertTrue(is_host_name("a-b.test"))
        self.assertFalse(is_host_name("a_b.test"))
        self.assertFalse(is_host_name("-a.test"))
