"""
One seed is one history of a whole server.

Messages come in over a network that cuts connections, users read and tidy up,
the power fails at a moment that the seed chooses, in some histories also
while the server recovers; then all faults stop, everything drains, and the
auditor compares.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from imailpy.world.simulated import Machine, Universe
from imailpy.world.simulated.agenda import Crashed
from tests.simulation.auditor import Auditor, text_of
from tests.simulation.clients import Reader, Sender
from tests.simulation.house import USERS, House, quick_passwords, wait

SIZES = (200, 900, 3_000, 9_000, 50_000)
SENDERS = 5


@define
class Told:
    """What came of a history."""

    seed: int
    problems: list[str]
    trace_hash: str
    deliveries: int
    events: int
    lives: int
    duplicates: int
    simulated_s: float
    fault_points: dict[str, int] = field(factory=dict)
    exits: dict[int, int] = field(factory=dict)
    deferred: dict[int, int] = field(factory=dict)
    log: list[str] = field(factory=list)


class Faults:
    """When the power fails: after so many operations of one kind."""

    def __init__(self, universe: Universe, house: House) -> None:
        self.universe = universe
        self.house = house
        self.happened: list[str] = []
        self._left = 0
        self._kill = False

    def cut_at_operation(self, count: int, *, kill: bool = False) -> None:
        """Cut before the `count`-th change of the disk from now."""
        self._left, self._kill = count, kill

        def change(operation: str, path: str) -> None:
            self._count(f"{operation} {path}")

        self.house.machine.disk.platter.fault = change

    def cut_at_point(
        self, count: int, name: str | None = None, *, kill: bool = False
    ) -> None:
        """Cut at the `count`-th fault point, or the one of that name."""
        self._left, self._kill = count, kill

        def passed(machine: Machine, point: str) -> None:
            if machine is self.house.machine and name in (None, point):
                self._count(point)

        self.universe.at_fault_point = passed

    def fail_sync(self, count: int) -> None:
        """Make the `count`-th sync of the store fail."""
        left = [count]

        def change(operation: str, path: str) -> None:
            if operation != "sync" or "spool" in path:
                return
            left[0] -= 1
            if left[0] == 0:
                self.happened.append(f"sync of {path} failed")
                raise OSError(5, "Input/output error", path)

        self.house.machine.disk.platter.fault = change

    def full_disk(self, first: int, count: int) -> None:
        """No room for writes number `first` to `first + count`."""
        done = [0]

        def change(operation: str, path: str) -> None:
            if operation not in ("write", "create"):
                return
            done[0] += 1
            if first <= done[0] < first + count:
                self.happened.append(f"no room for {operation} {path}")
                raise OSError(28, "No space left on device", path)

        self.house.machine.disk.platter.fault = change

    def calm(self) -> None:
        """No more faults."""
        self.universe.at_fault_point = lambda machine, name: None
        self.house.machine.disk.platter.fault = lambda operation, path: None
        self.universe.cable.break_chance = 0.0

    def _count(self, where: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.happened.append(f"down at {where}")
            machine = self.house.machine
            machine.kill() if self._kill else machine.power_cut()


class History:
    """
    Fifty messages, one crash or more, one account of it.

    Args:
        plan: Plants the faults; by default as the seed says.
        early: It does so before the first start, not behind it.
    """

    def __init__(
        self,
        seed: int,
        messages: int = 50,
        plan: Callable[[History], None] | None = None,
        *,
        early: bool = False,
    ) -> None:
        self._early = early
        self.seed = seed
        self.messages = messages
        self.chance = random.Random(f"history {seed}")
        self.universe = Universe(seed)
        self.house = House(self.universe)
        self.faults = Faults(self.universe, self.house)
        self.auditor = Auditor()
        self.world = self.universe.machine("world", "198.51.100.7")
        self.running: list[Any] = []
        self.trouble: list[str] = []
        self._plan = plan or History.by_seed

    def run(self) -> Told:
        """Let it happen."""
        gc.collect()
        gc.disable()
        try:
            with quick_passwords():
                self._run()
        finally:
            gc.enable()
        return Told(
            self.seed,
            self.trouble + self.auditor.problems,
            self.universe.trace_hash,
            self.copies(),
            self.universe.agenda.events,
            self.house.lives,
            self.duplicates(),
            self.universe.agenda.elapsed_s,
            dict(self.universe.fault_points),
            dict(self.house.exits),
            dict(self.auditor.deferred),
            self.house.log + self.faults.happened,
        )

    def _run(self) -> None:
        if self._early:
            self._plan(self)
        try:
            self.house.start()
        except Crashed:
            self.house.restart()
        self.house.people()
        if not self._early:
            self._plan(self)
        self.begin()
        self.storm()
        self.faults.calm()
        self.keep_alive(lambda: not self.running)
        if self.running:
            self.trouble.append(f"{len(self.running)} clients never came to")
        self.account()

    def copies(self) -> int:
        """How many copies were delivered."""
        return len(self.auditor.copies)

    def duplicates(self) -> int:
        """How many messages other servers have twice."""
        return 0

    # What happens

    def by_seed(self) -> None:
        """Choose the faults of this seed."""
        chance = self.chance
        self.universe.cable.break_chance = chance.choice((0.0, 0.005, 0.02))
        kill = chance.random() < 0.25
        if chance.random() < 0.6:
            self.faults.cut_at_operation(chance.randrange(1, 700), kill=kill)
        else:
            self.faults.cut_at_point(chance.randrange(1, 250), kill=kill)

    def begin(self) -> None:
        """Start the clients."""
        names = [f"m{self.seed}-{n}" for n in range(self.messages)]
        for number in range(SENDERS):
            self.go(self._send(names[number::SENDERS]))
        for user in USERS:
            self.go(self._read(user))

    def go(self, coroutine: Any) -> None:
        """Have a client's work done."""
        running = Deferred.fromCoroutine(coroutine)
        self.running.append(running)

        def ended(result: Any) -> None:
            self.running.remove(running)
            if isinstance(result, Failure):
                self.trouble.append(result.getTraceback())

        running.addBoth(ended)

    async def _send(self, names: list[str]) -> None:
        sender = Sender(self.world, self.auditor)
        for name in names:
            recipients = list(USERS)[: self.chance.choice((1, 1, 2))]
            self.chance.shuffle(recipients)
            octets = text_of(name, self.chance.choice(SIZES))
            await sender.send(name, octets, "sender@away.test", recipients)
        await sender.quit()

    async def _read(self, user: str) -> None:
        reader = Reader(self.world, self.auditor, user)
        for number in range(2):
            await reader.read()
            await reader.shelve(f"Shelf{number}")
            await reader.tidy()

    def storm(self) -> None:
        """Until the work is done or the machine has gone down."""
        self.universe.run(
            3600, until=lambda: not self.house.alive or not self.running
        )
        if not self.house.alive:
            self.recover()

    def recover(self) -> None:
        """Start again; sometimes it goes down while it starts."""
        self.faults.calm()
        if self.chance.random() < 0.33:
            self.faults.cut_at_operation(self.chance.randrange(1, 40))
        self.house.restart()

    def keep_alive(self, done: Callable[[], bool]) -> None:
        """Go on until something is so, whatever becomes of the machine."""
        for _ in range(100):
            self.universe.run(
                30 * 86400, until=lambda: done() or not self.house.alive
            )
            if self.house.alive:
                return
            self.house.restart()

    def account(self) -> None:
        """Read everything, and compare."""
        for user in USERS:
            reader = Reader(self.world, self.auditor, user)
            if not wait(self.universe, reader.read()):
                self.trouble.append(f"{user} cannot be read")
        complaints = wait(self.universe, self.house.server.store.audit())
        self.auditor.close(USERS, complaints)
