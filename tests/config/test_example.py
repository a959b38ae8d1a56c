"""The example file says what the program does."""

import re
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

import imailpy
from imailpy.config import ConfigError, Configuration, example, parse
from imailpy.config.lines import locate
from imailpy.config.listeners import USUAL, listeners
from imailpy.config.walk import values

SAMPLE = Path(imailpy.__file__).parent.parent / "etc" / "imailpy.toml"


def uncommented() -> str:
    """The example with every setting switched on."""
    return re.sub(r"(?m)^#(\[|[a-z_0-9]+ = )", r"\1", example())


class ExampleTests(SynchronousTestCase):
    """etc/imailpy.toml."""

    def test_file_is_current(self) -> None:
        """The sample is what `imailctl config example` prints."""
        self.assertEqual(SAMPLE.read_text(encoding="utf-8"), example())

    def test_every_setting_is_in_it(self) -> None:
        """No setting is left out, and each has a remark."""
        places = locate(uncommented()).places
        full = evolve(Configuration(), listeners={})
        for path, _, declared in values(full):
            if path != ("tls", "certificates"):
                self.assertIn(path, places)
            self.assertTrue(declared.metadata["doc"].endswith("."), path)
        self.assertIn(("tls", "certificates", 0, "key"), places)
        self.assertIn(("delivery", "routes", "example.net", "host"), places)

    def test_examples_are_right(self) -> None:
        """Switched on, every line of it is understood."""
        with self.assertRaises(ConfigError) as caught:
            parse(uncommented())
        said = [each.text for each in caught.exception.complaints]
        # Examples of settings that exclude each other.
        for text in said:
            self.assertRegex(
                text,
                "does not look at|nothing of policy|only recipients = "
                "|could be read on the way|a route in|open_relay"
                "|smart host already",
            )

    def test_defaults_are_right(self) -> None:
        """As it stands it changes nothing."""
        text = example() + '\n[[tls.certificates]]\ncertificate="c"\nkey="k"'
        read = parse(text)
        plain = parse('[[tls.certificates]]\ncertificate="c"\nkey="k"')
        self.assertEqual(evolve(read, listeners={}), plain)
        self.assertEqual(list(listeners(read.listeners)), list(USUAL.values()))

    def test_fits_a_screen(self) -> None:
        """Lines are short enough to be read anywhere."""
        for line in example().splitlines():
            self.assertLess(len(line), 80, line)


class UsualListenersTests(SynchronousTestCase):
    """What is open when nobody says anything."""

    def test_defaults(self) -> None:
        """25 without login, 465 and 587 with, 993; nothing else."""
        found = {
            each.port: (each.auth, each.tls.value, each.plaintext_auth)
            for each in listeners({})
            if each.enabled
        }
        self.assertEqual(
            found,
            {
                25: (False, "starttls", False),
                587: (True, "starttls", False),
                465: (True, "implicit", False),
                993: (True, "implicit", False),
            },
        )
        off = {each.port for each in listeners({}) if not each.enabled}
        self.assertEqual(off, {24, 143, 110, 995})
