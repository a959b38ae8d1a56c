"""A removal that is cut off at any moment: all of it, or nothing of it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.interfaces.directory import AccountSecrets, Domain
from imailpy.interfaces.store import NewMessage
from imailpy.mail import Path, UidSet
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.simulated import Universe
from tests.support.settings import Fixed

SETTINGS = StoreSettings(
    "/data",
    min_free_octets=0,
    min_free_percent=0.0,
    reserve_octets=0,
    sweep_every_s=0.0,
)
ADDRESS = Path.parse("a@x.test")
COUNT = 12
REMOVED = UidSet.of(1, 2, 5, 9, 12)


def finish(universe: Universe, work: Coroutine[Any, Any, Any]) -> Any:
    done: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(done.append)
    universe.run(60, until=lambda: bool(done))
    return done[0]


async def inbox(store: Any) -> Any:
    account = await store.directory.find(ADDRESS)
    return await store.account(account.id).open("INBOX")


async def fill(store: Any) -> None:
    await store.directory.add_domain(Domain("x.test"))
    await store.directory.add_account(ADDRESS, AccountSecrets())
    messages = []
    for number in range(COUNT):
        incoming = store.spool.incoming()
        incoming.write(b"Subject: %d\r\n\r\nx\r\n" % number)
        messages.append(NewMessage(incoming.finish()))
    await (await inbox(store)).append(messages)


class RemovalTests(SynchronousTestCase):
    """What QUIT of POP3 asks of the store."""

    def removal(self, at: int, *, kill: bool) -> tuple[bool, int, list[str]]:
        """
        Cut a removal off at its so many-eth step.

        Returns:
            Whether it was acknowledged, how many messages are left, the
            names of the steps.
        """
        universe = Universe(at)
        machine = universe.machine("mx", "192.0.2.1")
        machine.disk.make_directory("/data")
        store = SqliteStore(machine, Fixed(SETTINGS))
        finish(universe, fill(store))
        box = finish(universe, inbox(store))
        passed: list[str] = []

        def step(there: Any, name: str) -> None:
            passed.append(name)
            if len(passed) == at:
                machine.kill() if kill else machine.power_cut()

        universe.at_fault_point = step
        said: list[Any] = []
        removing = Deferred.fromCoroutine(box.remove(REMOVED))
        removing.addCallbacks(said.append, lambda failure: None)
        universe.run(5)
        universe.at_fault_point = lambda there, name: None
        machine.kill() if kill else machine.power_cut()
        store = SqliteStore(machine.reboot(), Fixed(SETTINGS))
        left = finish(universe, inbox(store)).uids
        self.assertEqual(list(finish(universe, store.audit())), [])
        self.assertIn(
            list(left),
            (
                list(range(1, COUNT + 1)),
                [uid for uid in range(1, COUNT + 1) if uid not in REMOVED],
            ),
            passed,
        )
        return bool(said), len(left), passed

    def test_B8_2_all_or_nothing(self) -> None:
        """After a kill or a power cut in UPDATE all is gone, or nothing."""
        for kill in (False, True):
            outcomes = set()
            at = 0
            while True:
                at += 1
                acknowledged, left, passed = self.removal(at, kill=kill)
                outcomes.add(left)
                if acknowledged:
                    self.assertEqual(left, COUNT - 5)
                if len(passed) < at:
                    break
            self.assertTrue(acknowledged)
            self.assertIn("store.before_commit", passed)
            self.assertEqual(outcomes, {COUNT, COUNT - 5})
