"""Which policy in Python holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Client
from imailpy.policy.standard import STANDARD
from imailpy.realm.custom.keeper import LOOK_S, Keeper, PolicyRefused
from imailpy.realm.custom.settings import CustomPolicy
from imailpy.realm.rulebook import Rulebooks
from imailpy.realm.settings import RealmSettings
from tests.support.journal import KeptJournal
from tests.support.settings import Fixed
from tests.support.world import TestWorld, result_of

REFUSES = """\
from imailpy.policy.api import *

@on_hello("odd", before="hello")
def odd(facts):
    return reject({reason!r}) if helo(facts) == "odd.example" else None
"""
FAILS = "def test_it():\n    assert False\n"
PASSES = "def test_it():\n    pass\n"


class KeeperTests(SynchronousTestCase):
    """A file, its tests, and changes of both."""

    def setUp(self) -> None:
        self.world = TestWorld()
        self.journal = KeptJournal()
        self.books = Rulebooks(STANDARD, Fixed(RealmSettings()))
        self.keeper = Keeper(self.world, self.journal, self.books)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.file = folder.absolute() / "policy.py"
        self.tests = folder.absolute() / "policy_test.py"
        self.settings = CustomPolicy(file=str(self.file))
        self.write("one")

    def write(self, reason: str) -> None:
        self.file.write_text(REFUSES.format(reason=reason), encoding="utf-8")

    def begin(self, settings: CustomPolicy | None = None) -> None:
        result_of(self.keeper.begin(settings or self.settings))

    def reason(self) -> str:
        """What the policy that holds says of a client."""
        from imailpy.policy.facts import HelloFacts

        client = Client("192.0.2.1", 1, "smtp", "smtp", "s")
        said = self.books.current.hello.decide(
            HelloFacts(client, "odd.example")
        )
        return str(result_of(said).reason)

    def looks(self, times: int = 2) -> None:
        for _ in range(times):
            self.world.advance(LOOK_S)

    def events(self) -> list[str]:
        return [event for event, _ in self.journal.events]

    def alert(self) -> Any:
        return self.keeper.facts()["policy_alert"]

    def test_without_one(self) -> None:
        """Without a policy nothing is added, looked at or told."""
        self.begin(CustomPolicy())
        self.assertEqual(self.reason(), "no check objected")
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])
        self.assertEqual(self.events(), [])
        self.assertEqual(self.keeper.facts(), {})
        self.assertEqual(self.keeper.figures(), {})

    def test_begins(self) -> None:
        """The first one holds, and is told."""
        self.begin()
        self.assertEqual(self.reason(), "one")
        self.assertEqual(self.events(), ["policy.loaded"])
        [told] = self.keeper.functions()
        self.assertEqual(
            (told["name"], told["entry"], told["calls"]),
            ("policy.odd", "policy.py:3", 1),
        )

    def test_no_start_without(self) -> None:
        """A first one that cannot be had is no start."""
        self.tests.write_text(FAILS, encoding="utf-8")
        error = self.assertRaises(PolicyRefused, self.begin)
        self.assertIn("policy_test.py:2: test_it failed", error.private)
        self.assertEqual(error.exit_code, 78)
        self.tests.unlink()
        self.file.write_text("def (", encoding="utf-8")
        error = self.assertRaises(PolicyRefused, self.begin)
        self.assertIn("policy.py:1: SyntaxError", error.private)
        self.file.unlink()
        error = self.assertRaises(PolicyRefused, self.begin)
        self.assertIn("does not exist", error.private)
        self.file.write_bytes(b"# \xff\n")
        error = self.assertRaises(PolicyRefused, self.begin)
        self.assertIn("is not UTF-8", error.private)

    def test_named_tests_must_be_there(self) -> None:
        """Tests that the configuration names cannot be left out."""
        settings = CustomPolicy(
            file=str(self.file), tests=str(self.tests) + "x"
        )
        error = self.assertRaises(PolicyRefused, self.begin, settings)
        self.assertIn("policy_test.pyx does not exist", error.private)

    def test_taken_when_it_changes(self) -> None:
        """A change of the file holds once two looks saw the same."""
        self.begin()
        self.write("two")
        self.looks(1)
        self.assertEqual(self.reason(), "one")
        self.looks(1)
        self.assertEqual(self.reason(), "two")
        self.assertEqual(self.events(), ["policy.loaded"] * 2)

    def test_half_written(self) -> None:
        """A file that is being written is left alone."""
        self.begin()
        for text in ("from imail", "from imailpy.policy.api import *\nd"):
            self.file.write_text(text, encoding="utf-8")
            self.looks(1)
        self.write("two")
        self.looks(2)
        self.assertEqual(self.reason(), "two")
        self.assertEqual(self.events(), ["policy.loaded"] * 2)

    def test_wrong_change(self) -> None:
        """One that is wrong is told once, and the one before stays."""
        self.begin()
        for wrong in ("def (", "1 / 0", ""):
            if wrong:
                self.file.write_text(wrong, encoding="utf-8")
            else:
                self.file.unlink()
            self.looks(6)
            self.assertEqual(self.reason(), "one")
            self.assertTrue(self.alert())
        self.assertEqual(
            self.events(), ["policy.loaded", *["policy.refused"] * 3]
        )
        self.write("three")
        self.looks()
        self.assertEqual(self.reason(), "three")
        self.assertIsNone(self.alert())

    def test_taken_back(self) -> None:
        """Who takes a wrong change back has no alert any more."""
        self.begin()
        text = self.file.read_text("utf-8")
        self.file.write_text("def (", encoding="utf-8")
        self.looks()
        self.assertIn("SyntaxError", self.alert())
        self.file.write_text(text, encoding="utf-8")
        self.looks()
        self.assertIsNone(self.alert())

    def test_tests_that_fail_later(self) -> None:
        """Tests that change are run, and refuse as well."""
        self.begin()
        self.tests.write_text(FAILS, encoding="utf-8")
        self.looks()
        self.assertIn("test_it failed", self.alert())
        self.tests.write_text(PASSES, encoding="utf-8")
        self.looks()
        self.assertIsNone(self.alert())
        self.assertEqual(self.reason(), "one")

    def test_reload(self) -> None:
        """What a reload prepares holds when the reload does."""
        self.begin()
        self.write("two")
        made = result_of(self.keeper.prepare(self.settings))
        self.assertEqual(self.reason(), "one")
        self.keeper.commit(made)
        self.assertEqual(self.reason(), "two")
        self.keeper.commit(result_of(self.keeper.prepare(CustomPolicy())))
        self.assertEqual(self.reason(), "no check objected")
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])

    def test_reload_refused(self) -> None:
        """A reload with a wrong policy tells why, and changes nothing."""
        self.begin()
        self.file.write_text("1 / 0", encoding="utf-8")
        with self.assertRaises(PolicyRefused) as caught:
            result_of(self.keeper.prepare(self.settings))
        self.assertIn("policy.py:1: ZeroDivision", caught.exception.private)
        self.assertIn("policy.py:1: ZeroDivision", self.alert())
        self.assertEqual(self.keeper.figures()["policy_refused"], 1)
        self.assertEqual(self.reason(), "one")

    def test_stop(self) -> None:
        """A server that stops looks no more."""
        self.begin()
        self.keeper.stop()
        self.assertEqual(self.world.reactor.getDelayedCalls(), [])
