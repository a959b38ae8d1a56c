"""Search filters from what strangers type."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Path
from imailpy.realm.ldap.codec import read_filter
from imailpy.realm.ldap.filters import complaint, escape, fill

TEMPLATE = "(&(objectClass=person)(|(uid={user})(mail={login})))"


EQUAL_A_B = b"\xa3\x06\x04\x01a\x04\x01b"


def tlv(tag: int, octets: bytes) -> bytes:
    """Spell a short element of BER, or one whose length takes one octet."""
    size = len(octets)
    length = bytes([size] if size < 128 else [0x81, size])
    return bytes([tag]) + length + octets


class FilterTests(SynchronousTestCase):
    """Names that want to be more than names."""

    def test_filled(self) -> None:
        """An address is put in, whole or in its parts."""
        path = Path("ann", "local.test")
        self.assertEqual(
            fill(TEMPLATE, path),
            "(&(objectClass=person)(|(uid=ann)(mail=ann@local.test)))",
        )
        self.assertEqual(
            fill("(x={address}{domain})", path),
            "(x=ann@local.testlocal.test)",
        )

    def test_B9_4_escaped(self) -> None:
        """Stars, brackets, backslashes and NUL are octets of the value, and
        braces are not looked at twice."""
        for name, escaped in (
            ("*", r"\2a"),
            ("a)(uid=*", r"a\29\28uid\3d\2a"),
            ("a\\2a", r"a\5c2a"),
            ("\0", r"\00"),
            ("ä", "ä"),
            ("{domain}", r"\7bdomain\7d"),
            ("%u%u", r"%u%u".replace("%", r"\25")),
        ):
            self.assertEqual(escape(name), escaped)
            filled = fill("(uid={user})", Path(name, "x.test"))
            self.assertEqual(filled, f"(uid={escaped})")

    @given(st.text(min_size=1, max_size=40))
    def test_B9_4_any_name(self, name: str) -> None:
        """Whatever the name: the filter compares with exactly these octets,
        in exactly this place."""
        try:
            octets = name.encode()
        except UnicodeEncodeError:
            return
        found = read_filter(fill("(&(a=b)(uid={user}))", Path(name, "x.test")))
        self.assertEqual(
            found.toWire(),  # type: ignore[attr-defined]
            tlv(0xA0, EQUAL_A_B + tlv(0xA3, tlv(4, b"uid") + tlv(4, octets))),
        )

    def test_complaints(self) -> None:
        """What is wrong with a filter is told before anybody signs in."""
        self.assertIsNone(complaint(TEMPLATE))
        for template, word in (
            ("(uid={name})", "{name}"),
            ("(uid={})", "{}"),
            ("(uid=ann)", "same user"),
            ("(uid={user}}", "brace"),
            ("uid={user}", "in brackets"),
            ("(&(uid={user})", "do not match"),
        ):
            self.assertIn(word, complaint(template) or "", template)
