"""What an account may send, from the socket to the store."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from imailpy.errors import StoreUnavailable
from imailpy.interfaces.queue import QueueState
from imailpy.interfaces.sending import OwnLimits
from imailpy.mail import (
    Client,
    Decision,
    MailParameters,
    Path,
    ProvenCredentials,
)
from imailpy.policy.settings import OverLimit, SendingLimits
from imailpy.realm.rehearsal import Rehearsal
from tests.listeners.smtp.serving import Talker
from tests.protocol.smtp.driving import codes
from tests.roof.rooms import ALICE, BOB, NO_LIMITS, RoomsCase
from tests.support.still_world import result_of
from tests.support.store import account_of

MAIL = f"MAIL FROM:<{ALICE}>\r\n".encode()
TEXT = f"DATA\r\nFrom: {ALICE}\r\n\r\nx\r\n.\r\n".encode()
NO = b"450 4.7.1 Sending limit reached, please try later\r\n"
HOUR_S = 3600.0


def rcpt(*names: str) -> bytes:
    return b"".join(f"RCPT TO:<{name}>\r\n".encode() for name in names)


class SendingTests(RoomsCase):
    """B13.9, and what is around it."""

    def limit(self, **limits: Any) -> None:
        settings = self.realm_settings
        settings.change(
            evolve(
                settings.current,
                policy=evolve(
                    settings.current.policy,
                    sending=evolve(NO_LIMITS, **limits),
                ),
            )
        )

    def send(self, talker: Talker, *names: str) -> list[int]:
        return codes(talker.say(MAIL + rcpt(*(names or (BOB,))) + TEXT, 0.01))

    def alerts(self) -> list[dict[str, Any]]:
        return [
            facts
            for event, facts in self.journal.events
            if event == "submission.limit_alert"
        ]

    def restart(self) -> None:
        """The server stops, and starts again."""
        self.successResultOf(Deferred.fromCoroutine(self.realm.stop()))
        self.build()

    def states(self) -> list[QueueState]:
        return [row.state for row in result_of(self.store.queue.rows())]

    def test_B13_9_stolen_account(self) -> None:
        """A stolen account is stopped at its limit, whatever it tries, and
        the alert tells of it, once."""
        self.limit(messages=50)
        sent = 0
        for _ in range(4):
            talkers = [self.signed_in() for _ in range(5)]
            for _ in range(5):
                for talker in talkers:
                    said = talker.say(MAIL, 0.01)
                    if said == NO:
                        continue
                    said = talker.say(rcpt("dan@elsewhere.test") + TEXT, 0.01)
                    sent += codes(said)[-1] == 250
            for talker in talkers:
                talker.leave()
        self.assertEqual(sent, 50)
        self.assertEqual(len(self.states()), 50)
        (alert,) = self.alerts()
        self.assertEqual(alert["account"], ALICE)
        self.assertEqual(alert["rule"], "submission.messages_a_day")
        self.assertEqual(alert["client"], "192.0.2.77")
        self.assertEqual(self.send(self.signed_in(who=BOB))[:1], [553])

    def test_rehearsals_count_nothing(self) -> None:
        """A rehearsal is told what the live server would say of a limit, and
        takes nothing from the account, however often it is asked."""
        self.limit(messages=2, burst=4)
        talker = self.signed_in()
        self.assertEqual(self.send(talker), [250, 250, 354, 250])
        alice = account_of(self.store, ALICE)
        live = result_of(self.realm.sending.begin(alice))
        before = live.usage()
        for _ in range(3):
            realm = Rehearsal(self.realm)
            said = [
                result_of(self.rehearsed_mail(realm)).rule for _ in range(2)
            ]
            self.assertEqual(said[0], "mail.accept")
            self.assertEqual(said[1], "submission.messages_a_day")
        self.assertEqual(live.usage(), before)
        self.assertEqual(self.send(talker), [250, 250, 354, 250])
        self.assertEqual(self.alerts(), [])
        self.world.run(60.0)
        said = result_of(self.rehearsed_mail(Rehearsal(self.realm)))
        self.assertEqual(said.rule, "submission.messages_a_day")
        self.assertEqual(self.alerts(), [])

    async def rehearsed_mail(self, realm: Rehearsal) -> Decision:
        """Alice signs in, says MAIL and goes on to send it."""
        gate = realm.gate(Client("192.0.2.1", 0, "587", "submission", "x"))
        await gate.hello("laptop.test")
        await gate.login(ProvenCredentials(ALICE, mechanism="PLAIN"))
        return await gate.mail(Path.parse(ALICE), MailParameters())

    def test_B13_9_at_once(self) -> None:
        """Many connections at once get no more than one after another:
        what is under way counts."""
        self.limit(messages=3, recipients=5)
        talkers = [self.signed_in() for _ in range(6)]
        said = [codes(talker.say(MAIL, 0.01)) for talker in talkers]
        self.assertEqual(said, [[250]] * 3 + [[450]] * 3)
        talkers[0].leave()
        talkers[1].say(b"RSET\r\n")
        said = [codes(talker.say(MAIL, 0.01)) for talker in talkers[3:]]
        self.assertEqual(said, [[250], [250], [450]])
        said = [
            codes(talker.say(rcpt(BOB, "info@example.test"), 0.01))
            for talker in talkers[2:5]
        ]
        self.assertEqual(said, [[250, 250], [250, 250], [250, 450]])

    def test_recipients_a_day(self) -> None:
        """A recipient over the limit is deferred, those before it get the
        message; refused ones do not count."""
        self.limit(recipients=2)
        talker = self.signed_in()
        self.assertEqual(
            self.send(talker, "no@example.test", BOB, ALICE, BOB),
            [250, 550, 250, 250, 450, 354, 250],
        )
        self.assertEqual(len(self.mails(BOB)), 1)
        self.assertEqual(
            self.alerts()[0]["rule"], "submission.recipients_a_day"
        )

    def test_first_time_recipients(self) -> None:
        """Only addresses never written to before count, over a restart."""
        self.limit(first_time=2)
        talker = self.signed_in()
        a, b, c = (f"{name}@elsewhere.test" for name in "abc")
        self.assertEqual(
            self.send(talker, a, b, c, a), [250, 250, 250, 450, 250, 354, 250]
        )
        self.assertEqual(codes(talker.say(MAIL + rcpt(c), 0.1)), [250, 450])
        self.assertEqual(self.send(talker, b, "A@ELSEWHERE.test")[-1], 250)
        self.restart()
        self.world.run(25 * HOUR_S)
        talker = self.signed_in()
        self.assertEqual(self.send(talker, a, b, c)[-1], 250)
        self.assertEqual(
            self.send(talker, "d@elsewhere.test", "e@elsewhere.test"),
            [250, 250, 450, 354, 250],
        )

    def test_burst(self) -> None:
        """A burst is over in a minute, and no alert is raised."""
        self.limit(burst=3, over=OverLimit.HOLD)
        talker = self.signed_in()
        said = [self.send(talker)[-1] for _ in range(3)]
        self.assertEqual(said, [250, 250, 250])
        self.assertEqual(talker.say(MAIL * 2), NO * 2)
        self.world.run(21.0)
        self.assertEqual(self.send(talker)[-1], 250)
        self.assertEqual(talker.say(MAIL), NO)
        self.world.run(61.0)
        said = [self.send(talker)[-1] for _ in range(3)]
        self.assertEqual(said, [250, 250, 250])
        self.assertEqual(talker.say(MAIL), NO)
        self.assertEqual(self.alerts(), [])

    def test_a_day_is_24_hours(self) -> None:
        """Room comes back a day later, and not before; the alert too."""
        self.limit(messages=2)
        talker = self.signed_in()
        self.send(talker)
        self.world.run(10 * HOUR_S)
        self.send(talker := self.signed_in())
        self.assertEqual(talker.say(MAIL), NO)
        self.world.run(12 * HOUR_S)
        self.assertEqual((talker := self.signed_in()).say(MAIL), NO)
        self.world.run(2 * HOUR_S)
        self.assertEqual(self.send(talker := self.signed_in())[-1], 250)
        self.assertEqual(talker.say(MAIL), NO)
        self.assertEqual(len(self.alerts()), 1)
        self.world.run(10 * HOUR_S)
        self.send(talker := self.signed_in())
        self.assertEqual(talker.say(MAIL), NO)
        self.assertEqual(len(self.alerts()), 2)

    def test_counts_survive(self) -> None:
        """A restart gives no room, nor a second alert."""
        self.limit(messages=2)
        talker = self.signed_in()
        self.send(talker)
        self.send(talker)
        self.assertEqual(talker.say(MAIL), NO)
        self.restart()
        self.assertEqual(self.signed_in().say(MAIL), NO)
        self.assertEqual(len(self.alerts()), 1)

    def test_written_within_a_second(self) -> None:
        """A crash loses the counts of one second at most; a store that
        cannot take them is tried again."""
        self.limit(messages=9)
        account = account_of(self.store, ALICE).id
        self.send(self.signed_in())
        self.assertEqual(result_of(self.store.sending.use(account)).hours, ())
        record = self.store.sending.record

        async def down(changes: Any) -> None:
            raise StoreUnavailable("scripted")

        self.store.sending.record = down
        self.world.run(1.5)
        self.assertIn("submission.unrecorded", self.journal.names())
        self.store.sending.record = record
        self.world.run(1.5)
        (hour,) = result_of(self.store.sending.use(account)).hours
        self.assertEqual((hour.messages, hour.recipients), (1, 1))

    def test_refused_message_does_not_count(self) -> None:
        """What was not taken counts for nothing."""
        self.limit(messages=1)
        talker = self.signed_in()
        bad = f"DATA\r\nFrom: {BOB}\r\n\r\nx\r\n.\r\n".encode()
        said = talker.say(MAIL + rcpt(BOB) + bad, 0.01)
        self.assertEqual(codes(said), [250, 250, 354, 553])
        self.assertEqual(self.send(talker)[-1], 250)
        self.assertEqual(talker.say(MAIL), NO)

    def test_hold(self) -> None:
        """Over a limit mail is taken and held, all of it, up to twice the
        limit; an operator lets it go."""
        self.limit(messages=1, over=OverLimit.HOLD)
        talker = self.signed_in()
        self.send(talker, BOB)
        self.assertEqual(self.states(), [])
        self.assertEqual(self.send(talker, BOB, "dan@elsewhere.test")[-1], 250)
        self.assertEqual(self.states(), [QueueState.HELD] * 2)
        self.assertEqual(len(self.mails(BOB)), 1)
        self.assertIn("delivery.held", self.journal.names())
        self.assertEqual(len(self.alerts()), 1)
        self.assertEqual(talker.say(MAIL), NO)
        rows = [row.id for row in result_of(self.store.queue.rows())]
        result_of(self.store.queue.retry(rows, self.world.clock.now()))
        self.assertEqual(self.states(), [QueueState.READY] * 2)

    def test_hold_recipients(self) -> None:
        """One recipient over the limit, and the whole message is held."""
        self.limit(recipients=1, over=OverLimit.HOLD)
        talker = self.signed_in()
        said = self.send(talker, "a@elsewhere.test", "b@elsewhere.test", BOB)
        self.assertEqual(said, [250, 250, 250, 450, 354, 250])
        self.assertEqual(self.states(), [QueueState.HELD] * 2)

    def test_own_limits(self) -> None:
        """An account's own limits go before those of all, at once; the
        decision names them."""
        self.limit(messages=1)
        account = account_of(self.store, ALICE).id
        talker = self.signed_in()
        self.send(talker)
        self.assertEqual(talker.say(MAIL), NO)
        result_of(
            self.store.sending.set_limits(account, OwnLimits(messages=2))
        )
        self.assertEqual(self.send(talker)[-1], 250)
        self.assertEqual(talker.say(MAIL), NO)
        self.assertEqual(
            self.journal.events[-1][1]["entry"], f"account {ALICE}"
        )
        result_of(
            self.store.sending.set_limits(account, OwnLimits(messages=0))
        )
        self.assertEqual(self.send(talker)[-1], 250)

    def test_nothing_counts_for_the_world(self) -> None:
        """Mail from the world is no account's."""
        self.limit(messages=1, recipients=1, burst=1)
        talker = self.call(25)
        for _ in range(3):
            said = talker.say(
                b"MAIL FROM:<x@elsewhere.test>\r\n" + rcpt(BOB) + TEXT, 0.01
            )
            self.assertEqual(codes(said)[-1], 250)

    def test_memory_is_bounded(self) -> None:
        """Ledgers with nothing under way and nothing new are let go."""
        from imailpy.realm import sending as module

        self.patch(module, "MOST_LEDGERS", 2)
        counting: Any = self.realm.sending
        for number in range(20):
            result_of(counting._ledger(f"account{number}"))
        self.assertLessEqual(len(counting._ledgers), 2)

    def test_defaults(self) -> None:
        """As they are the limits stop a spammer, and nobody else."""
        self.assertTrue(SendingLimits().any)
        self.assertFalse(NO_LIMITS.any)
