"""Stages, order, and what becomes of several decisions."""

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Decision, Reply, Verdict
from imailpy.policy.pipeline import (
    Asked,
    Check,
    Evaluation,
    Place,
    Row,
    settle,
)
from imailpy.policy.settings import PolicySettings
from imailpy.policy.standard import STANDARD
from tests.support.answer import answer

NO = Reply(550, "No", "5.7.1")


def decision(verdict: Verdict, rule: str) -> Decision:
    return Decision(verdict, rule, "because", NO)


class RowTests(SynchronousTestCase):
    """Checks are asked in order, until one refuses."""

    def setUp(self) -> None:
        self.asked: list[str] = []

    def check(self, name: str, said: object) -> Check[str]:
        def function(facts: str, settings: PolicySettings) -> object:
            self.asked.append(name)
            return said

        return Check(name, function)  # type: ignore[arg-type]

    def decide(
        self, *said: object, trail: list[Asked] | None = None
    ) -> Decision:
        checks = tuple(
            self.check(f"check-{at}", each) for at, each in enumerate(said)
        )
        row = Row("test", (Place(1, "one", checks[:1]), Place(2, "x")))
        for check in checks[1:]:
            row = row.with_check("x", check)
        return answer(
            Evaluation(row, PolicySettings(), 7).decide("facts", trail)
        )

    def test_nothing_to_say(self) -> None:
        """Without an objection the answer is yes, by a rule of its own."""
        found = self.decide(None, None)
        self.assertEqual(found.rule, "test.accept")
        self.assertFalse(found.refuses)
        self.assertEqual(found.snapshot, 7)

    def test_first_refusal_ends_it(self) -> None:
        """Behind a refusal nobody is asked."""
        for verdict in (Verdict.DEFER, Verdict.REJECT):
            self.asked.clear()
            found = self.decide(None, decision(verdict, "a"), None)
            self.assertEqual((found.rule, found.snapshot), ("a", 7))
            self.assertEqual(self.asked, ["check-0", "check-1"])

    def test_hardest_of_the_rest(self) -> None:
        """Quarantine outweighs acceptance; the first of equals counts."""
        found = self.decide(
            decision(Verdict.ACCEPT, "a"),
            decision(Verdict.QUARANTINE, "b"),
            decision(Verdict.QUARANTINE, "c"),
            decision(Verdict.ACCEPT, "d"),
        )
        self.assertEqual(found.rule, "b")
        self.assertEqual(
            self.decide(
                decision(Verdict.ACCEPT, "a"), decision(Verdict.ACCEPT, "b")
            ).rule,
            "a",
        )

    def test_unknown_counts_as_nothing(self) -> None:
        """A signal that could not be had is told and decides nothing."""
        trail: list[Asked] = []
        found = self.decide(decision(Verdict.UNKNOWN, "dns"), trail=trail)
        self.assertEqual(found.rule, "test.accept")
        self.assertEqual(
            [each.said.rule for each in trail if each.said], ["dns"]
        )

    def test_trail_holds_the_silent_ones_too(self) -> None:
        """All that were asked are in the trail, none behind a refusal."""
        trail: list[Asked] = []
        said = decision(Verdict.REJECT, "no")
        found = self.decide(None, said, None, trail=trail)
        self.assertEqual(
            [(each.check.name, each.said) for each in trail],
            [("check-0", None), ("check-1", found)],
        )

    def test_refusal_names_its_setting(self) -> None:
        """A refusal without an entry gets that of its check's setting."""
        settings = PolicySettings(written={"a.b": "imailpy.toml:7"})
        said = decision(Verdict.REJECT, "no")
        for setting, entry in (
            ("a.b", "imailpy.toml:7"),
            ("a.c", "a.c (default)"),
            ("", "check (built in)"),
        ):
            check: Check[str] = Check("check", lambda *_: said, setting)
            row = Row("test", (Place(1, "one", (check,)),))
            found = answer(Evaluation(row, settings, 1).decide("facts"))
            self.assertEqual(found.entry, entry)

    def test_what_is_off_is_not_asked(self) -> None:
        """A check that its settings switch off costs nothing."""
        check = self.check("off", decision(Verdict.REJECT, "no"))
        off = evolve(check, on=lambda settings: False)
        row = Row("test", (Place(1, "one", (off,)),))
        found = answer(Evaluation(row, PolicySettings(), 1).decide("facts"))
        self.assertEqual((found.rule, self.asked), ("test.accept", []))

    def test_look_ups_are_awaited(self) -> None:
        """A check may answer later; the next one waits for it."""
        waiting: Deferred[Decision | None] = Deferred()
        row = Row(
            "test",
            (
                Place(
                    5,
                    "lists",
                    (self.check("slow", waiting), self.check("next", None)),
                ),
            ),
        )
        coroutine = Evaluation(row, PolicySettings(), 1).decide("facts")
        result = Deferred.fromCoroutine(coroutine)
        self.assertNoResult(result)
        self.assertEqual(self.asked, ["slow"])
        waiting.callback(None)
        self.assertEqual(self.successResultOf(result).rule, "test.accept")
        self.assertEqual(self.asked, ["slow", "next"])

    def test_unknown_place(self) -> None:
        """A check for a place that is not there is a mistake."""
        row: Row[str] = Row("test", ())
        self.assertRaises(
            ValueError, row.with_check, "spf", self.check("a", None)
        )


class OrderTests(SynchronousTestCase):
    """The order is the manual's, steps to come included."""

    def test_order(self) -> None:
        """Steps never go back, but for quota, which looks twice."""
        steps = [
            place.step
            for row in STANDARD.rows[:5]
            for place in row.places
            if place.step
        ]
        self.assertEqual(steps, sorted(steps))
        self.assertEqual(sorted(set(steps)), list(range(1, 12)))

    def test_relay_before_existence(self) -> None:
        """Who may not relay does not learn who exists."""
        names = [check.name for check in STANDARD.rcpt.checks]
        self.assertEqual(names[0], "relay")
        self.assertLess(names.index("relay"), names.index("recipient.unknown"))

    def test_names_are_unique_in_a_row(self) -> None:
        """Each check of a stage has a name of its own."""
        for row in STANDARD.rows:
            names = [check.name for check in row.checks]
            self.assertEqual(len(names), len(set(names)), row.stage)

    def test_built_in_checks_name_their_setting(self) -> None:
        """Whatever can be configured says where."""
        nowhere = {
            "hello.missing",
            "submission.login_required",
            "recipient.unknown",
        }
        for row in STANDARD.rows:
            for check in row.checks:
                if check.name not in nowhere:
                    self.assertIn(".", check.setting, check.name)


class SettleTests(SynchronousTestCase):
    """Several recipients, one reply."""

    YES = Decision(Verdict.ACCEPT, "yes", "fine")
    BAD = decision(Verdict.REJECT, "content.phrase")
    FULL = decision(Verdict.DEFER, "recipient.quota")

    def test_all_refuse(self) -> None:
        """What every recipient refuses is refused."""
        both = [self.BAD, self.FULL]
        self.assertEqual(settle(both, answered_each=False), both)

    def test_lmtp_answers_each(self) -> None:
        """LMTP tells each recipient's own answer."""
        mixed = [self.YES, self.BAD]
        self.assertEqual(settle(mixed, answered_each=True), mixed)

    def test_one_takes_it(self) -> None:
        """Refused by some, taken by others: kept from the inbox of those,
        or queued where there was no room; nothing is lost, nobody bounced."""
        yes, bad, full = settle(
            [self.YES, self.BAD, self.FULL], answered_each=False
        )
        self.assertEqual(yes, self.YES)
        self.assertEqual(
            (bad.verdict, bad.rule), (Verdict.QUARANTINE, "content.phrase")
        )
        self.assertEqual(
            (full.verdict, full.rule), (Verdict.ACCEPT, "recipient.quota")
        )
