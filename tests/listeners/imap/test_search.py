"""SEARCH: every key, nesting without bounds, fairness."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.listeners.imap.matching import marks, program_for
from imailpy.mail import SystemFlag
from imailpy.protocol.imap.commands import And, HasFlag, HasKeyword, Not, Or
from tests.support.imap import InMemory
from tests.support.store import deliver

ALICE = "alice@example.test"


def message(
    subject: str, body: str = "text", date: str = "1 Jan 2026", more: str = ""
) -> bytes:
    """Make a message."""
    return (
        f"From: Ann <ann@client.example>\r\nTo: bob@example.test\r\n"
        f"Subject: {subject}\r\nDate: {date} 23:30:00 -0500\r\n{more}"
        f"\r\n{body}\r\n"
    ).encode()


class SearchTests(InMemory, SynchronousTestCase):
    """One client looks for messages."""

    def setUp(self) -> None:
        self.house = self.make_house()
        deliver(self.house.store, ALICE, message("one"), flags=1)
        deliver(
            self.house.store,
            ALICE,
            message("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "needle here"),
            keywords=frozenset({"Blue"}),
        )
        deliver(
            self.house.store,
            ALICE,
            message("three", "x" * 5000, "15 Mar 2025", "X-Odd: Strange\r\n"),
            flags=4,
        )
        self.client = self.house.sign_in(select="INBOX")

    def found(self, key: str) -> str:
        """Search; gives the numbers."""
        said = self.client.say(f"SEARCH {key}")
        self.assertEqual(said[-1], "OK Searched", key)
        return said[0].removeprefix("* SEARCH").strip()

    def test_long_texts(self) -> None:
        """A text across the pieces of a long body is found, in any coat."""
        octets = b"filler text \r\n" * 40_000
        at = octets.index(b"text", 32 * 1024 - 8)
        for subject, hit in (("split", at), ("late", len(octets) - 13)):
            long = octets[:hit] + b"Needle\r\n" + octets[hit:]
            for more in ("", "Content-Type: text/html\r\n"):
                deliver(
                    self.house.store,
                    ALICE,
                    message(subject, long.decode(), more=more),
                )
        self.client.say("NOOP")
        self.assertEqual(self.found("BODY needle"), "2 4 5 6 7")
        self.assertEqual(self.found("TEXT needle SUBJECT late"), "6 7")
        self.assertEqual(self.found("TEXT filler NOT BODY needle"), "")

    def test_texts_of_header_sections(self) -> None:
        """TEXT finds encoded and plain fields; OR asks for what is open."""
        for key, numbers in (
            ("TEXT gr", "2"),
            ("TEXT strange", "3"),
            ("TEXT x-odd", "3"),
            ("OR TEXT strange TEXT needle", "2 3"),
            ("OR SEEN HEADER x-odd strange", "1 3"),
            ("OR SUBJECT one HEADER x-odd strange", "1 3"),
            ("SUBJECT one HEADER x-odd strange", ""),
        ):
            self.assertEqual(self.found(key), numbers, key)

    def test_keys(self) -> None:
        """Every key finds what it is for."""
        for key, numbers in (
            ("ALL", "1 2 3"),
            ("SEEN", "1"),
            ("UNSEEN", "2 3"),
            ("FLAGGED UNSEEN", "3"),
            ("KEYWORD blue", "2"),
            ("UNKEYWORD BLUE", "1 3"),
            ("KEYWORD none", ""),
            ("2:*", "2 3"),
            ("UID 1,3", "1 3"),
            ("1000", ""),
            ("LARGER 1000", "3"),
            ("SMALLER 1000", "1 2"),
            ("BEFORE 16-Jun-2025", "1 2 3"),
            ("ON 15-Jun-2025", "1 2 3"),
            ("SINCE 16-Jun-2025", ""),
            # The day as the sender wrote it, not the one in UTC.
            ("SENTON 1-Jan-2026", "1 2"),
            ("SENTBEFORE 1-Jan-2026", "3"),
            ("SENTSINCE 2-Jan-2026", ""),
            ("SUBJECT ONE", "1"),
            ("FROM ann@CLIENT", "1 2 3"),
            ("TO carol", ""),
            ("CC x", ""),
            ("HEADER X-Odd strange", "3"),
            ('HEADER X-Odd ""', "3"),
            ("HEADER X-None x", ""),
            ("BODY needle", "2"),
            ("BODY subject", ""),
            ("TEXT strange", "3"),
            ("TEXT NEEDLE", "2"),
            ("OR SUBJECT one BODY needle", "1 2"),
            ("NOT BODY needle", "1 3"),
            ("NOT (SEEN) NOT HEADER X-Odd strange", "2"),
            ("(OR (1 SEEN) (3 FLAGGED))", "1 3"),
        ):
            self.assertEqual(self.found(key), numbers, key)

    def test_text_beyond_ascii(self) -> None:
        """Encoded words are decoded, and case is folded as Unicode does."""
        needle = "GRÜSSE".encode()
        said = self.client.send(
            b"x SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n%b\r\n"
            % (len(needle), needle)
        )
        self.assertEqual(said, b"* SEARCH 2\r\nx OK Searched\r\n")

    def test_esearch(self) -> None:
        """RETURN gives what is asked for, and nothing of nothing."""
        for command, answer in (
            ("RETURN () UNSEEN", " ALL 2:3"),
            ("RETURN (MIN MAX) UNSEEN", " MIN 2 MAX 3"),
            ("RETURN (COUNT) UNSEEN", " COUNT 2"),
            ("RETURN (MIN COUNT ALL) KEYWORD none", " COUNT 0"),
        ):
            said = self.client.say(f"SEARCH {command}")
            tag = said[0].split('"')[1]
            self.assertEqual(said[0], f'* ESEARCH (TAG "{tag}"){answer}')
        said = self.client.say("UID SEARCH RETURN (ALL) 1")
        self.assertTrue(said[0].endswith(" UID ALL 1"))

    def test_what_is_not_needed_is_not_read(self) -> None:
        """Bodies are opened only where nothing else decides."""
        box = self.client.protocol.view.mailbox
        opened: list[int] = []
        real = box.body

        async def body(uid: int) -> Any:
            opened.append(uid)
            return await real(uid)

        self.patch(box, "body", body)
        self.assertEqual(self.found("OR SEEN TEXT needle"), "1 2")
        self.assertEqual(opened, [2, 3])
        opened.clear()
        self.found("SUBJECT one NOT TEXT nothing LARGER 1")
        self.assertEqual(opened, [1])

    def test_expunged_meanwhile(self) -> None:
        """What is gone is not found, and the client is told so."""
        other = self.house.sign_in(select="INBOX")
        other.say("STORE 2 +FLAGS.SILENT (\\Deleted)")
        other.say("EXPUNGE")
        for key in ("ALL", "SUBJECT e", "BODY e"):
            said = self.client.say(f"SEARCH {key}")
            self.assertNotIn("2", said[0].split(), key)
            self.assertEqual(said[1], "OK [EXPUNGEISSUED] Searched", key)

    def test_B7_5_nesting(self) -> None:
        """A deep nest of keys is refused or answered, never a crash."""
        for depth in (20, 2000):
            key = "NOT " * depth + "SEEN"
            said = self.client.say(f"SEARCH {key}")
            self.assertIn(said[-1].split()[0], ("OK", "BAD"))
        key = "OR " * 100 + "SEEN " * 101
        said = self.client.say(f"SEARCH {key}")
        self.assertIn(said[-1].split()[0], ("OK", "BAD"))
        self.assertEqual(self.client.say("NOOP"), ["OK Nothing done"])

    def test_B7_5_sets(self) -> None:
        """Any set of numbers is answered by rule."""
        for numbers, found in (
            ("1:4294967295", "1 2 3"),
            ("*:*", "3"),
            ("4294967295:1", "1 2 3"),
            (",".join(str(n) for n in range(1, 3000, 2)), "1 3"),
        ):
            self.assertEqual(self.found(numbers), found, numbers[:20])
        for numbers in ("0", "4294967296", "1:0", "1,,2", ":"):
            said = self.client.say(f"SEARCH {numbers}")
            self.assertTrue(said[-1].startswith("BAD"), numbers)

    def test_B7_5_others_have_their_turn(self) -> None:
        """A long search gives the reactor back again and again."""
        clock = self.house.world.clock
        turns = []
        real_later = clock.call_later

        def call_later(delay_s: float, function: Any, *a: Any) -> Any:
            turns.append(delay_s)
            return real_later(delay_s, function, *a)

        ticks = iter(range(1_000_000))
        self.patch(clock, "call_later", call_later)
        # Every look at the clock takes a hundredth of a second.
        self.patch(clock, "monotonic", lambda: next(ticks) * 0.01)
        self.assertEqual(self.found("TEXT needle"), "2")
        self.assertGreaterEqual(turns.count(0), 3)


KEYS = st.recursive(
    st.sampled_from(
        [HasFlag(flag) for flag in SystemFlag]
        + [HasKeyword(word) for word in "abc"]
    ),
    lambda keys: st.one_of(
        st.builds(Not, keys),
        st.builds(Or, keys, keys),
        st.builds(And, st.lists(keys, max_size=3).map(tuple)),
    ),
    max_leaves=12,
)


def plainly(key: Any, true: frozenset[Any]) -> bool:
    """Decide a key as the definition says."""
    if isinstance(key, And):
        return all(plainly(k, true) for k in key.keys)
    if isinstance(key, Or):
        return plainly(key.left, true) or plainly(key.right, true)
    if isinstance(key, Not):
        return not plainly(key.key, true)
    return key in true


class ProgramTests(SynchronousTestCase):
    """The postfix program."""

    @given(KEYS, st.data())
    @settings(max_examples=150, deadline=None)
    def test_agrees_with_the_definition(self, key: Any, data: Any) -> None:
        """However much is known, nothing is claimed that is not so."""
        size = 6
        program = program_for(key, size)
        truth = {
            leaf.key: data.draw(st.binary(min_size=size, max_size=size))
            for leaf in program.leaves
        }
        bits = {k: bytes(octet & 1 for octet in v) for k, v in truth.items()}
        expected = [
            at
            for at in range(size)
            if plainly(key, frozenset(k for k, v in bits.items() if v[at]))
        ]
        for leaf in program.leaves:
            for _ in program.run():
                pass
            found, still_open = program.found(), program.open()
            self.assertLessEqual(set(found), set(expected))
            self.assertLessEqual(set(expected), {*found, *still_open})
            program.know(leaf, bits[leaf.key])
        for _ in program.run():
            pass
        self.assertEqual(program.found(), expected)
        self.assertEqual(program.open(), [])

    def test_B7_5_two_thousand_levels(self) -> None:
        """2,000 levels of NOT and OR cost work in proportion."""
        for levels in (1000, 2000):
            key: Any = HasFlag(SystemFlag.SEEN)
            for _ in range(levels):
                key = Or(Not(key), HasKeyword("x"))
            program = program_for(key, 100)
            program.know(program.leaves[0], marks(100, [(0, 50)]))
            program.know(program.leaves[1], bytes(100))
            steps = sum(1 for _ in program.run())
            self.assertLessEqual(steps, levels * 4 // 64 + 1)
            self.assertEqual(program.found(), list(range(50)))
