"""What every provider must do with accepted mail and its queue."""

from __future__ import annotations

from typing import Any

from imailpy import errors
from imailpy.interfaces.queue import Attempt, QueuedRecipient, QueueState
from imailpy.interfaces.store import Acceptance, MailboxDelivery
from imailpy.mail import MailParameters, Path, Reply, SystemFlag
from tests.store.contract import Base
from tests.support.store import SIMPLE, account_of, deliver, spooled
from tests.support.world import result_of

ALICE, BOB = "alice@example.test", "bob@example.test"
OK = Reply(250, "OK", "2.0.0")
LATER = Reply(451, "later", "4.3.0")


def to(path: str, **more: Any) -> QueuedRecipient:
    """Give a recipient to be queued."""
    address = Path.parse(path)
    return QueuedRecipient(address, address.domain, **more)


class AcceptContract(Base):
    """Taking responsibility."""

    def accept(self, delivery_id: str = "d", **more: Any) -> Any:
        more.setdefault("body", spooled(self.store))
        return result_of(
            self.store.accept(
                Acceptance(
                    delivery_id,
                    1_750_000_000.0,
                    Path.parse("ann@client.example"),
                    **more,
                )
            )
        )

    def copy(self, address: str, mailbox: str = "INBOX", **more: Any) -> Any:
        account = account_of(self.store, address)
        return MailboxDelivery(
            account.id, mailbox, b"X: 1\r\n", account.address, **more
        )

    def test_several_recipients(self) -> None:
        """One message for several is stored once in each mailbox."""
        done = self.accept(
            deliveries=(
                self.copy(ALICE, flags=SystemFlag.SEEN),
                self.copy(BOB, "new/box", keywords=frozenset({"k"})),
                self.copy(ALICE, "Sent"),
            )
        )
        self.assertEqual([d.uid for d in done], [1, 1, 1])
        self.assertEqual(self.open().flags(1), (SystemFlag.SEEN, ""))
        self.assertEqual(self.open("new/box", BOB).flags(1), (0, "k"))
        self.assertEqual(
            self.body_of(self.open("Sent"), 1), b"X: 1\r\n" + SIMPLE
        )

    def test_same_delivery_twice(self) -> None:
        """Accepting again what was accepted stores nothing twice."""
        for _ in range(3):
            [done] = self.accept(
                deliveries=(self.copy(ALICE),), queued=(to("x@far.test"),)
            )
            self.assertEqual(done.uid, 1)
        self.assertEqual(len(self.open().uids), 1)
        self.assertEqual(len(result_of(self.store.queue.rows())), 1)
        [done] = self.accept("other", deliveries=(self.copy(ALICE),))
        self.assertEqual(done.uid, 2)

    def test_one_fails_alone(self) -> None:
        """A recipient that cannot be served does not hurt the others."""
        good = self.copy(ALICE)
        lost = MailboxDelivery("nobody", "INBOX", b"", Path("n", "o"))
        bad = self.copy(BOB, "../x")
        done = self.accept(deliveries=(lost, good, bad))
        self.assertEqual([d.uid for d in done], [None, 1, None])
        self.assertIsInstance(done[0].error, errors.MailError)
        self.assertIsInstance(done[2].error, errors.MailboxNameRefused)
        done = self.accept("e", deliveries=(lost,))
        self.assertIsNone(done[0].uid)

    def test_queue_rows(self) -> None:
        """What is queued keeps all that a delivery needs."""
        calls: list[int] = []
        self.store.queue.when_queued(lambda: calls.append(1))
        parameters = MailParameters(100, "8BITMIME", True, "HDRS", "env", "<>")
        self.accept(
            queue_prefix=b"Received: x\r\n",
            parameters=parameters,
            queued=(
                to("x@far.test", notify=frozenset({"DELAY", "FAILURE"})),
                to("y@far.test", orcpt="rfc822;z@a", next_try=1e10),
            ),
        )
        self.assertEqual(calls, [1])
        self.store = self.reopen()
        queue = self.store.queue
        x, y = result_of(queue.rows())
        self.assertEqual(str(x.forward_path), "x@far.test")
        self.assertEqual(x.parameters, parameters)
        self.assertEqual(x.notify, {"DELAY", "FAILURE"})
        self.assertEqual(y.orcpt, "rfc822;z@a")
        self.assertIsNone(x.orcpt)
        self.assertEqual(x.state, QueueState.READY)
        self.assertEqual(str(x.reverse_path), "ann@client.example")
        self.assertEqual(x.size_octets, len(SIMPLE) + 13)
        self.assertEqual(result_of(queue.due(2e9, 10)), [x])
        self.assertEqual(result_of(queue.next_due()), 0.0)
        body = result_of(queue.body("d"))
        self.assertEqual(b"".join(body.chunks()), b"Received: x\r\n" + SIMPLE)
        self.assertEqual(result_of(queue.row(x.id)), x)

    def test_queue_life(self) -> None:
        """A row is tried, put off, tried again and done; then it rests."""
        queue = self.store.queue
        self.accept(queued=(to("x@far.test"), to("y@other.test")))
        x, y = result_of(queue.due(1.0, 10))
        result_of(
            queue.record(
                [
                    Attempt(x.id, QueueState.DEFERRED, LATER, "mx", 50.0, 1),
                    Attempt(y.id, QueueState.DONE, OK, "mx2"),
                ]
            )
        )
        self.store = self.reopen()
        queue = self.store.queue
        self.assertEqual(result_of(queue.due(49.0, 10)), [])
        [x] = result_of(queue.due(50.0, 10))
        self.assertEqual((x.tries, x.notices), (1, 1))
        self.assertEqual((x.last_reply, x.last_host), (LATER, "mx"))
        self.assertEqual(result_of(queue.next_due()), 50.0)
        self.assertEqual(result_of(queue.row(y.id)).last_reply, OK)
        result_of(
            queue.record(
                [Attempt(x.id, QueueState.FAILED, LATER, counts_as_try=False)]
            )
        )
        x = result_of(queue.row(x.id))
        self.assertEqual((x.tries, x.state), (1, QueueState.FAILED))
        self.assertIsNone(result_of(queue.next_due()))
        with self.assertRaises(errors.ObjectNotFound):
            result_of(queue.body("d"))
        counts = result_of(queue.counts())
        self.assertEqual((counts["done"], counts["failed"]), (1, 1))
        result_of(queue.record([Attempt(x.id, QueueState.DONE, OK)]))
        self.assertEqual(result_of(queue.row(x.id)).state, QueueState.FAILED)

    def test_report_with_result(self) -> None:
        """A DSN is stored in the same step as the failure it tells of."""
        queue = self.store.queue
        self.accept(queued=(to("x@far.test"),))
        [row] = result_of(queue.rows())
        account = account_of(self.store, ALICE)
        report = Acceptance(
            "dsn-1",
            1_750_000_001.0,
            Path("", ""),
            spooled(self.store, b"Subject: DSN\r\n\r\nfailed\r\n"),
            deliveries=(
                MailboxDelivery(account.id, "INBOX", b"", account.address),
            ),
        )
        failed = Attempt(row.id, QueueState.FAILED, Reply(550, "no", "5.1.1"))
        result_of(queue.record([failed], [report]))
        result_of(queue.record([failed], [report]))
        self.assertEqual(len(self.open().uids), 1)
        self.assertEqual(result_of(queue.row(row.id)).state, QueueState.FAILED)

    def test_operator(self) -> None:
        """Rows are held, retried and dropped by an operator's word."""
        queue = self.store.queue
        self.accept(queued=(to("x@far.test"), to("y@far.test")))
        x, y = (row.id for row in result_of(queue.rows()))
        self.assertEqual(result_of(queue.hold([x, "nothing"])), 1)
        self.assertEqual([r.id for r in result_of(queue.due(1.0, 9))], [y])
        calls: list[int] = []
        queue.when_queued(lambda: calls.append(1))
        self.assertEqual(result_of(queue.retry([x, y], 5.0)), 2)
        self.assertEqual(calls, [1])
        self.assertEqual(len(result_of(queue.due(5.0, 9))), 2)
        self.assertEqual(result_of(queue.drop([x])), 1)
        self.assertEqual(result_of(queue.drop([x])), 0)
        self.assertEqual(result_of(queue.row(x)).state, QueueState.FAILED)
        with self.assertRaises(errors.ObjectNotFound):
            result_of(queue.row("nothing"))

    def test_pages(self) -> None:
        """The queue is read page by page, by state and route."""
        queue = self.store.queue
        for n in range(5):
            self.accept(f"d{n}", queued=(to("x@far.test"), to("y@other.test")))
        seen: list[str] = []
        while True:
            page = result_of(
                queue.rows(
                    route="far.test",
                    states=frozenset({QueueState.READY}),
                    after=seen[-1] if seen else None,
                    most=2,
                )
            )
            if not page:
                break
            seen += [row.id for row in page]
        self.assertEqual(len(set(seen)), 5)
        self.assertEqual(
            result_of(queue.rows(states=frozenset({QueueState.HELD}))), []
        )

    def test_local_retry(self) -> None:
        """A recipient that could not be served at first is, later."""
        local = QueuedRecipient(Path.parse(ALICE), "")
        self.accept(queued=(local,))
        [row] = result_of(self.store.queue.due(1.0, 9))
        self.assertEqual(row.route, "")
        body = result_of(self.store.queue.body("d"))
        [done] = self.accept(body=body, deliveries=(self.copy(ALICE),))
        self.assertEqual(done.uid, 1)
        [again] = self.accept(body=body, deliveries=(self.copy(ALICE),))
        self.assertEqual(again.uid, 1)
        self.assertEqual(self.body_of(self.open(), 1), b"X: 1\r\n" + SIMPLE)

    def test_big_and_queued(self) -> None:
        """A large body is delivered and queued, and outlives either."""
        octets = b"A: b\r\n\r\n" + b"0123456789abcdef" * 100_000
        body = spooled(self.store, octets)
        self.accept(
            body=body,
            deliveries=(self.copy(ALICE), self.copy(BOB)),
            queued=(to("x@far.test"),),
        )
        body.release()
        [row] = result_of(self.store.queue.rows())
        got = result_of(self.store.queue.body("d"))
        self.assertEqual(b"".join(got.chunks()), octets)
        result_of(
            self.store.queue.record([Attempt(row.id, QueueState.DONE, OK)])
        )
        self.store = self.reopen()
        for address in (ALICE, BOB):
            self.assertEqual(
                self.body_of(self.open(address=address), 1),
                b"X: 1\r\n" + octets,
            )

    def test_deliver_helper(self) -> None:
        """The date of a delivered message is when it was received."""
        from imailpy.interfaces.store import Column
        from imailpy.mail import UidSet

        uid = deliver(self.store, ALICE)
        [row] = result_of(
            self.open().rows(UidSet.of(uid), [Column.INTERNAL_DATE])
        )
        self.assertEqual(row, (1_750_000_000,))
