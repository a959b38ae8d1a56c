"""The RFC ledger says what the source says."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house.source import HOUSE, modules, room

TAG = re.compile(r"\[RFC ?(\d+)")
STATES = {"yes", "partial", "no"}


def ledger() -> dict[str, str]:
    """Give RFC number -> state."""
    found = {}
    text = (HOUSE / "docs" / "rfcs.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            number, state = line.split()[:2]
            found[number] = state
    return found


class LedgerTests(SynchronousTestCase):
    """docs/rfcs.txt against the tags in the source."""

    def test_states(self) -> None:
        """Every line says yes, partial or no."""
        wrong = {n: s for n, s in ledger().items() if s not in STATES}
        self.assertEqual(wrong, {})

    def test_one_line_each(self) -> None:
        """No RFC stands in the ledger twice."""
        text = (HOUSE / "docs" / "rfcs.txt").read_text(encoding="utf-8")
        numbers = [
            line.split()[0]
            for line in text.splitlines()
            if line and not line.startswith("#")
        ]
        twice = {n for n in numbers if numbers.count(n) > 1}
        self.assertEqual(twice, set())

    def test_tags_have_lines(self) -> None:
        """Every RFC that the source names has a line."""
        lines = ledger()
        missing = {
            (number, module)
            for module, (text, _) in modules().items()
            for number in TAG.findall(text)
            if number not in lines
        }
        self.assertEqual(missing, set())

    def test_lines_have_tags(self) -> None:
        """What the ledger claims can be found in the source."""
        named = {
            number
            for text, _ in modules().values()
            for number in TAG.findall(text)
        }
        claimed = {n for n, s in ledger().items() if s != "no"}
        self.assertEqual(claimed - named, set())

    def test_rooms_have_tags(self) -> None:
        """A room that a line names has the tag in its source."""
        tagged = {
            (number, named)
            for module, (text, _) in modules().items()
            for number in TAG.findall(text)
            for named in (room(module), ".".join(module.split(".")[1:3]))
        }
        wrong = {
            (number, named)
            for number, named in named_rooms()
            if (number, named) not in tagged
        }
        self.assertEqual(wrong, set())


def named_rooms() -> set[tuple[str, str]]:
    """Give (RFC number, room) of every line but those that say no."""
    text = (HOUSE / "docs" / "rfcs.txt").read_text(encoding="utf-8")
    return {
        (words[0], named)
        for line in text.splitlines()
        if line and not line.startswith("#")
        for words in [line.split()]
        if words[1] != "no"
        for named in words[2].split(",")
    }
