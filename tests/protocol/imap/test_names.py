"""Names of mailboxes and their wire form."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.imap import mutf7, names
from tests.protocol.imap.talk import one_command, refusal


class Mutf7Tests(SynchronousTestCase):
    """Modified UTF-7 [RFC3501 5.1.3]."""

    def test_examples(self) -> None:
        """The standard's own examples, and the ampersand."""
        for name, octets in (
            ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("&", b"&-"),
            ("a&b", b"a&-b"),
            ("&ä", b"&-&AOQ-"),
            ("ä&", b"&AOQ-&-"),
            ("😀", b"&2D3eAA-"),
            ("", b""),
        ):
            self.assertEqual(mutf7.encode(name), octets)
            self.assertEqual(mutf7.decode(octets), name)

    def test_B12_2_only_the_canonical_form(self) -> None:
        """A second spelling of a name is refused."""
        for octets in (
            b"&AC8-",  # "/"
            b"&AC4ALg-",  # ".."
            b"&AAA-",  # NUL, fails below as a name; here it is canonical
            b"&Jjo",
            b"&",
            b"a&",
            b"&ANgA2A",
            b"&2AA-",
            b"&3AA-",
            b"&AGE-",  # "a" in base64
            b"&AOQ-&AOQ-",  # two runs for one
            b"&AOR-",  # bits left over
            b"&AOQ=-",
            b"&AO-",
            b"&A-",
            b"&AOQ/-",
            b"&AC0-",
            b"&AOQAYQ-",
            b"\xe4",
            b"\x7f",
            b"a\x00",
            b"a\nb",
        ):
            if octets == b"&AAA-":
                self.assertEqual(mutf7.decode(octets), "\0")
            else:
                self.assertRaises(ValueError, mutf7.decode, octets)
        self.assertRaises(ValueError, mutf7.encode, "\ud800")

    @settings(max_examples=100, deadline=None)
    @given(st.text())
    def test_round_trip(self, name: str) -> None:
        """What is written is read again."""
        try:
            octets = mutf7.encode(name)
        except ValueError:
            return
        self.assertTrue(octets.isascii())
        self.assertEqual(mutf7.decode(octets), name)

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.sampled_from([b"&", b"-", b"AOQ", b",", b"a", b"2D3eAA", b"/"])
        ).map(b"".join)
        | st.binary()
    )
    def test_any_octets(self, octets: bytes) -> None:
        """Any octets are a name with just that spelling, or refused."""
        try:
            name = mutf7.decode(octets)
        except ValueError:
            return
        self.assertEqual(mutf7.encode(name), octets)


class NameTests(SynchronousTestCase):
    """What can be a mailbox."""

    def test_B12_1_refused(self) -> None:
        """Names that are dangerous somewhere are NO [CANNOT]."""
        deep = b"/".join([b"a"] * 40)
        for octets in (
            b"../x",
            b"a/../b",
            b"a/./b",
            b"/etc",
            b"~root",
            b".",
            b"..",
            b'""',
            b"a//b",
            b"/",
            b"#news.x",
            b"a" * 1025,
            deep,
            b"&AAA-",
            b"&AA0-",
            b"&AAo-",
            b"&AH8-",
            b"&AJA-",
            b"&IKw",
            b"&2AA-",
            b"{1+}\r\n\x7f",
            b"{2+}\r\n\xc3\xa4",
            b"{1+}\r\n\xe4",
            b"{2+}\r\n\r\n",
            b"&,,8-",
        ):
            for verb in (b"CREATE ", b"RENAME a ", b"SUBSCRIBE "):
                self.assertEqual(
                    refusal(verb + octets),
                    b"t NO [CANNOT] Invalid mailbox name\r\n",
                    octets,
                )
        for verb in (b"RENAME a b/", b"SUBSCRIBE a/", b"CREATE a//"):
            self.assertEqual(
                refusal(verb), b"t NO [CANNOT] Invalid mailbox name\r\n"
            )
        self.assertEqual(
            refusal(b"CREATE {1+}\r\n\0"), b"t BAD NUL in a literal\r\n"
        )

    def test_long_names(self) -> None:
        """A name of 1,024 octets and 32 levels is one."""
        for name in ("a" * 1024, "/".join("a" * 32), "ä" * 512):
            self.assertEqual(names.canonical(name), name)
        self.assertRaises(ValueError, names.canonical, "ä" * 513)

    def test_B12_2_one_form(self) -> None:
        """Composed and decomposed letters name one mailbox."""
        for spelt in (b"CREATE &AOQ-", b"CREATE a&Awg-"):
            self.assertEqual(one_command(spelt).mailbox, "ä")

    def test_B12_3_inbox(self) -> None:
        """INBOX is one mailbox in any case, on the first level only."""
        for octets, name in (
            (b"inbox", "INBOX"),
            (b"InBoX", "INBOX"),
            (b"Inbox/x", "INBOX/x"),
            (b"inbox/Inbox", "INBOX/Inbox"),
            (b"x/inbox", "x/inbox"),
            (b"inboxes", "inboxes"),
        ):
            self.assertEqual(one_command(b"SELECT " + octets).mailbox, name)

    @settings(max_examples=200, deadline=None)
    @given(st.text())
    def test_canonical_is_final(self, name: str) -> None:
        """The one form of a name is its own one form, and can be spelt."""
        try:
            once = names.canonical(name)
        except ValueError:
            return
        self.assertEqual(names.canonical(once), once)
        self.assertTrue(unicodedata.is_normalized("NFC", once))
        self.assertEqual(names.to_name(mutf7.encode(once)), once)
