"""SECURITY.md B3.8: the engine against a model of a hundred lines."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from imailpy.mail import Reply
from imailpy.protocol.smtp import events
from tests.protocol.smtp.driving import (
    Flavour,
    Granting,
    Limits,
    codes,
    options,
)
from tests.protocol.smtp.model import Model

# IMAILPY_STEPS=1000000 for the long run.
STEPS = int(os.environ.get("IMAILPY_STEPS", "4000"))
FAULTS = {
    "": b"fine\r\n",
    "bare": b"a\nb\r\n",
    "nul": b"a\0b\r\n",
    "big": b"x" * 200 + b"\r\n",
}
fault = st.sampled_from([*FAULTS, "", "", ""])
often = st.sampled_from([True, True, True, False])
UNLIMITED = Limits(junk_commands=10**9, errors=10**9, swallowed_octets=10**9)


class Duel(RuleBasedStateMachine):
    """Both hear the same; the codes, and what was taken, are compared."""

    @initialize(lmtp=st.booleans(), size=st.sampled_from([1, 3, 10**6]))
    def first(self, lmtp, size) -> None:
        self._begin(lmtp, size)

    @precondition(lambda self: self.model.closed)
    @rule(lmtp=st.booleans(), size=st.sampled_from([1, 3, 10**6]))
    def again(self, lmtp, size) -> None:
        self.teardown()
        self._begin(lmtp, size)

    def _begin(self, lmtp, size) -> None:
        self.size = size
        self.model = Model(lmtp)
        self.granted = {}
        self.taken = []
        self.begun = 0
        self.driver = Granting(
            options(
                flavour=Flavour.LMTP if lmtp else Flavour.SMTP,
                starttls=True,
                mechanisms=lambda tls: ("PLAIN",) if tls else (),
                max_message_octets=100,
                limits=UNLIMITED,
            ),
            {
                kind: self._answer(kind, yes, no)
                for kind, yes, no in (
                    (events.Hello, 250, 550),
                    (events.Mail, 250, 550),
                    (events.Rcpt, 250, 550),
                    (events.DataBegins, 354, 451),
                    (events.EndOfBody, 250, 452),
                    (events.Authenticate, 235, 535),
                )
            },
        )

    def _answer(self, kind, yes, no):
        def answer(event):
            granted = self.granted.get(kind, True)
            if granted and kind is events.EndOfBody:
                envelope = self.driver.session.envelope
                self.taken.append(len(envelope.recipients))
            if granted and kind is events.Mail:
                self.begun += 1
            return Reply(yes if granted else no, "So be it")

        return answer

    def _say(self, octets: bytes, expected: list[int], **granted) -> None:
        self.granted = {
            getattr(events, name): value for name, value in granted.items()
        }
        pieces = [
            octets[at : at + self.size]
            for at in range(0, len(octets), self.size)
        ]
        heard = codes(self.driver.feed(*pieces))
        assert heard == expected, (octets, heard, expected)
        assert self.driver.session.closing == self.model.closed, octets

    def _heard(self, verb: str) -> Model:
        self.model.heard(verb)
        return self.model

    def _open(self) -> bool:
        return not self.model.closed

    @precondition(_open)
    @rule(verb=st.sampled_from(["EHLO", "HELO", "LHLO"]), granted=often)
    def hello(self, verb, granted) -> None:
        self._say(
            f"{verb} c\r\n".encode(),
            self._heard("HELO").hello(verb, granted),
            Hello=granted,
        )

    @precondition(_open)
    @rule(granted=often)
    def mail(self, granted) -> None:
        self._say(
            b"MAIL FROM:<a@x.test>\r\n",
            self._heard("MAIL").mail(granted),
            Mail=granted,
        )

    @precondition(_open)
    @rule(
        argument=st.sampled_from(
            [(b"FROM:<a@x.test", 501), (b"FROM:<a@x.test> X=1", 555),
             (b"FROM:<a@x.test> SIZE=101", 552)]
        )
    )  # fmt: skip
    def bad_mail(self, argument) -> None:
        text, code = argument
        self._say(
            b"MAIL " + text + b"\r\n", self._heard("MAIL").mail(True, code)
        )

    @precondition(_open)
    @rule(granted=often)
    def rcpt(self, granted) -> None:
        self._say(
            b"RCPT TO:<u@local.test>\r\n",
            self._heard("RCPT").rcpt(granted),
            Rcpt=granted,
        )

    @precondition(_open)
    @rule()
    def bad_rcpt(self) -> None:
        self._say(b"RCPT TO:<u@>\r\n", self._heard("RCPT").rcpt(True, 501))

    @precondition(_open)
    @rule(begins=often, granted=often, fault=fault)
    def data(self, begins, granted, fault) -> None:
        expected = self._heard("DATA").data(begins, granted, fault)
        said = b"DATA\r\n"
        if expected[0] == 354:
            said += FAULTS[fault] + b".\r\n"
        self._say(said, expected, DataBegins=begins, EndOfBody=granted)

    @precondition(_open)
    @rule(last=st.booleans(), begins=often, granted=often, fault=fault)
    def bdat(self, last, begins, granted, fault) -> None:
        octets = FAULTS[fault]
        mark = b" LAST" if last else b""
        model = self.model
        if model.chunked and not fault:
            # Small chunks may not add up to a large message.
            octets = b""
        self._say(
            b"BDAT %d%b\r\n" % (len(octets), mark) + octets,
            model.bdat(last, begins, granted, fault),
            DataBegins=begins,
            EndOfBody=granted,
        )

    @precondition(_open)
    @rule()
    def rset(self) -> None:
        self._say(b"RSET\r\n", self._heard("RSET").rset())

    @precondition(_open)
    @rule()
    def starttls(self) -> None:
        expected = self._heard("STARTTLS").starttls()
        self._say(b"STARTTLS\r\n", expected)
        if expected == [220]:
            self.driver.session.secured()

    @precondition(_open)
    @rule(granted=often)
    def auth(self, granted) -> None:
        self._say(
            b"AUTH PLAIN AGEAYg==\r\n",
            self._heard("AUTH").auth(granted),
            Authenticate=granted,
        )

    @precondition(_open)
    @rule(
        line=st.sampled_from(
            [("NOOP", 250), ("HELP", 214), ("VRFY x", 252), ("EXPN x", 502),
             ("NOSUCH", 500), ("", 500), ("XFORWARD A=1", 500),
             ("RSET now", 501), ("NOOP \x01", 501), ("TURN", 500)]
        )
    )  # fmt: skip
    def simple(self, line) -> None:
        text, code = line
        self._say(f"{text}\r\n".encode(), self._heard("NOOP").simple(code))

    @precondition(_open)
    @rule(
        steps=st.integers(1, 5),
        by_data=st.booleans(),
        begins=often,
        granted=often,
        fault=fault,
    )
    def go_on(self, steps, by_data, begins, granted, fault) -> None:
        """What a client would say next, or else it seldom gets anywhere."""
        model = self.model
        for _ in range(steps):
            if model.closed:
                return
            if not model.greeted:
                self.hello("LHLO" if model.lmtp else "EHLO", True)
            elif not model.sender:
                self.mail(True)
            elif model.recipients < 2 and not model.chunked:
                self.rcpt(True)
            elif by_data:
                self.data(begins, granted, fault)
            else:
                self.bdat(model.chunked, begins, granted, fault)

    @precondition(_open)
    @rule(sure=st.integers(0, 9))
    def quit(self, sure) -> None:
        if sure == 0:
            self._say(b"QUIT\r\n", self._heard("QUIT").quit())

    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        session = self.driver.session
        session.end_of_input()
        self.driver.turn()
        # What was answered 250, for as many recipients as the model counts.
        assert self.taken == self.model.taken
        ended = sum(
            1
            for event in self.driver.events
            if isinstance(
                event, events.Reset | events.EndOfBody | events.BodyAborted
            )
        )
        assert ended == self.begun
        assert session.envelope.recipients == ()


class DuelTests(SynchronousTestCase):
    """Random sequences of all commands."""

    def test_B3_8_no_difference(self) -> None:
        """Whatever the order of commands, engine and model agree."""
        length = 40
        run_state_machine_as_test(
            Duel,
            settings=settings(
                max_examples=max(STEPS // length, 1),
                stateful_step_count=length,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
