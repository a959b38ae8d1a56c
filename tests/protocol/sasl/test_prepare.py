"""Names and passwords in one form."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.sasl.prepare import (
    Unpreparable,
    prepared,
    prepared_password,
)


class PrepareTests(SynchronousTestCase):
    """SASLprep as RFC 4013 shows it."""

    def test_examples_of_the_standard(self) -> None:
        """The seven examples of RFC 4013 section 3 come out as printed."""
        for text, expected in (
            ("I\u00adX", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
        ):
            self.assertEqual(prepared(text), expected)
        for text in ("\x07", "\u0627\u0031"):
            self.assertRaises(Unpreparable, prepared, text)

    def test_spaces_and_composition(self) -> None:
        """An e with an accent is one whichever keyboard typed it."""
        self.assertEqual(prepared("e\u0301\u00a0x"), "\u00e9 x")

    def test_right_to_left(self) -> None:
        """A Hebrew name passes, one mixed with Latin letters does not."""
        self.assertEqual(prepared("\u05d0\u05d1"), "\u05d0\u05d1")
        self.assertRaises(Unpreparable, prepared, "\u05d0x\u05d1")

    def test_younger_characters_pass(self) -> None:
        """A password with an emoji works."""
        self.assertEqual(prepared("pass\U0001f600"), "pass\U0001f600")

    def test_unpreparable_password_stays(self) -> None:
        """A password with no one form still equals itself."""
        for octets in (b"a\x07b", b"\xff\xfe", b""):
            self.assertEqual(prepared_password(octets), octets)
        self.assertEqual(prepared_password("\u2168".encode()), b"IX")

    @settings(max_examples=100, deadline=None)
    @given(st.text())
    def test_preparing_twice_changes_nothing(self, text: str) -> None:
        """What is prepared stays as it is."""
        try:
            once = prepared(text)
        except Unpreparable:
            return
        self.assertEqual(prepared(once), once)
