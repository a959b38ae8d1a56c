"""The limits of an account, as a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.realm import Standing
from imailpy.mail import Client, Path, Recipient, Verdict
from imailpy.policy import sending
from imailpy.policy.facts import MailFacts, RcptFacts, Session, Usage
from imailpy.policy.settings import (
    OverLimit,
    PolicySettings,
    SendingLimits,
)

SESSION = Session(Client("192.0.2.1", 1, "submission", "submission", "s1"))
LIMITS = SendingLimits(10, 20, 5, 3, entry="imailpy.toml:7")
HOLDING = SendingLimits(10, 20, 5, 3, OverLimit.HOLD)
SETTINGS = PolicySettings()


def mail(usage: Usage | None) -> MailFacts:
    return MailFacts(SESSION, Path("ann", "local.test"), usage=usage)


def rcpt(usage: Usage | None, first_time: bool = False) -> RcptFacts:
    return RcptFacts(
        mail(None),
        Recipient(Path("dan", "elsewhere.test")),
        Standing(False, False),
        usage=usage,
        first_time=first_time,
    )


class LimitTests(SynchronousTestCase):
    """Each limit: the last that passes, the first that does not."""

    def rule(self, limits: SendingLimits, **counts: int) -> tuple:
        """What is decided at MAIL, RCPT, RCPT of a new address; held."""
        usage = Usage("ann@local.test", limits, burst=3.0)
        values = {"burst": 3.0, **counts}
        usage = Usage(
            usage.account,
            limits,
            values.get("messages", 0),
            values.get("recipients", 0),
            values.get("first_time", 0),
            values["burst"],
        )
        said = (
            sending.messages(mail(usage), SETTINGS),
            sending.recipients(rcpt(usage), SETTINGS),
            sending.recipients(rcpt(usage, True), SETTINGS),
            sending.held(mail(usage), SETTINGS)
            or sending.held(rcpt(usage, True), SETTINGS),
        )
        return tuple(
            None if each is None else each.rule.partition(".")[2]
            for each in said
        )

    def test_B13_9_table(self) -> None:
        """What is over a limit of the day is deferred, or held up to twice
        the limit; a burst is always deferred."""
        messages, recipients, first_time = (
            "messages_a_day",
            "recipients_a_day",
            "first_time_recipients_a_day",
        )
        none = None
        for limits, counts, expected in (
            (LIMITS, {}, (none, none, none, none)),
            (LIMITS, {"messages": 9}, (none, none, none, none)),
            (LIMITS, {"messages": 10}, (messages, none, none, messages)),
            (LIMITS, {"recipients": 19}, (none, none, none, none)),
            (
                LIMITS,
                {"recipients": 20},
                (none, recipients, recipients, recipients),
            ),
            (
                LIMITS,
                {"first_time": 5},
                (none, none, first_time, first_time),
            ),
            (LIMITS, {"burst": 0}, ("burst", none, none, none)),
            (HOLDING, {"messages": 10}, (none, none, none, messages)),
            (HOLDING, {"messages": 19}, (none, none, none, messages)),
            (HOLDING, {"messages": 20}, (messages, none, none, messages)),
            (HOLDING, {"recipients": 39}, (none, none, none, recipients)),
            (
                HOLDING,
                {"recipients": 40},
                (none, recipients, recipients, recipients),
            ),
            (HOLDING, {"first_time": 9}, (none, none, none, first_time)),
            (
                HOLDING,
                {"first_time": 10},
                (none, none, first_time, first_time),
            ),
            (HOLDING, {"burst": 0}, ("burst", none, none, none)),
            (
                SendingLimits(0, 0, 0, 0),
                {"messages": 9**9, "recipients": 9**9, "burst": 0},
                (none, none, none, none),
            ),
        ):
            self.assertEqual(
                self.rule(limits, **counts), expected, (limits, counts)
            )

    def test_reply(self) -> None:
        """The reply tells no number; the reason does, and the entry."""
        decision = sending.messages(
            mail(Usage("ann@local.test", LIMITS, 10, burst=1)), SETTINGS
        )
        if decision is None or decision.reply is None:
            self.fail("nothing was decided")
        self.assertIs(decision.verdict, Verdict.DEFER)
        self.assertEqual(decision.reply.code, 450)
        self.assertEqual(decision.reply.enhanced_status, "4.7.1")
        self.assertNotRegex(decision.reply.text, r"\d")
        self.assertIn("10 messages", decision.reason)
        self.assertEqual(decision.entry, "imailpy.toml:7")

    def test_nobody_counts(self) -> None:
        """Where nobody counts there is nothing to say."""
        self.assertIsNone(sending.messages(mail(None), SETTINGS))
        self.assertIsNone(sending.recipients(rcpt(None), SETTINGS))
        self.assertIsNone(sending.held(mail(None), SETTINGS))
