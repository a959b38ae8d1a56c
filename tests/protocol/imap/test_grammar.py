"""Each command's arguments: what they become, and what is refused."""

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Secret, SystemFlag
from imailpy.protocol.imap import commands as c
from imailpy.protocol.imap.grammar import READERS
from imailpy.protocol.imap.state import TRANSITIONS, State
from tests.protocol.imap.talk import Grants, one_command, refusal

T = b"t"
SEEN, DELETED = SystemFlag.SEEN, SystemFlag.DELETED
NONE = SystemFlag(0)


def numbers(*ranges: tuple[int, int]) -> c.SequenceSet:
    """Make a sequence set."""
    return c.SequenceSet(ranges)


class ValueTests(SynchronousTestCase):
    """Commands that are granted."""

    VALUES = {
        b"NOOP": c.Noop(T),
        b"noop": c.Noop(T),
        b"CHECK": c.Noop(T),
        b"CLOSE": c.Close(T),
        b"UNSELECT": c.Unselect(T),
        b"EXPUNGE": c.Expunge(T),
        b"UID EXPUNGE 3:*": c.Expunge(T, numbers((3, c.STAR))),
        b"NAMESPACE": c.Namespace(T),
        b"ID NIL": c.Id(T, ()),
        b"ID ()": c.Id(T, ()),
        b'ID ("name" "x" "os" NIL)': c.Id(T, (("name", "x"), ("os", None))),
        b"ENABLE condstore UTF8=ACCEPT condstore": c.Enable(
            T, ("CONDSTORE", "UTF8=ACCEPT")
        ),
        # Mailboxes
        b"SELECT inBox": c.Select(T, "INBOX", False),
        b'EXAMINE "a b"': c.Select(T, "a b", True),
        b"SELECT &ZeVnLIqe-": c.Select(T, "日本語", False),
        b"SELECT {5+}\r\na/b c": c.Select(T, "a/b c", False),
        b"SELECT a]": c.Select(T, "a]", False),
        b"CREATE inbox/x": c.Create(T, "INBOX/x"),
        b"CREATE a/": c.Create(T, "a"),
        b"CREATE a (USE (\\sent))": c.Create(T, "a", "\\Sent"),
        b"CREATE a (use ())": c.Create(T, "a", None),
        b"DELETE a": c.Delete(T, "a"),
        b'RENAME a "b/c"': c.Rename(T, "a", "b/c"),
        b"SUBSCRIBE a": c.Subscribe(T, "a", True),
        b"UNSUBSCRIBE a": c.Subscribe(T, "a", False),
        b"STATUS a (messages SIZE recent MESSAGES)": c.Status(
            T, "a", ("MESSAGES", "SIZE", "RECENT")
        ),
        # Lists
        b'LIST "" ""': c.List(T, "", ("",)),
        b'LIST "" *': c.List(T, "", ("*",)),
        b"LIST inbox/ %": c.List(T, "INBOX/", ("%",)),
        b'LIST "" "a b*"': c.List(T, "", ("a b*",)),
        b'LIST "" ~foo': c.List(T, "", ("~foo",)),
        # Not modified UTF-7: no error, matches nothing.
        b'LIST "" !#$&\'+,-.0123456789:;<=>?@^_`|[}%*': c.List(T, "", ("\0",)),
        b'LIST "" (a* b%)': c.List(T, "", ("a*", "b%"), extended=True),
        b'LIST () "" a': c.List(T, "", ("a",), extended=True),
        b'LIST (subscribed RECURSIVEMATCH) "" * RETURN (children)': c.List(
            T,
            "",
            ("*",),
            frozenset(("SUBSCRIBED", "RECURSIVEMATCH")),
            frozenset(("CHILDREN",)),
            (),
            True,
        ),
        b'LIST "" % RETURN (STATUS (MESSAGES UNSEEN) SPECIAL-USE)': c.List(
            T,
            "",
            ("%",),
            frozenset(),
            frozenset(("STATUS", "SPECIAL-USE")),
            ("MESSAGES", "UNSEEN"),
            True,
        ),
        b'LIST (SPECIAL-USE) "" * RETURN ()': c.List(
            T, "", ("*",), frozenset(("SPECIAL-USE",)), extended=True
        ),
        b'LSUB "" "*%**"': c.Lsub(T, "", "*"),
        # Messages
        b"COPY 1,3:5,*:2 a": c.Copy(
            T, numbers((1, 1), (3, 5), (c.STAR, 2)), "a", False
        ),
        b"UID COPY * a": c.Copy(T, numbers((c.STAR, c.STAR)), "a", True),
        b"MOVE 4294967295 a": c.Move(
            T, numbers((4294967295, 4294967295)), "a", False
        ),
        b"UID MOVE $ a": c.Move(T, c.SequenceSet((), saved=True), "a", True),
        b"STORE 1 FLAGS ()": c.Store(
            T, numbers((1, 1)), "replace", NONE, frozenset(), False, False
        ),
        b"UID STORE 1 +flags.silent (\\seen \\Deleted $a A a)": c.Store(
            T,
            numbers((1, 1)),
            "add",
            SEEN | DELETED,
            frozenset(("$a", "A")),
            True,
            True,
        ),
        b"STORE 1 -FLAGS \\Seen x": c.Store(
            T, numbers((1, 1)), "remove", SEEN, frozenset("x"), False, False
        ),
    }

    def test_values(self) -> None:
        """Each command is understood as its standard says."""
        for line, value in self.VALUES.items():
            self.assertEqual(one_command(line), value, line)

    def test_login(self) -> None:
        """Name and password are taken as typed, UTF-8 in literals too."""
        for line, user, password in (
            (b"LOGIN a b", "a", b"b"),
            (b'LOGIN "a\\"b" "c\\\\d"', 'a"b', b"c\\d"),
            (b'LOGIN {2+}\r\n\xc3\xa4 ""', "ä", b""),
            (b"LOGIN a]@b {2+}\r\n\xc3\xa4", "a]@b", b"\xc3\xa4"),
        ):
            heard = Grants().hear(b"t " + line + b"\r\n")
            self.assertEqual(
                heard.events, [c.Login(T, user, Secret(password))]
            )
            self.assertNotIn("secret", repr(heard.events))

    def test_every_command_has_a_reader_and_a_state(self) -> None:
        """Grammar and table of states know the same commands."""
        self.assertEqual({verb for _, verb in TRANSITIONS}, set(READERS))

    def test_the_whole_table(self) -> None:
        """A command is BAD in each state that the table does not name."""
        for state in (
            State.NOT_AUTHENTICATED,
            State.AUTHENTICATED,
            State.SELECTED,
        ):
            for verb in READERS:
                heard = Grants(state=state)
                heard.hear(b"t " + verb.encode() + b"\r\n")
                late = heard.said.startswith(b"t BAD Not in this state")
                self.assertEqual(
                    late, (state, verb) not in TRANSITIONS, (state, verb)
                )

    def test_states_move(self) -> None:
        """OK moves a session as the table says, NO and BAD do not."""
        for line, before, after in (
            (b"SELECT a", State.AUTHENTICATED, State.SELECTED),
            (b"EXAMINE a", State.SELECTED, State.SELECTED),
            (b"CLOSE", State.SELECTED, State.AUTHENTICATED),
            (b"UNSELECT", State.SELECTED, State.AUTHENTICATED),
            (b"LOGIN a b", State.NOT_AUTHENTICATED, State.AUTHENTICATED),
        ):
            for status in ("OK", "BAD"):
                every = dict.fromkeys(
                    (c.Select, c.Close, c.Unselect, c.Login),
                    (status, "x", None),
                )
                heard = Grants(state=before, answers=every)
                heard.hear(b"t " + line + b"\r\n")
                expected = after if status == "OK" else before
                self.assertIs(heard.session.state, expected, line)


class FetchTests(SynchronousTestCase):
    """What FETCH asks for."""

    def items(self, items: bytes) -> tuple[c.FetchItem, ...]:
        """Read the items of a FETCH."""
        fetched = one_command(b"FETCH 1 " + items)
        self.assertEqual(fetched.sequence, numbers((1, 1)))
        return fetched.items

    def test_items(self) -> None:
        """Items and macros are understood."""
        for octets, names in (
            (b"flags", ["FLAGS"]),
            (b"(UID Flags)", ["UID", "FLAGS"]),
            (b"(FLAGS FLAGS UID FLAGS)", ["FLAGS", "UID"]),
            (b"BODY", ["BODY"]),
            (b"(BODYSTRUCTURE BODY)", ["BODYSTRUCTURE", "BODY"]),
            (b"FAST", ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]),
            (
                b"all",
                ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
            ),
            (
                b"FULL",
                ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"],
            ),
        ):
            expected = tuple(c.Item(name) for name in names)
            self.assertEqual(self.items(octets), expected, octets)

    def test_sections(self) -> None:
        """Sections and partials are understood."""
        part = c.Section
        for octets, section in (
            (b"BODY[]", part(b"BODY[]")),
            (b"body.peek[]", part(b"BODY[]", peek=True)),
            (b"BODY[]<0.10>", part(b"BODY[]", start=0, count=10)),
            (
                b"BODY[]<4294967295.1>",
                part(b"BODY[]", start=4294967295, count=1),
            ),
            (b"BODY[1]", part(b"BODY[1]", (1,))),
            (
                b"BODY[1.20.3.mime]",
                part(b"BODY[1.20.3.MIME]", (1, 20, 3), "MIME"),
            ),
            (b"BODY[TEXT]", part(b"BODY[TEXT]", what="TEXT")),
            (b"BODY[2.header]", part(b"BODY[2.HEADER]", (2,), "HEADER")),
            (
                b'BODY.PEEK[header.fields (From "Subject" {2+}\r\nto FROM)]',
                part(
                    b"BODY[HEADER.FIELDS (From Subject to FROM)]",
                    what="HEADER.FIELDS",
                    fields=(b"from", b"subject", b"to", b"from"),
                    peek=True,
                ),
            ),
            (
                b'BODY[1.HEADER.FIELDS.NOT ("a(b")]<1.2>',
                part(
                    b'BODY[1.HEADER.FIELDS.NOT ("a(b")]',
                    (1,),
                    "HEADER.FIELDS.NOT",
                    (b"a(b",),
                    start=1,
                    count=2,
                ),
            ),
            (b"RFC822", part(b"RFC822")),
            (
                b"RFC822.HEADER",
                part(b"RFC822.HEADER", what="HEADER", peek=True),
            ),
            (b"RFC822.TEXT", part(b"RFC822.TEXT", what="TEXT")),
        ):
            self.assertEqual(self.items(octets), (section,), octets)

    def test_B7_6_duplicates(self) -> None:
        """A body asked for a thousand times is given once."""
        octets = b"(" + b" ".join([b"BODY[]"] * 1000) + b")"
        self.assertEqual(self.items(octets), (c.Section(b"BODY[]"),))

    def test_B7_7_refused(self) -> None:
        """Sections and partials that there are not are BAD."""
        deep = b".".join([b"1"] * 200)
        many = b" ".join(b"x%d" % n for n in range(5000))
        for octets in (
            b"BODY[]<0.0>",
            b"BODY[]<18446744073709551615.1>",
            b"BODY[]<1>",
            b"BODY[]<-1.5>",
            b"BODY[]<1.5",
            b"BODY[0]",
            b"BODY[01]",
            b"BODY[1.0]",
            b"BODY[1.]",
            b"BODY[.1]",
            b"BODY[4294967296]",
            b"BODY[" + deep + b"]",
            b"BODY[MIME]",
            b"BODY[1.FOO]",
            b"BODY[1 2]",
            b"BODY[1TEXT]",
            b"BODY[TEXT",
            b"BODY[HEADER.FIELDS]",
            b"BODY[HEADER.FIELDS ()]",
            b"BODY[HEADER.FIELDS (a:b)]",
            b"BODY[HEADER.FIELDS (" + many + b")]",
            b"BODY.PEEK",
            b"BINARY[1]",
            b"NOSUCH",
            b"()",
            b"(FLAGS",
            b"(FLAGS  UID)",
            b"(ALL)",
            b"FLAGS UID",
            b"FLAGS (CHANGEDSINCE 1)",
            b"FLAGS ()",
            b"",
        ):
            said = refusal(b"FETCH 1 " + octets)
            self.assertTrue(said.startswith(b"t BAD "), (octets, said))


class SearchTests(SynchronousTestCase):
    """What SEARCH looks for."""

    KEYS = {
        b"ALL": c.And(()),
        b"seen": c.HasFlag(SEEN),
        b"UNSEEN": c.Not(c.HasFlag(SEEN)),
        b"NOT UNDELETED": c.Not(c.Not(c.HasFlag(DELETED))),
        b"RECENT": c.IsRecent(),
        b"OLD": c.Not(c.IsRecent()),
        b"NEW": c.And((c.IsRecent(), c.Not(c.HasFlag(SEEN)))),
        b"KEYWORD $x": c.HasKeyword("$x"),
        b"UNKEYWORD $x": c.Not(c.HasKeyword("$x")),
        b"1:3,*": c.InSet(numbers((1, 3), (c.STAR, c.STAR)), False),
        b"*": c.InSet(numbers((c.STAR, c.STAR)), False),
        b"$": c.InSet(c.SequenceSet((), saved=True), False),
        b"UID 4:2": c.InSet(numbers((4, 2)), True),
        b"BEFORE 1-Jan-1970": c.DateIs("internal", "before", 0),
        b'ON "02-jan-1970"': c.DateIs("internal", "on", 1),
        b"SINCE 1-Mar-2000": c.DateIs("internal", "since", 11017),
        b"SENTBEFORE 31-Dec-1969": c.DateIs("sent", "before", -1),
        b"SENTON 1-Jan-1970": c.DateIs("sent", "on", 0),
        b"SENTSINCE 1-Jan-1970": c.DateIs("sent", "since", 0),
        b"LARGER 0": c.SizeIs("larger", 0),
        b"SMALLER 9223372036854775807": c.SizeIs("smaller", 2**63 - 1),
        b'HEADER Message-ID ""': c.HeaderHas("message-id", ""),
        b"FROM Ann": c.HeaderHas("from", "ann"),
        b"TO a": c.HeaderHas("to", "a"),
        b"CC a": c.HeaderHas("cc", "a"),
        b"BCC a": c.HeaderHas("bcc", "a"),
        b'SUBJECT "A b"': c.HeaderHas("subject", "a b"),
        b"BODY X": c.TextHas("x", False),
        b"TEXT X": c.TextHas("x", True),
        b"TEXT {2+}\r\n\xc3\x84": c.TextHas("ä", True),
        b"CHARSET utf-8 TEXT {2+}\r\n\xc3\x9f": c.TextHas("ss", True),
        b"CHARSET US-ASCII TEXT x": c.TextHas("x", True),
        b'CHARSET "UTF-8" TEXT x': c.TextHas("x", True),
        b"SEEN 1": c.And((c.HasFlag(SEEN), c.InSet(numbers((1, 1)), False))),
        b"(SEEN)": c.HasFlag(SEEN),
        b"(SEEN DELETED) SEEN": c.And(
            (c.And((c.HasFlag(SEEN), c.HasFlag(DELETED))), c.HasFlag(SEEN))
        ),
        b"OR SEEN NOT (1 UID 3)": c.Or(
            c.HasFlag(SEEN),
            c.Not(
                c.And(
                    (
                        c.InSet(numbers((1, 1)), False),
                        c.InSet(numbers((3, 3)), True),
                    )
                )
            ),
        ),
    }

    def test_keys(self) -> None:
        """Every key is understood."""
        for octets, key in self.KEYS.items():
            self.assertEqual(
                one_command(b"SEARCH " + octets),
                c.Search(T, key, False),
                octets,
            )
            self.assertEqual(
                one_command(b"UID SEARCH " + octets),
                c.Search(T, key, True),
                octets,
            )

    def test_returns(self) -> None:
        """RETURN asks for what ESEARCH tells [RFC4731]."""
        for octets, returns in (
            (b"ALL", None),
            (b"RETURN () ALL", frozenset()),
            (b"return (min MAX) ALL", frozenset(("MIN", "MAX"))),
            (b"RETURN (COUNT) CHARSET UTF-8 ALL", frozenset(("COUNT",))),
        ):
            found = one_command(b"SEARCH " + octets)
            self.assertEqual(found.returns, returns)

    def test_bad_charset(self) -> None:
        """A charset that we have not is named as such."""
        for charset in (b"KOI8-R", b"rot13", b"punycode", b'"utf-16"'):
            self.assertEqual(
                refusal(b"SEARCH CHARSET " + charset + b" TEXT x"),
                b"t NO [BADCHARSET (US-ASCII UTF-8)] Charset not supported"
                b"\r\n",
            )

    def test_B7_2_nesting(self) -> None:
        """Fifty levels are read, more are refused, at linear cost."""
        for level, end in ((b"(", b")"), (b"NOT ", b""), (b"OR SEEN ", b"")):
            one_command(b"SEARCH " + level * 50 + b"SEEN" + end * 50)
            for many in (51, 2000, 6000):
                said = refusal(
                    b"SEARCH " + level * many + b"SEEN" + end * many
                )
                self.assertEqual(said, b"t BAD Nested too deeply\r\n")

    def test_many_keys_are_no_nesting(self) -> None:
        """Ten thousand keys in a row are a long search, not a deep one."""
        found = one_command(b"SEARCH" + b" SEEN" * 10000)
        self.assertEqual(len(found.key.keys), 10000)

    def test_refused(self) -> None:
        """What is no search is BAD."""
        for octets in (
            b"",
            b"NOSUCH",
            b"()",
            b"(SEEN",
            b"SEEN)",
            b"SEEN  SEEN",
            b"NOT",
            b"OR SEEN",
            b"HEADER x",
            b'HEADER "" x',
            b"UID",
            b"UID x",
            b"KEYWORD \\Seen",
            b"SINCE 1-Foo-2000",
            b"SINCE 30-Feb-2000",
            b"SINCE 1-Jan-0000",
            b"SINCE 1-Jan-20000",
            b"ON 1/1/2000",
            b"LARGER -1",
            b"LARGER 9223372036854775808",
            b"RETURN (NOSUCH) ALL",
            b"RETURN (ALL)",
            b"SUBJECT (x)",
            b"CHARSET UTF-8",
            b"MODSEQ 1",
            b"TEXT {1+}\r\n\x00",
        ):
            said = refusal(b"SEARCH " + octets)
            self.assertTrue(said.startswith(b"t BAD "), (octets, said))


class RefusalTests(SynchronousTestCase):
    """What is refused."""

    def test_sequence_sets(self) -> None:
        """What is no sequence set is BAD."""
        for octets in (
            b"0",
            b"4294967296",
            b"01",
            b"1:",
            b":1",
            b",1",
            b"1,",
            b"1,,2",
            b"1:2:3",
            b"1-2",
            b"**",
            b"1*",
            b"a",
            b"",
            b"1:4294967296",
            b"99999999999999999999999",
            b"1:0",
        ):
            for verb in (b"FETCH %b FLAGS", b"UID COPY %b x"):
                said = refusal(verb % octets)
                self.assertTrue(said.startswith(b"t BAD "), (octets, said))

    def test_many_ranges(self) -> None:
        """A set of ten thousand ranges is read as such."""
        octets = b",".join(b"%d" % n for n in range(1, 20001, 2))
        fetched = one_command(b"FETCH " + octets + b" FLAGS")
        self.assertEqual(len(fetched.sequence.ranges), 10000)

    def test_syntax(self) -> None:
        """What is no command of the standard is BAD."""
        for line in (
            b"SELECT",
            b"SELECT ",
            b"SELECT a b",
            b"SELECT a (CONDSTORE)",
            b"SELECT (a)",
            b"SELECT a*",
            b"SELECT a{b",
            b'SELECT "a',
            b'SELECT "a\\b"',
            b"CREATE a USE",
            b"CREATE a (FOO (x))",
            b"CREATE a (USE (Sent))",
            b"RENAME a",
            b"STATUS a",
            b"STATUS a ()",
            b"STATUS a (FOO)",
            b"STATUS a MESSAGES",
            b"LIST",
            b'LIST ""',
            b'LIST "" ()',
            b'LIST (imaptest) "" ""',
            b'LIST (recursivematch) "" ""',
            b'LIST (recursivematch remote) "" ""',
            b'LIST (recursivematch special-use) "" *',
            b'LIST "" "" return (imaptest)',
            b'LIST "" "" (CHILDREN)',
            b'LIST "" "" RETURN (STATUS)',
            b'LIST "" "" RETURN (STATUS ())',
            b'LIST "" (' + b" ".join([b"a"] * 65) + b")",
            b"LSUB *",
            b"STORE 1",
            b"STORE 1 FLAGS",
            b"STORE 1 FOO (x)",
            b"STORE 1 FLAGS (x",
            b"STORE 1 FLAGS x)",
            b"STORE 1 (UNCHANGEDSINCE 1) FLAGS x",
            b"STORE 1 +FLAGS \\Foo",
            b"STORE 1 +FLAGS \\Recent",
            b"STORE 1 +FLAGS (\\Seen\\)",
            b"STORE 1 +FLAGS \\",
            b"COPY 1",
            b"MOVE x",
            b"EXPUNGE 1",
            b"UID EXPUNGE",
            b"ENABLE",
            b"ENABLE ",
            b"ID",
            b"ID NILL",
            b'ID ("a")',
            b"ID (a b)",
            b'ID ("' + b"a" * 31 + b'" "b")',
            b'ID ("a" "' + b"b" * 1025 + b'")',
            b"ID (" + b" ".join([b'"a" "b"'] * 31) + b")",
            b"UID",
            b"UID ",
        ):
            said = refusal(line)
            self.assertTrue(said.startswith(b"t BAD "), (line, said))

    def test_authenticate_syntax(self) -> None:
        """What is no base64 is no initial response."""
        for line in (
            b"AUTHENTICATE",
            b"AUTHENTICATE PLAIN ",
            b"AUTHENTICATE PLAIN ==",
            b"AUTHENTICATE PLAIN a",
            b"AUTHENTICATE PLAIN YQ",
            b"AUTHENTICATE PLAIN YQ== YQ==",
            b"AUTHENTICATE PLAIN Y Q==",
            b"LOGIN",
            b"LOGIN a",
            b"LOGIN a b c",
            b"LOGIN {1+}\r\n\xe4 b",
        ):
            heard = Grants().hear(b"t " + line + b"\r\n")
            self.assertTrue(heard.said.startswith(b"t BAD "), line)
            self.assertEqual(heard.events, [])

    def test_special_uses(self) -> None:
        """A use that no mailbox can be made for is told so."""
        for uses in (b"\\All", b"\\Foo", b"\\Sent \\Drafts"):
            self.assertEqual(
                refusal(b"CREATE a (USE (" + uses + b"))"),
                b"t NO [USEATTR] No mailbox for such a use\r\n",
            )

    def test_B7_4_patterns(self) -> None:
        """Wildcards in a row are one; too many of them are refused."""
        found = one_command(b'LIST "" "*%*%*%*%*%x"')
        self.assertEqual(found.patterns, ("*x",))
        found = one_command(b'LIST "" "' + b"*" * 200 + b'"')
        self.assertEqual(found.patterns, ("*",))
        for pattern in (b"%a" * 33, b"x" * 3000):
            self.assertEqual(
                refusal(b'LIST "" "' + pattern + b'"'),
                b"t NO [LIMIT] Pattern too complicated\r\n",
            )

    def test_B7_12_flags_and_dates(self) -> None:
        """Bad flags and dates are BAD, too many keywords NO [LIMIT]."""
        for date in (
            b'" 1-Jan-0001 00:00:00 +9999"',
            b'" 1-Jan-0001 00:00:00 +0001"',
            b'"31-Dec-9999 23:59:59 -0001"',
            b'" 1-Jan-0000 00:00:00 +0000"',
            b'"00-Jan-2000 00:00:00 +0000"',
            b'"29-Feb-2001 00:00:00 +0000"',
            b'" 1-Jan-2000 24:00:00 +0000"',
            b'" 1-Jan-2000 00:60:00 +0000"',
            b'"1-Jan-2000 00:00:00 +0000"',
            b'" 1-Jan-2000 00:00:00"',
            b'" 1-Jan-2000 00:00:00 UTC"',
        ):
            said = refusal(b"APPEND a " + date + b" {3+}\r\nabc")
            self.assertTrue(said.startswith(b"t BAD "), (date, said))
        for flags in (b"(\\Foo\\)", b"(\\Foo)", b"(\\Recent)", b"(a", b"(()"):
            said = refusal(b"APPEND a " + flags + b" {3+}\r\nabc")
            self.assertTrue(said.startswith(b"t BAD "), (flags, said))
        many = b" ".join(b"k%d" % n for n in range(5000))
        for line in (
            b"APPEND a (" + many + b") {3+}\r\nabc",
            b"STORE 1 +FLAGS (" + many + b")",
        ):
            self.assertEqual(
                refusal(line), b"t NO [LIMIT] Too many keywords\r\n"
            )
        self.assertEqual(
            refusal(b"STORE 1 FLAGS " + b"k" * 129),
            b"t NO [LIMIT] Keyword too long\r\n",
        )

    def test_dates_at_the_ends_of_time(self) -> None:
        """The first and the last second of the calendar are accepted."""
        for date, seconds in (
            (b'" 1-Jan-0001 00:00:00 +0000"', -62135596800),
            (b'"31-Dec-9999 23:59:59 +0000"', 253402300799),
            (b'" 1-Jan-1970 00:00:60 -0100"', 3660),
        ):
            heard = Grants(state=State.SELECTED)
            heard.hear(b"t APPEND a " + date + b" {3+}\r\nabc\r\n")
            self.assertEqual(heard.events[0].internal_date, seconds)
