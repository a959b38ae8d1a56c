"""Login names."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.realm.names import read_login_name, same_name
from imailpy.realm.settings import LoginSettings

STANDARD = LoginSettings()


class NameTests(SynchronousTestCase):
    """One name, however it is typed."""

    def test_spellings(self) -> None:
        """Case, composition and the host delimiter make no other name."""
        for text, expected in (
            ("ann@local.test", "ann@local.test"),
            ("ANN@Local.TEST", "ann@local.test"),
            ("ann%local.test", "ann@local.test"),
            ("ann@local.test.", "ann@local.test"),
            ("Ju\u0308rgen@local.test", "j\u00fcrgen@local.test"),
            ("ann@b\u00fccher.test", "ann@xn--bcher-kva.test"),
        ):
            path = read_login_name(text, STANDARD)
            self.assertEqual(path and path.folded, expected, text)

    def test_default_domain(self) -> None:
        """A name without domain gets the default one, where there is one."""
        self.assertIsNone(read_login_name("ann", STANDARD))
        named = LoginSettings(default_domain="local.test")
        path = read_login_name("Ann", named)
        self.assertEqual(path and path.folded, "ann@local.test")
        off = LoginSettings(host_delimiters="")
        self.assertIsNone(read_login_name("ann%local.test", off))

    def test_B9_4_tricks(self) -> None:
        """What is no address is nobody's name, and is never interpreted."""
        for text in (
            "",
            "*",
            "a)(uid=*",
            "' OR 1=1--",
            "ann@local.test\0",
            "ann\n@local.test",
            "u@local.test@x",
            " ann@local.test",
            "ann@local.test ",
            "ann@local.test\u00a0",
            "\udcff@local.test",
            "ann@[127.0.0.1]",
            "a" * 400 + "@local.test",
            "@local.test",
            "ann@",
        ):
            self.assertIsNone(read_login_name(text, STANDARD), repr(text))
        # Compatibility forms are other names, not the same one.
        self.assertFalse(
            same_name("\uff41nn@local.test", "ann@local.test", STANDARD)
        )
        # Others are names, of nobody, and nothing in them is expanded.
        read = read_login_name("%u%u%u", STANDARD)
        self.assertEqual(str(read), "%u%u@u")
        for text in ("*@local.test", "' OR 1=1--@local.test"):
            self.assertFalse(same_name(text, "ann@local.test", STANDARD), text)

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=60))
    def test_anything(self, text: str) -> None:
        """Any text is a name or none, and reads the same a second time."""
        path = read_login_name(text, STANDARD)
        if path is not None:
            self.assertEqual(read_login_name(str(path), STANDARD), path)
