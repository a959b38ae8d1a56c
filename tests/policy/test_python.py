"""A policy in Python: how it is read, tried and joined."""

from __future__ import annotations

import sys
from pathlib import Path as File

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.realm import Standing
from imailpy.mail import Decision, Path, Reply, Verdict
from imailpy.policy import api, trial
from imailpy.policy.book import PolicyWrong, Source, joined, read
from imailpy.policy.pipeline import Check, Evaluation, Place
from imailpy.policy.settings import PolicySettings
from imailpy.policy.standard import STANDARD
from imailpy.policy.testing import Unexpected, expect, facts
from tests.house.source import HOUSE
from tests.support.world import result_of

HEAD = "from imailpy.policy.api import *\n"


def source(text: str, file: str = "policy.py") -> Source:
    return Source(file, HEAD + text)


def tried(text: str, tests: str | None = None) -> trial.Tried:
    """As the process of its own tries it."""
    asked = trial.question(
        source(text),
        None if tests is None else Source("policy_test.py", tests),
    )
    return trial.read_answer(trial.answer(asked))


def decided(text: str, facts: api.Facts, stage: str) -> Decision:
    """What the whole row says with a policy in it."""
    _, registrations = read(source(text))
    pipeline = joined(STANDARD, registrations, "policy.py")
    row = next(row for row in pipeline.rows if row.stage == stage)
    evaluation = Evaluation(row, PolicySettings(), 1)
    return result_of(evaluation.decide(facts))


class ReadingTests(SynchronousTestCase):
    """What may stand in a policy."""

    def refused(self, text: str) -> str:
        with self.assertRaises(PolicyWrong) as caught:
            _, registrations = read(source(text))
            joined(STANDARD, registrations, "policy.py")
        return str(caught.exception)

    def test_registers(self) -> None:
        """Each function has its stage, its name, its place and its line."""
        _, found = read(
            source(
                "@on_rcpt('a.b', before='relay')\n"
                "def one(facts): return None\n"
                "@on_connect('c')\n"
                "def two(facts): return None\n"
            )
        )
        self.assertEqual(
            [
                (each["stage"], each["name"], each["place"], each["line"])
                for each in trial.described(found)
            ],
            [
                ("rcpt", "policy.a.b", "policy-before-relay", 2),
                ("connect", "policy.c", "policy", 4),
            ],
        )

    def test_wrong_is_told_with_its_line(self) -> None:
        """What is wrong with a policy is told with its file and line."""
        for text, told in (
            ("def f(:\n", "policy.py:2: SyntaxError: invalid syntax"),
            ("\n1 / 0\n", "policy.py:3: ZeroDivisionError"),
            ("import nosuch\n", "policy.py:2: ModuleNotFoundError"),
            ("raise SystemExit(0)\n", "policy.py:2: SystemExit"),
            ("@on_rcpt\ndef f(facts): ...\n", "policy.py:2: ValueError"),
            ("@on_rcpt('A b')\ndef f(facts): ...\n", "policy.py:2: Value"),
            (
                "@on_rcpt('a', before='x')\ndef f(facts): ...\n",
                "policy.py:2: the stage rcpt has no place 'x'; it has relay",
            ),
            (
                "@on_rcpt('a')\nasync def f(facts): ...\n",
                "policy.py:2: policy.a is async",
            ),
            (
                "@on_rcpt('a')\ndef f(facts): ...\n"
                "@on_mail('a')\ndef g(facts): ...\n",
                "policy.py:4: policy.a is registered at line 2 already",
            ),
            (
                "@on_rcpt('a')\ndef f(facts, more): ...\n",
                "policy.py:2: policy.a must take one argument",
            ),
            ("try: pass\nexcept: pass\n", "policy.py:3: write except Exc"),
            (
                "try: pass\nexcept (OSError, BaseException): pass\n",
                "policy.py:3: write except Exception",
            ),
        ):
            with self.subTest(text):
                self.assertIn(told, self.refused(text))

    def test_is_a_module(self) -> None:
        """Dataclasses and late annotations work as in any module."""
        text = (
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\n"
            "@dataclass\nclass Row:\n    name: str\n"
        )
        module, _ = read(Source("policy.py", text))
        self.assertEqual(module.Row("a").name, "a")
        self.assertNotIn("policy", sys.modules)

    def test_nothing_registers_outside(self) -> None:
        """Importing a policy elsewhere adds no check to anything."""
        api.on_rcpt("x")(lambda facts: None)
        self.assertEqual(read(source(""))[1], ())


class JoiningTests(SynchronousTestCase):
    """What a policy's check may do beside the built-in ones."""

    def test_accept_opens_no_relay(self) -> None:
        """No function, wherever it stands, makes relay of what is refused."""
        outside = facts.rcpt(
            recipient="x@elsewhere.example", local=False, exists=False
        )
        for place in ("", ", before='relay'", ", after='relay'"):
            said = decided(
                f"@on_rcpt('a'{place})\n"
                "def f(facts): return accept('let it in')\n",
                outside,
                "rcpt",
            )
            self.assertEqual(
                (said.verdict, said.rule), (Verdict.REJECT, "relay.stranger")
            )

    def test_accept_opens_no_door(self) -> None:
        """No function lets a client in that is over a limit."""
        for stage, what, rule in (
            ("connect", facts.connect(in_total=10**6), "connect.total"),
            ("hello", facts.hello("a b"), "hello.syntax"),
            ("mail", facts.mail(helo=None), "hello.missing"),
            (
                "mail",
                facts.mail(service="submission"),
                "submission.login_required",
            ),
        ):
            row = next(r for r in STANDARD.rows if r.stage == stage)
            first = row.places[0].name
            said = decided(
                f"@on_{stage}('a', before='{first}')\n"
                "def f(facts): return accept('let it in')\n",
                what,
                stage,
            )
            self.assertTrue(said.refuses)
            self.assertEqual(said.rule, rule)

    def test_no_refusal_is_taken_back(self) -> None:
        """At every place of every stage a built-in refusal stays one."""
        no = Decision(Verdict.REJECT, "built.in", "no", Reply(550, "No"))
        for row in STANDARD.rows:
            names = [place.name for place in row.places]
            text = "".join(
                f"@on_{row.stage}('a{at}', {side}={name!r})\n"
                "def f(facts): return accept('let it in')\n"
                for at, name in enumerate(names * 2)
                for side in ("before" if at < len(names) else "after",)
            )
            _, registrations = read(source(text))
            self.assertEqual(len(registrations), 2 * len(names))
            for name in names:
                check = Check("built.in", lambda facts, settings: no)
                only = evolve(
                    row,
                    places=tuple(
                        Place(0, each, (check,) if each == name else ())
                        for each in names
                    ),
                )
                pipeline = joined(
                    evolve(STANDARD, **{row.stage: only}),
                    registrations,
                    "policy.py",
                )
                changed = next(
                    each for each in pipeline.rows if each.stage == row.stage
                )
                evaluation = Evaluation(changed, PolicySettings(), 1)
                said = result_of(evaluation.decide(None))
                self.assertEqual(said.rule, "built.in", (row.stage, name))

    def test_facts_are_frozen(self) -> None:
        """A function cannot change what the checks behind it see."""
        said = tried(
            "@on_rcpt('a')\ndef f(facts):\n    facts.standing = None\n",
            "import policy\nfrom imailpy.policy.testing import facts\n"
            "def test_f(): policy.f(facts.rcpt())\n",
        )
        self.assertIn("FrozenInstanceError", said.wrong)

    def test_order(self) -> None:
        """Without a place it is asked behind all; else where it says."""
        body = "def f(facts): return reject('no')\n"
        nobody = facts.rcpt(exists=False)
        self.assertEqual(
            decided(f"@on_rcpt('a')\n{body}", nobody, "rcpt").rule,
            "recipient.unknown",
        )
        said = decided(f"@on_rcpt('a', after='relay')\n{body}", nobody, "rcpt")
        self.assertEqual(said.reason, "no")


class TrialTests(SynchronousTestCase):
    """The tests beside a policy."""

    CHECK = "@on_mail('a')\ndef f(facts): return defer('no')\n"

    def test_passes(self) -> None:
        """Tests that pass are told, each with its line."""
        found = tried(
            self.CHECK,
            "import policy\nfrom imailpy.policy.testing import *\n"
            "def test_a(): "
            "expect(policy.f(facts.mail()), 'defer', code=450)\n",
        )
        self.assertEqual(found.wrong, "")
        self.assertEqual(
            found.tests, (trial.Tested("test_a", "policy_test.py:3"),)
        )

    def test_failures(self) -> None:
        """A test that fails names its line, and refuses the policy."""
        for test, told in (
            (
                "expect(policy.f(facts.mail()), 'reject')",
                "it says defer: no; wanted reject",
            ),
            ("assert 1 == 2", "its assertion does not hold"),
            ("raise SystemExit", "SystemExit"),
            ("expect(1)", "1 is neither a Decision nor None"),
        ):
            found = tried(
                self.CHECK,
                "import policy\nfrom imailpy.policy.testing import *\n"
                f"def test_a():\n    {test}\ndef test_b(): pass\n",
            )
            self.assertIn("policy_test.py:4: test_a failed: ", found.wrong)
            self.assertIn(told, found.wrong)
            self.assertIn("1 of 2", found.wrong)

    def test_no_test_is_a_failure(self) -> None:
        """A file of tests without a test is a mistake."""
        self.assertIn("has no test", tried(self.CHECK, "x = 1\n").wrong)

    def test_expect(self) -> None:
        """Each difference is found."""
        said = Decision(
            Verdict.REJECT, "policy.a", "why", Reply(550, "no", "5.7.1")
        )
        expect(said, "reject", rule="policy.a", code=550)
        expect(None)
        for wrong in (
            {"verdict": None},
            {"verdict": "defer"},
            {"verdict": "reject", "rule": "policy.b"},
            {"verdict": "reject", "code": 554},
        ):
            self.assertRaises(Unexpected, expect, said, **wrong)
        self.assertRaises(Unexpected, expect, None, "reject")


class WordsTests(SynchronousTestCase):
    """Facts as plain text."""

    def test_words(self) -> None:
        """Addresses come in lower case, nothing as the empty text."""
        data = facts.data(
            recipient="Ann@Example.COM",
            sender="",
            user="Bob@Example.com",
            ip="2001:db8::1",
            helo="MAIL.x",
        )
        self.assertEqual(api.recipient(data), "ann@example.com")
        self.assertEqual(api.sender(data), "")
        self.assertEqual(api.user(data), "bob@example.com")
        self.assertEqual(api.ip(data), "2001:db8::1")
        self.assertEqual(api.helo(data), "mail.x")
        self.assertEqual(api.helo(facts.mail(helo=None)), "")
        self.assertEqual(api.service(facts.connect()), "smtp")
        self.assertEqual(api.user(facts.hello()), "")
        self.assertRaises(TypeError, api.sender, facts.connect())

    def test_within(self) -> None:
        """Networks of both kinds."""
        nets = ("10.0.0.0/8", "2001:db8::/32")
        self.assertTrue(api.within("10.1.2.3", *nets))
        self.assertTrue(api.within("2001:db8::9", *nets))
        self.assertFalse(api.within("192.0.2.1", *nets))

    def test_domain_of(self) -> None:
        """What stands behind the last @."""
        self.assertEqual(api.domain_of('"a@b"@c.example'), "c.example")
        self.assertEqual(api.domain_of("postmaster"), "")

    def test_postmaster(self) -> None:
        """The bare postmaster has an address, too."""
        bare = api.RcptFacts(
            facts.mail(),
            facts.rcpt().recipient.__class__(Path("Postmaster", "")),
            Standing(local=True, exists=True),
        )
        self.assertEqual(api.recipient(bare), "postmaster")


class ExampleTests(SynchronousTestCase):
    """The policy that is shipped."""

    def test_example(self) -> None:
        """It loads, and its tests pass."""
        policy, tests = (
            Source(name, File(HOUSE, "etc", name).read_text("utf-8"))
            for name in ("policy.py", "policy_test.py")
        )
        found = trial.attempt(policy, tests)
        self.assertEqual(found.wrong, "")
        self.assertEqual(len(found.checks), 3)
        self.assertEqual(len(found.tests), 3)
