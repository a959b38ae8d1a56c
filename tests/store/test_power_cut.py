"""
Power cuts and kills on a simulated machine: nothing acknowledged is lost.

One seed is one history: messages of all sizes come in while others are
flagged, copied and expunged; the power fails at some fault point or flush;
the machine starts again (and may fail while it does); then everything that
was acknowledged is looked for.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from imailpy.errors import MailError
from imailpy.interfaces.directory import AccountSecrets, Domain
from imailpy.interfaces.queue import Attempt, QueuedRecipient, QueueState
from imailpy.interfaces.store import (
    Acceptance,
    FlagChange,
    MailboxDelivery,
    NewMessage,
)
from imailpy.mail import NULL_PATH, Path, Reply, SystemFlag, UidSet
from imailpy.store.settings import StoreSettings
from imailpy.store.sqlite import SqliteStore
from imailpy.world.simulated import Universe
from imailpy.world.simulated.agenda import Crashed
from tests.support.settings import Fixed

DIRECTORY = "/data"
SETTINGS = StoreSettings(
    DIRECTORY,
    min_free_octets=0,
    min_free_percent=0.0,
    reserve_octets=0,
    inline_octets=2_000,
    own_segment_octets=30_000,
    segment_octets=60_000,
    spool_memory_octets=4_000,
    undelete_s=0.0,
    blob_grace_s=0.0,
    checkpoint_octets=100_000,
    sweep_every_s=0.05,
)
SIZES = (100, 1_000, 3_000, 9_000, 50_000)


class Model:
    """
    What was acknowledged.

    Attributes:
        stored: (mailbox, uid) -> SHA-256 of the octets.
        gone: (mailbox, uid) whose EXPUNGE was asked for.
        deliveries: Delivery id -> (mailbox, uid).
        queued: Delivery id -> SHA-256 of what goes out.
        modseqs: Mailbox -> the highest one seen.
    """

    def __init__(self) -> None:
        self.stored: dict[tuple[str, int], bytes] = {}
        self.gone: set[tuple[str, int]] = set()
        self.deliveries: dict[str, tuple[str, int]] = {}
        self.queued: dict[str, bytes] = {}
        self.finished: set[str] = set()
        self.modseqs: dict[str, int] = {}
        self.validity: dict[str, int] = {}


class Load:
    """One machine's work, until it is gone."""

    def __init__(self, world: Any, store: Any, model: Model, seed: str):
        self.world = world
        self.store = store
        self.model = model
        self.random = random.Random(seed)
        self.account: Any = None
        self.errors: list[Any] = []

    def begin(self, senders: int, count: int) -> None:
        for sender in range(senders):
            running = Deferred.fromCoroutine(self.run(sender, count))
            running.addErrback(self.errors.append)

    async def run(self, sender: int, count: int) -> None:
        for number in range(count):
            step = self.random.choice(
                (
                    self.deliver,
                    self.deliver,
                    self.append,
                    self.tidy,
                    self.queue,
                )
            )
            try:
                await step(f"{self.world!r}-{sender}-{number}")
            except MailError as error:
                self.errors.append(error)

    def body(self, name: str) -> Any:
        size = self.random.choice(SIZES)
        octets = f"Subject: {name}\r\n\r\n".encode()
        octets += self.random.randbytes(64) * (size // 64)
        incoming = self.store.spool.incoming(len(octets))
        incoming.write(octets)
        return incoming.finish(), octets

    async def mail(self) -> Any:
        directory = self.store.directory
        self.account = await directory.find(Path.parse("a@x.test"))
        return self.store.account(self.account.id)

    async def deliver(self, name: str) -> None:
        await self.mail()
        body, octets = self.body(name)
        mailbox = self.random.choice(("INBOX", "Sent"))
        copy = MailboxDelivery(
            self.account.id, mailbox, b"P: 1\r\n", self.account.address
        )
        [done] = await self.store.accept(
            Acceptance(name, 1.0, NULL_PATH, body, deliveries=(copy,))
        )
        key = (mailbox, done.uid)
        self.model.stored[key] = hashlib.sha256(b"P: 1\r\n" + octets).digest()
        self.model.deliveries[name] = key
        body.release()

    async def append(self, name: str) -> None:
        box = await (await self.mail()).open("INBOX")
        body, octets = self.body(name)
        [uid] = await box.append([NewMessage(body)])
        self.model.stored["INBOX", uid] = hashlib.sha256(octets).digest()
        body.release()

    async def queue(self, name: str) -> None:
        body, octets = self.body(name)
        far = QueuedRecipient(Path("x", "far.test"), "far.test")
        await self.store.accept(
            Acceptance(name, 1.0, NULL_PATH, body, queued=(far,))
        )
        self.model.queued[name] = hashlib.sha256(octets).digest()
        body.release()
        if self.random.random() < 0.5:
            row = self.random.choice(await self.store.queue.due(1e12, 5))
            self.model.finished.add(row.delivery_id)
            await self.store.queue.record(
                [Attempt(row.id, QueueState.DONE, Reply(250, "OK"))]
            )

    async def tidy(self, name: str) -> None:
        box = await (await self.mail()).open("INBOX")
        self.model.modseqs["INBOX"] = box.info.highest_modseq
        self.model.validity["INBOX"] = box.info.uid_validity
        uids = list(box.uids)
        if len(uids) < 4:
            return
        some = self.random.sample(uids, len(uids) // 2)
        self.model.gone.update(("INBOX", uid) for uid in some)
        change = FlagChange("add", SystemFlag.DELETED)
        await box.store(UidSet.from_uids(some), change)
        await box.expunge(UidSet.from_uids(some))


class PowerCutTests(SynchronousTestCase):
    """Every seed is a history with a power cut in it."""

    SEEDS = range(24)

    def test_P1_nothing_acknowledged_is_lost(self) -> None:
        """Acknowledged mail outlives power cuts at any moment."""
        points: set[str] = set()
        for seed in self.SEEDS:
            points |= self.history(seed)
        missing = {
            "store.before_commit",
            "store.after_commit",
            "store.after_segment_append",
            "store.before_own_link",
            "store.compact_synced",
        } - points
        self.assertEqual(missing, set())

    def test_D11_after_a_kill_too(self) -> None:
        """The same after kill -9, when the system keeps what was written."""
        for seed in range(100, 108):
            self.history(seed, kill=True)

    def test_F4_failed_sync_then_power_cut(self) -> None:
        """
        A failed sync ends the process; what is acknowledged after the
        restart outlives a power cut.
        """
        for seed in range(200, 216):
            self.history(seed, failed_sync=True)

    def history(
        self, seed: int, kill: bool = False, failed_sync: bool = False
    ) -> set[str]:
        universe = Universe(seed)
        chance = random.Random(f"history {seed}")
        machine = universe.machine("mx", "192.0.2.1")
        machine.disk.make_directory(DIRECTORY)
        store = self.started(machine)
        model = Model()
        self.set_up(universe, store)
        for life in range(3):
            if failed_sync and life == 0:
                self.plant_failed_sync(machine, chance.randrange(5, 60))
            else:
                self.plant_cut(
                    universe, machine, chance.randrange(1, 250), kill
                )
            load = Load(machine, store, model, f"{seed} {life}")
            load.begin(3, 12)
            universe.run(30)
            machine.kill() if kill else machine.power_cut()
            machine, store = self.restart(universe, machine, chance, kill)
            self.check(universe, store, model, (seed, life))
        return set(universe.fault_points)

    def started(self, machine: Any) -> Any:
        return SqliteStore(machine, Fixed(SETTINGS))

    def plant_cut(
        self, universe: Any, machine: Any, countdown: int, kill: bool
    ) -> None:
        """Cut the power at the so many-eth fault point."""
        left = [countdown]

        def passed(there: Any, name: str) -> None:
            left[0] -= 1
            if left[0] == 0 and there is machine:
                there.kill() if kill else there.power_cut()

        universe.at_fault_point = passed

    def plant_failed_sync(self, machine: Any, countdown: int) -> None:
        """Make one sync fail; what was written stays in the page cache."""
        left = [countdown]

        def fault(operation: str, path: str) -> None:
            if operation != "sync" or "spool" in path:
                return
            left[0] -= 1
            if left[0] == 0:
                raise OSError(5, "Input/output error", path)

        machine.disk.platter.fault = fault

    def restart(
        self, universe: Any, machine: Any, chance: Any, kill: bool
    ) -> Any:
        """Start again; one time in three the start is cut off itself."""
        machine.disk.platter.fault = lambda operation, path: None
        while True:
            machine = machine.reboot()
            if chance.random() < 0.33:
                self.plant_cut(universe, machine, chance.randrange(1, 9), kill)
            else:
                universe.at_fault_point = lambda there, name: None
            try:
                store = self.started(machine)
            except Crashed:
                continue
            universe.at_fault_point = lambda there, name: None
            return machine, store

    def set_up(self, universe: Any, store: Any) -> None:
        async def run() -> None:
            await store.directory.add_domain(Domain("x.test"))
            await store.directory.add_account(
                Path.parse("a@x.test"), AccountSecrets()
            )

        self.wait(universe, run())

    def wait(self, universe: Any, coroutine: Any) -> Any:
        done: list[Any] = []
        running = Deferred.fromCoroutine(coroutine)
        running.addBoth(done.append)
        universe.run(60, until=lambda: bool(done))
        if hasattr(done[0], "raiseException"):
            done[0].raiseException()
        return done[0]

    def check(
        self, universe: Any, store: Any, model: Model, where: Any
    ) -> None:
        complaints = self.wait(universe, store.audit())
        self.assertEqual(list(complaints), [], where)
        self.wait(universe, self.check_mail(store, model, where))
        self.wait(universe, self.check_queue(store, model, where))

    async def check_mail(self, store: Any, model: Model, where: Any) -> None:
        account = await store.directory.find(Path.parse("a@x.test"))
        mail = store.account(account.id)
        for name in ("INBOX", "Sent"):
            box = await mail.open(name)
            here = set(box.uids)
            for (mailbox, uid), sha256 in model.stored.items():
                if mailbox != name:
                    continue
                self.assertLess(uid, box.info.uid_next, where)
                if uid not in here and (name, uid) in model.gone:
                    continue
                self.assertIn(uid, here, where)
                body = await box.body(uid)
                octets = b"".join(body.chunks())
                self.assertEqual(
                    hashlib.sha256(octets).digest(), sha256, where
                )
            if name in model.modseqs:
                self.assertGreaterEqual(
                    box.info.highest_modseq, model.modseqs[name], where
                )
                self.assertEqual(
                    box.info.uid_validity, model.validity[name], where
                )
        await self.check_twice(store, account, model, where)

    async def check_twice(
        self, store: Any, account: Any, model: Model, where: Any
    ) -> None:
        """A delivery that is tried again after the crash is not doubled."""
        for name, (mailbox, uid) in list(model.deliveries.items())[-3:]:
            incoming = store.spool.incoming()
            incoming.write(b"A: again\r\n\r\n")
            copy = MailboxDelivery(account.id, mailbox, b"", account.address)
            body = incoming.finish()
            [done] = await store.accept(
                Acceptance(name, 1.0, NULL_PATH, body, deliveries=(copy,))
            )
            self.assertEqual(done.uid, uid, where)

    async def check_queue(self, store: Any, model: Model, where: Any) -> None:
        rows = await store.queue.rows(most=10_000)
        self.assertEqual(
            len({row.delivery_id for row in rows}), len(rows), where
        )
        states = {row.delivery_id: row.state for row in rows}
        for name, sha256 in model.queued.items():
            self.assertIn(name, states, where)
            if states[name] is QueueState.DONE:
                self.assertIn(name, model.finished, where)
                continue
            body = await store.queue.body(name)
            octets = b"".join(body.chunks())
            self.assertEqual(hashlib.sha256(octets).digest(), sha256, where)
