"""What every provider of `ISending` must do."""

from __future__ import annotations

from typing import Any

from zope.interface.verify import verifyObject

from imailpy.errors import ObjectNotFound
from imailpy.interfaces import sending
from imailpy.interfaces.queue import QueuedRecipient, QueueState
from imailpy.interfaces.sending import (
    AccountUse,
    HourUse,
    ISending,
    OwnLimits,
    UseChange,
)
from imailpy.interfaces.store import Acceptance
from imailpy.mail import Path
from tests.store.contract import Base
from tests.support.store import account_of, spooled
from tests.support.world import result_of


def mark(number: int) -> bytes:
    return number.to_bytes(8, "big")


class SendingContract(Base):
    """What accounts have sent."""

    def account_id(self, address: str = "alice@example.test") -> str:
        return str(account_of(self.store, address).id)

    def record(self, *changes: UseChange) -> None:
        result_of(self.store.sending.record(changes))

    def use(self, account_id: str) -> Any:
        return result_of(self.store.sending.use(account_id))

    def knows(self, account_id: str, number: int) -> bool:
        return bool(
            result_of(self.store.sending.knows(account_id, mark(number)))
        )

    def test_door(self) -> None:
        """It has the methods that its door promises."""
        verifyObject(ISending, self.store.sending)

    def test_nothing_yet(self) -> None:
        """Of an account that has sent nothing there is nothing."""
        alice = self.account_id()
        self.assertEqual(self.use(alice), AccountUse())
        self.assertFalse(self.knows(alice, 1))
        self.assertEqual(
            result_of(self.store.sending.limits(alice)), OwnLimits()
        )

    def test_limits(self) -> None:
        """Limits of an account stay, over a restart; others have theirs."""
        alice, own = self.account_id(), OwnLimits(5, None, 0, 7, True)
        result_of(self.store.sending.limits(alice))
        result_of(self.store.sending.set_limits(alice, own))
        self.assertEqual(result_of(self.store.sending.limits(alice)), own)
        self.store = self.reopen()
        self.assertEqual(result_of(self.store.sending.limits(alice)), own)
        bob = self.account_id("bob@example.test")
        self.assertEqual(
            result_of(self.store.sending.limits(bob)), OwnLimits()
        )
        other = OwnLimits(hold=False)
        result_of(self.store.sending.set_limits(alice, other))
        self.assertEqual(result_of(self.store.sending.limits(alice)), other)

    def test_limits_of_nobody(self) -> None:
        """An account that is not there has none."""
        test: Any = self
        with test.assertRaises(ObjectNotFound):
            result_of(self.store.sending.set_limits("nobody", OwnLimits(1)))

    def test_counts_stay(self) -> None:
        """Counts of hours stay over a restart; written twice they are the
        same; those of a day before are forgotten."""
        alice = self.account_id()
        first = UseChange(
            alice, (HourUse(100, 1, 2, 3), HourUse(101, 4)), (), 101
        )
        self.record(first)
        self.record(first)
        self.store = self.reopen()
        self.assertEqual(self.use(alice), AccountUse(first.hours))
        self.record(UseChange(alice, (HourUse(124, 9, 9),), (), 124, 77.5))
        self.assertEqual(
            self.use(alice),
            AccountUse((HourUse(101, 4), HourUse(124, 9, 9)), 77.5),
        )

    def test_several_at_once(self) -> None:
        """Changes of several accounts go together; one that is gone is
        passed over."""
        alice, bob = self.account_id(), self.account_id("bob@example.test")
        self.record(
            UseChange(alice, (HourUse(1, 1),), (mark(1),), 1),
            UseChange("gone", (HourUse(1, 1),), (mark(1),), 1),
            UseChange(bob, (HourUse(1, 2),), (mark(2),), 1),
        )
        self.assertEqual(self.use(bob).hours, (HourUse(1, 2),))
        self.assertTrue(self.knows(alice, 1))
        self.assertFalse(self.knows(alice, 2))
        self.assertEqual(self.use("gone"), AccountUse())

    def test_known_are_bounded(self) -> None:
        """Of the recipients of an account the last ones are known."""
        alice, most = self.account_id(), sending.MOST_KNOWN
        self.record(
            UseChange(alice, (), tuple(mark(n) for n in range(most)), 1)
        )
        self.assertTrue(self.knows(alice, 0))
        self.record(UseChange(alice, (), (mark(most), mark(most + 1)), 2))
        for number in (0, 1):
            self.assertFalse(self.knows(alice, number))
        for number in (2, most, most + 1):
            self.assertTrue(self.knows(alice, number))

    def test_goes_with_its_account(self) -> None:
        """When an account is removed nothing of this stays."""
        alice = self.account_id()
        result_of(self.store.sending.set_limits(alice, OwnLimits(1)))
        self.record(UseChange(alice, (HourUse(1, 1),), (mark(1),), 1, 5.0))
        result_of(self.store.directory.remove_account(alice))
        self.store = self.reopen()
        self.assertEqual(self.use(alice), AccountUse())
        self.assertFalse(self.knows(alice, 1))

    def test_held_rows(self) -> None:
        """A recipient that is queued as held waits until it is retried."""
        path = Path("dan", "elsewhere.test")
        result_of(
            self.store.accept(
                Acceptance(
                    "delivery1",
                    self.world.clock.now(),
                    Path("alice", "example.test"),
                    spooled(self.store, b"a: b\r\n\r\nc\r\n"),
                    queued=(QueuedRecipient(path, path.domain, held=True),),
                )
            )
        )
        self.store = self.reopen()
        (row,) = result_of(self.store.queue.rows())
        self.assertIs(row.state, QueueState.HELD)
        now = self.world.clock.now() + 10
        self.assertEqual(list(result_of(self.store.queue.due(now, 9))), [])
        self.assertEqual(result_of(self.store.queue.retry([row.id], now)), 1)
        self.assertEqual(len(result_of(self.store.queue.due(now, 9))), 1)
