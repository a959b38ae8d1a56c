"""Responses, as a client reads them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import UidSet
from imailpy.protocol.imap import names, responses
from imailpy.protocol.imap.grammar.productions import date_time
from imailpy.protocol.imap.lexer import Lexer


class StringTests(SynchronousTestCase):
    """Strings in their forms."""

    def test_forms(self) -> None:
        """A string is an atom, quoted or a literal as it can be."""
        for octets, spelt in (
            (b"a", b"a"),
            (b"", b'""'),
            (b"NIL", b'"NIL"'),
            (b"nil", b'"nil"'),
            (b"a b", b'"a b"'),
            (b'"\\', b'"\\"\\\\"'),
            (b"a]", b'"a]"'),
            (b"*", b'"*"'),
            (b"a\r\n", b"{3}\r\na\r\n"),
            (b"\xe4", b"{1}\r\n\xe4"),
            (b"x" * 2000, b"x" * 2000),
            (b"x y" * 2000, b"{6000}\r\n" + b"x y" * 2000),
        ):
            self.assertEqual(responses.astring(octets), spelt)
        self.assertEqual(responses.nstring(None), b"NIL")
        self.assertEqual(responses.nstring(b"NIL"), b'"NIL"')

    @settings(max_examples=200, deadline=None)
    @given(st.binary().filter(lambda b: b"\0" not in b))
    def test_round_trip(self, octets: bytes) -> None:
        """What is written as a string is read as the same."""
        for write, read in (
            (responses.astring, Lexer.astring),
            (responses.string, Lexer.string),
            (responses.nstring, Lexer.nstring),
            (responses.literal, Lexer.string),
        ):
            lexer = Lexer(write(octets))
            self.assertEqual(read(lexer), octets)
            lexer.end()

    @settings(max_examples=200, deadline=None)
    @given(st.text())
    def test_mailbox_round_trip(self, name: str) -> None:
        """A name that we tell is a name that we take."""
        try:
            name = names.canonical(name)
        except ValueError:
            return
        lexer = Lexer(responses.mailbox(name))
        self.assertEqual(names.read_mailbox(lexer), name)
        lexer.end()

    @settings(max_examples=200, deadline=None)
    @given(st.integers(-62135596800, 253402300799))
    def test_internal_date_round_trip(self, seconds: int) -> None:
        """Every second of the calendar is told as it is read."""
        spelt = responses.internal_date(seconds)
        self.assertEqual(len(spelt), 28)
        self.assertEqual(date_time(Lexer(spelt)), seconds)


class ResponseTests(SynchronousTestCase):
    """Each response in its standard's form."""

    def test_lines(self) -> None:
        """The lines are those of the standards' examples."""
        for said, expected in (
            (responses.flag_list(0), b"()"),
            (responses.flag_list(1 | 8), b"(\\Seen \\Deleted)"),
            (responses.flag_list(0, "$a b"), b"($a b)"),
            (responses.flag_list(4, "x"), b"(\\Flagged x)"),
            (responses.flag_list(1, "", True), b"(\\Seen \\Recent)"),
            (responses.flag_list(0, "", True), b"(\\Recent)"),
            (
                responses.flags(["b", "a"]),
                b"FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft a b)",
            ),
            (
                responses.code_permanent_flags(["a"]),
                b"PERMANENTFLAGS "
                b"(\\Seen \\Answered \\Flagged \\Deleted \\Draft a \\*)",
            ),
            (
                responses.code_permanent_flags(none=True),
                b"PERMANENTFLAGS ()",
            ),
            (responses.code_number(b"UIDNEXT", 5), b"UIDNEXT 5"),
            (
                responses.code_append_uid(38505, [3955, 3956, 3957]),
                b"APPENDUID 38505 3955:3957",
            ),
            (
                responses.code_copy_uid(38505, [304, 319, 320], [3956, 4, 5]),
                b"COPYUID 38505 304,319:320 3956,4:5",
            ),
            (responses.uid_list([]), b""),
            (
                responses.condition("OK", "x", b"READ-ONLY"),
                b"OK [READ-ONLY] x",
            ),
            (responses.condition("NO", ""), b"NO -"),
            (responses.enabled([]), b"ENABLED"),
            (responses.enabled(["A", "B"]), b"ENABLED A B"),
            (responses.identity([]), b"ID NIL"),
            (
                responses.identity([("name", "x y"), ("os", None)]),
                b'ID ("name" "x y" "os" NIL)',
            ),
            (responses.namespace(), b'NAMESPACE (("" "/")) NIL NIL'),
            (
                responses.listing("a b", ["\\HasChildren", "\\Sent"]),
                b'LIST (\\HasChildren \\Sent) "/" "a b"',
            ),
            (
                responses.listing("", ["\\Noselect"]),
                b'LIST (\\Noselect) "/" ""',
            ),
            (
                responses.listing("日本語", verb=b"LSUB"),
                b'LSUB () "/" &ZeVnLIqe-',
            ),
            (
                responses.listing("a", child_info=["SUBSCRIBED"]),
                b'LIST () "/" a ("CHILDINFO" ("SUBSCRIBED"))',
            ),
            (
                responses.status("a", [("MESSAGES", 2), ("SIZE", 5)]),
                b"STATUS a (MESSAGES 2 SIZE 5)",
            ),
            (responses.search([]), b"SEARCH"),
            (responses.search([2, 3]), b"SEARCH 2 3"),
            (
                responses.esearch(b"A1", by_uid=False, count=0),
                b'ESEARCH (TAG "A1") COUNT 0',
            ),
            (
                responses.esearch(
                    b"a\\",
                    by_uid=True,
                    minimum=1,
                    maximum=9,
                    count=3,
                    found=UidSet.of(1, 2, 9),
                ),
                b'ESEARCH (TAG "a\\\\") UID MIN 1 MAX 9 COUNT 3 ALL 1:2,9',
            ),
            (
                responses.esearch(b"a", by_uid=False, found=UidSet()),
                b'ESEARCH (TAG "a")',
            ),
            (responses.exists(3), b"3 EXISTS"),
            (responses.recent(0), b"0 RECENT"),
            (responses.expunge(4), b"4 EXPUNGE"),
            (responses.fetch(2, b"UID 7"), b"* 2 FETCH (UID 7)\r\n"),
            (
                responses.internal_date(1044068706),
                b'" 1-Feb-2003 03:05:06 +0000"',
            ),
        ):
            self.assertEqual(said, expected)
