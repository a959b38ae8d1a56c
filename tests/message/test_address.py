"""Address lists, as people and programs write them."""

from email.utils import getaddresses

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Path
from imailpy.message.address import (
    Address,
    GroupEnd,
    GroupStart,
    parse_addresses,
)
from tests.message.cost import assert_linear
from tests.message.samples import vectors

_ATOM = st.text("abcXYZ019-_", min_size=1, max_size=6)
_DOMAIN = st.builds("{}.{}".format, _ATOM, _ATOM)
_SPEC = st.builds("{}@{}".format, _ATOM, _DOMAIN)
_NAME = st.one_of(
    _ATOM,
    st.builds("{} {}".format, _ATOM, _ATOM),
    st.builds('"{}, {}."'.format, _ATOM, _ATOM),
)
_MAILBOX = st.one_of(_SPEC, st.builds("{} <{}>".format, _NAME, _SPEC))
_ANY = st.lists(
    st.sampled_from(
        [*'<>@,;:.()"\\[] \t', "a", "b.c", "=?utf-8?q?x?=", "ø", "\0", "\r\n "]
    ),
    max_size=30,
).map("".join)


def one(text: str) -> Address:
    """Read a list of one mailbox."""
    (address,) = parse_addresses(text.encode()).mailboxes
    return address


class AddressTests(SynchronousTestCase):
    """[RFC5322 3.4, 4.4]"""

    def test_forms(self) -> None:
        """The forms of the standard, the obsolete ones too."""
        for text, name, local_part, domain, route in (
            ("a@b.example", b"", b"a", b"b.example", b""),
            ("Ann <a@b>", b"Ann", b"a", b"b", b""),
            ("Ann B. Cee <a@b>", b"Ann B. Cee", b"a", b"b", b""),
            ('"Cee, Ann" <a@b>', b"Cee, Ann", b"a", b"b", b""),
            ('"a \\"q\\" b" <a@b>', b'a "q" b', b"a", b"b", b""),
            ("a@b (Ann (the second))", b"Ann (the second)", b"a", b"b", b""),
            ('"a b"@c', b"", b"a b", b"c", b""),
            ("a . b @ c . d", b"", b"a.b", b"c.d", b""),
            ("<@x,@y:a@b>", b"", b"a", b"b", b"@x,@y"),
            ("a@[192.0.2.1]", b"", b"a", b"[192.0.2.1]", b""),
            ("Ann\r\n <a@b>", b"Ann", b"a", b"b", b""),
        ):
            found = one(text)
            self.assertEqual(
                (
                    found.display_name,
                    found.local_part,
                    found.domain,
                    found.route,
                ),
                (name, local_part, domain, route),
                text,
            )
            self.assertTrue(found.well_formed, text)
            self.assertTrue(parse_addresses(text.encode()).well_formed, text)

    def test_groups(self) -> None:
        """A group's start and end stand around its members."""
        found = parse_addresses(b"team: a@b, c@d;, e@f, none:;")
        self.assertEqual(
            [type(entry) for entry in found.entries],
            [
                GroupStart,
                Address,
                Address,
                GroupEnd,
                Address,
                GroupStart,
                GroupEnd,
            ],
        )
        self.assertTrue(found.well_formed)
        self.assertTrue(found.has_group)
        self.assertEqual(len(found.mailboxes), 3)

    def test_B5_7_nobody_is_hidden(self) -> None:
        """Of two addresses in one, both are seen, and it is malformed."""
        for text in (
            "<a@good.test> <e@evil.test>",
            "Ann <a@good.test> e@evil.test",
            "a@good.test <e@evil.test>",
            "a@good.test@evil.test",
            "a@good.test e@evil.test",
            "<a@good.test",
            "a b@good.test",
            "nobody",
            "a@",
            "@b",
            "a@b;",
            "team: a@b",
            '"a@b',
            "a@b (never ends",
        ):
            found = parse_addresses(text.encode())
            self.assertFalse(found.well_formed, text)
            shown = repr(found.entries)
            for address in ("evil.test", "good.test"):
                self.assertEqual(address in shown, address in text, text)

    def test_B5_8_encoded_word_is_no_address(self) -> None:
        """What an encoded word says never becomes the domain."""
        found = one("=?utf-8?q?a=40good.test?=@evil.test")
        self.assertEqual(found.domain, b"evil.test")
        self.assertEqual(found.local_part, b"=?utf-8?q?a=40good.test?=")
        found = one("=?utf-8?q?=3Ca=40good.test=3E?= <e@evil.test>")
        self.assertEqual(found.path, Path("e", "evil.test"))
        self.assertEqual(found.name, "<a@good.test>")

    def test_path(self) -> None:
        """An address gives the path of an envelope, or none."""
        self.assertEqual(
            one("A@Bücher.example").path, Path("A", "xn--bcher-kva.example")
        )
        self.assertEqual(
            one("jürgen@b.example").path, Path("jürgen", "b.example")
        )
        self.assertIsNone(one("a@b!c").path)
        self.assertIsNone(one("a@b c").path)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(_MAILBOX, min_size=1, max_size=5))
    def test_oracle(self, mailboxes: list[str]) -> None:
        """Lists that are well formed are read as Python reads them."""
        text = ", ".join(mailboxes)
        found = parse_addresses(text.encode())
        self.assertTrue(found.well_formed)
        self.assertEqual(
            [
                (
                    one.display_name.decode(),
                    f"{one.local_part.decode()}@{one.domain.decode()}",
                )
                for one in found.mailboxes
            ],
            getaddresses([text]),
        )

    @settings(max_examples=300, deadline=None)
    @given(_ANY)
    def test_any_octets(self, text: str) -> None:
        """Whatever stands there, groups are balanced and none is nested."""
        depth = 0
        for entry in parse_addresses(text.encode()).entries:
            depth += isinstance(entry, GroupStart)
            depth -= isinstance(entry, GroupEnd)
            self.assertIn(depth, (0, 1))
        self.assertEqual(depth, 0)

    def test_real_messages(self) -> None:
        """Addresses of real messages are read without an exception."""
        for _, octets in vectors():
            parse_addresses(octets)

    def test_B6_11_linear(self) -> None:
        """Hostile lists cost time in proportion."""
        for piece in (
            b"a@b,", b"(", b"((a)", b'"', b'"a" ', b"<", b"<a", b"a:", b"@",
            b"\\", b"[", b". ", b"a ", b";", b"<@a,", b"a@b <",
        ):  # fmt: skip
            assert_linear(self, parse_addresses, piece)
