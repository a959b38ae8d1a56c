"""LIST patterns."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.imap.patterns import Pattern, squeeze
from tests.protocol.imap.work import calls


def oracle(pattern: str, name: str) -> bool:
    """Try every choice."""

    @cache
    def match(p: int, n: int) -> bool:
        if p == len(pattern):
            return n == len(name)
        if pattern[p] in "*%":
            if match(p + 1, n):
                return True
            return (
                n < len(name)
                and (pattern[p] == "*" or name[n] != "/")
                and match(p, n + 1)
            )
        return n < len(name) and name[n] == pattern[p] and match(p + 1, n + 1)

    return match(0, 0)


class PatternTests(SynchronousTestCase):
    """Patterns against names."""

    def test_examples(self) -> None:
        """Stars cross levels, percent signs do not."""
        for pattern, name, expected in (
            ("*", "a/b/c", True),
            ("%", "a", True),
            ("%", "a/b", False),
            ("a/%", "a/b", True),
            ("a/%", "a/b/c", False),
            ("%/%", "a/b", True),
            ("*b", "a/b", True),
            ("%b", "a/b", False),
            ("a*", "a", True),
            ("a*", "ba", False),
            ("a", "a", True),
            ("", "", True),
            ("", "a", False),
            ("*a%b", "a/xa/cab", True),
            ("%a*b%c*d", "xa//b-c//d", True),
        ):
            self.assertIs(Pattern(pattern).matches(name), expected, pattern)

    def test_reference(self) -> None:
        """Reference and pattern are one."""
        self.assertTrue(Pattern("%", "a/").matches("a/b"))
        self.assertFalse(Pattern("%", "a/").matches("b"))

    def test_B12_3_inbox(self) -> None:
        """INBOX is found in any case; nothing else is."""
        for pattern in ("inbox", "InB%", "in*", "%", "*X", "I%x"):
            self.assertTrue(Pattern(pattern).matches("INBOX"), pattern)
        self.assertTrue(Pattern("inbox/%").matches("INBOX/x"))
        self.assertFalse(Pattern("inb%").matches("INBOUND"))
        self.assertFalse(Pattern("x").matches("INBOX"))
        self.assertFalse(Pattern("inb").matches("INBOX"))

    def test_squeeze(self) -> None:
        """Wildcards in a row are one."""
        self.assertEqual(squeeze("a%%b*%c%*%"), "a%b*c*")

    @settings(max_examples=1500, deadline=None)
    @given(st.text("ab/*%", max_size=10), st.text("ab/", max_size=12))
    def test_against_oracle(self, pattern: str, name: str) -> None:
        """The fast way finds what trying every choice finds."""
        self.assertIs(Pattern(pattern).matches(name), oracle(pattern, name))

    def test_B7_4_many_mailboxes(self) -> None:
        """Ten thousand mailboxes of 40 characters cost no more than ten
        thousand small walks."""
        compiled = Pattern("*%*%*%*%*%x")
        names = [f"{n:05d}".ljust(40, "a") for n in range(100)]

        def look() -> None:
            for name in names:
                compiled.matches(name)

        # The work of a hundred names, a hundred times.
        self.assertLess(100 * calls(look), 10_000 * 200)

    def test_B7_4_cost(self) -> None:
        """Hostile patterns cost work that grows with the name's length."""
        for pattern in (
            "*%*%*%*%*%x",
            "*" * 200,
            "*a%a%a%a%a%b",
            "*a*a*a*a*a*b",
            "%a%a%a%a%b",
            "*a/%a/%a%b",
        ):
            compiled = Pattern(pattern)
            costs = [
                calls(lambda c=compiled, n=n: c.matches("a" * n))
                for n in (500, 1000)
            ]
            self.assertLess(costs[1], 2.5 * costs[0] + 20, pattern)
            self.assertLess(costs[1], 50_000, pattern)
