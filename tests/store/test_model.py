"""
The two providers, side by side: any sequence of changes gives the same.

The memory provider is the model; the SQLite one is also closed and opened
again in between.
"""

from __future__ import annotations

import random
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import MailError
from imailpy.interfaces.store import Column, FlagChange, NewMessage
from imailpy.mail import SystemFlag, UidSet
from imailpy.store.memory import MemoryStore
from tests.store.contract import Watcher
from tests.store.test_sqlite import Durable
from tests.support.store import account_of, deliver, fill, spooled
from tests.support.world import TestWorld, result_of

ALICE = "alice@example.test"
NAMES = ("INBOX", "Sent", "a", "a/b", "c")
WORDS = ("one", "Two", "TWO", "three")
ALL = UidSet(((1, 2**32 - 1),))
COLUMNS = [
    Column.UID, Column.FLAGS, Column.KEYWORDS, Column.MODSEQ,
    Column.INTERNAL_DATE, Column.SIZE, Column.ENVELOPE, Column.PREFIX_SIZE,
]  # fmt: skip


class Steps:
    """A sequence of changes that a seed decides, done to one store."""

    def __init__(self, store: Any, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.number = 0
        self.watchers: dict[str, tuple[Any, Watcher]] = {}

    @property
    def mail(self) -> Any:
        return self.store.account(account_of(self.store, ALICE).id)

    def step(self) -> Any:
        """Do the next change; gives what came of it, or what went wrong."""
        name = self.random.choice(
            ("append", "deliver", "deliver", "flags", "flags", "copy",
             "move", "expunge", "create", "rename", "delete", "subscribe")
        )  # fmt: skip
        first, second = self.random.sample(NAMES, 2)
        self.number += 1
        try:
            return getattr(self, name)(first, second)
        except MailError as error:
            return type(error)

    def uids(self) -> UidSet:
        uids = range(1, 15)
        return UidSet.of(*self.random.sample(uids, self.random.randrange(9)))

    def change(self) -> FlagChange:
        words = self.random.sample(WORDS, self.random.randrange(3))
        return FlagChange(
            self.random.choice(("add", "remove", "replace")),
            SystemFlag(self.random.randrange(32)),
            frozenset(words),
        )

    def open(self, name: str) -> Any:
        box = result_of(self.mail.open(name))
        if name not in self.watchers or self.watchers[name][0] is not box:
            self.watchers[name] = (box, Watcher())
            box.attach(self.watchers[name][1])
        return box

    def append(self, first: str, second: str) -> Any:
        messages = []
        for _ in range(self.random.randrange(1, 4)):
            change = self.change()
            octets = b"N: %d\r\n\r\n" % self.number
            octets += b"x" * self.random.choice((0, 10, 40_000))
            body = spooled(self.store, octets)
            messages.append(NewMessage(body, change.flags, change.keywords, 5))
        box = self.open(first)
        return list(result_of(box.append(messages)))

    def deliver(self, first: str, second: str) -> Any:
        return deliver(
            self.store,
            ALICE,
            b"D: %d\r\n\r\nx" % self.number,
            mailbox=first,
            delivery_id=f"d{self.number - self.random.randrange(3)}",
        )

    def flags(self, first: str, second: str) -> Any:
        box = self.open(first)
        uids, change = self.uids(), self.change()
        since = None
        if self.random.random() < 0.3:
            since = box.info.highest_modseq - self.random.randrange(3)
        return result_of(box.store(uids, change, unchanged_since=since))

    def copy(self, first: str, second: str) -> Any:
        if self.random.random() < 0.2:
            second = first
        uids = self.uids()
        done = result_of(self.open(first).copy(uids, second))
        return evolve(done, uid_validity=0)

    def move(self, first: str, second: str) -> Any:
        if self.random.random() < 0.2:
            second = first
        uids = self.uids()
        done = result_of(self.open(first).move(uids, second))
        return evolve(done, uid_validity=0)

    def expunge(self, first: str, second: str) -> Any:
        uids = None if self.random.random() < 0.5 else self.uids()
        return list(result_of(self.open(first).expunge(uids)))

    def create(self, first: str, second: str) -> Any:
        info = result_of(self.mail.create(first))
        return evolve(info, id="", uid_validity=0)

    def rename(self, first: str, second: str) -> Any:
        return result_of(self.mail.rename(first, second))

    def delete(self, first: str, second: str) -> Any:
        return result_of(self.mail.delete(first))

    def subscribe(self, first: str, second: str) -> Any:
        on = self.random.random() < 0.5
        return result_of(self.mail.subscribe(first, on))

    def state(self) -> Any:
        """All that can be seen."""
        seen: list[Any] = [
            result_of(self.mail.subscriptions()),
            result_of(self.mail.used_octets()),
        ]
        for info in result_of(self.mail.mailboxes()):
            box = result_of(self.mail.open(info.name))
            rows = result_of(box.rows(ALL, COLUMNS))
            bodies = [
                b"".join(result_of(box.body(uid)).chunks())[:20]
                for uid in box.uids
            ]
            infos = [
                evolve(i, id="", uid_validity=0) for i in (info, box.info)
            ]
            seen += [infos, sorted(box.keywords), list(rows), bodies]
        return seen

    def told(self) -> Any:
        """What open sessions have heard."""
        return {
            name: watcher.changes
            for name, (_, watcher) in self.watchers.items()
        }


class ModelTests(Durable, SynchronousTestCase):
    """c.4: the SQLite provider against the model."""

    SEQUENCES = 12
    LENGTH = 60

    def test_same_as_the_model(self) -> None:
        """Any changes in any order give the same in both providers."""
        for seed in range(self.SEQUENCES):
            self.sequence(seed)

    def sequence(self, seed: int) -> None:
        chance = random.Random(seed)
        model = MemoryStore(TestWorld())
        self.world = TestWorld()
        self.store = self.make_store()
        for store in (model, self.store):
            fill(store)
        mine, theirs = Steps(self.store, seed), Steps(model, seed)
        for number in range(self.LENGTH):
            where = (seed, number)
            self.assertEqual(mine.step(), theirs.step(), where)
            self.assertEqual(mine.state(), theirs.state(), where)
            self.assertEqual(mine.told(), theirs.told(), where)
            if chance.random() < 0.05:
                mine.watchers.clear()
                theirs.watchers.clear()
                self.store = mine.store = self.reopen()
        self.assertEqual(list(result_of(self.store.audit())), [])
        result_of(self.store.close())
