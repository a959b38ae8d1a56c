"""Machines, and the universe they are in."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from twisted.internet.defer import maybeDeferred
from zope.interface import implementer

from imailpy.interfaces.world import IRandom, IWorld
from imailpy.world.simulated.agenda import Agenda, Crashed, SimulatedClock
from imailpy.world.simulated.disk import Platter, SimulatedDisk
from imailpy.world.simulated.network import Cable, SimulatedNetwork
from imailpy.world.simulated.processes import (
    InlineWatchdog,
    SimulatedProcesses,
)
from imailpy.world.simulated.threads import SimulatedThreads
from imailpy.world.simulated.vfs import SimulatedVfs

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@implementer(IRandom)
class SimulatedRandom:
    """Drawn from the seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(f"random {seed}")

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def token(self) -> str:
        return "".join(self._random.choices(_LETTERS, k=20))

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def below(self, limit: int) -> int:
        return self._random.randrange(limit)


class Universe:
    """All that one seed decides."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.agenda = Agenda(seed)
        self.cable = Cable(self.agenda, seed)
        self.chance = random.Random(f"chance {seed}")
        # Called with (machine, fault point); may cut its power.
        self.at_fault_point: Callable[[Machine, str], None] = (
            lambda machine, name: None
        )
        self.fault_points: dict[str, int] = {}

    def machine(self, name: str, address: str, skew_s: float = 0.0) -> Machine:
        """Make a machine with an empty disk."""
        return Machine(self, name, address, Platter(), 1, skew_s)

    @property
    def trace_hash(self) -> str:
        """Of everything that happened so far."""
        return self.agenda.trace_hash

    def run(
        self,
        seconds: float = 3600.0,
        until: Callable[[], bool] | None = None,
        most_events: int = 2_000_000,
    ) -> bool:
        """
        Let things happen.

        Args:
            seconds: Simulated, from now.
            until: Stop as soon as it is true.

        Returns:
            Whether `until` came true; True without one.
        """
        end = self.agenda.elapsed_s + seconds
        for _ in range(most_events):
            if until is not None and until():
                return True
            due = self.agenda.next_time()
            if due is None or due > end:
                self.agenda.elapsed_s = end
                return until is None or until()
            self.agenda.step()
        raise RuntimeError(f"over {most_events} events: something spins")


@implementer(IWorld)
class Machine:
    """
    A machine with one process on it: an `IWorld`.

    Attributes:
        alive: False once the process is gone.
        exit_code: What it ended with, None while it lives or when killed.
        at_exit: What stops the process's services before it exits; without
            it `die` ends it at once.
    """

    def __init__(
        self,
        universe: Universe,
        name: str,
        address: str,
        platter: Platter,
        life: int,
        skew_s: float,
    ) -> None:
        self.universe = universe
        self.name = name
        self.address = address
        self.host_name = f"{name}.test"
        self.alive = True
        self.exit_code: int | None = None
        self.hangup: Callable[[], object] = lambda: None
        self.at_exit: Callable[[], Awaitable[object]] | None = None
        self._life = life
        self._skew_s = skew_s
        seed = f"{universe.seed} {name} {life}"
        agenda = universe.agenda
        self.clock = SimulatedClock(agenda, self, skew_s)
        self.network = SimulatedNetwork(universe.cable, self, address)
        self.disk = SimulatedDisk(agenda, self, platter)
        self.random = SimulatedRandom(seed)
        self.threads = SimulatedThreads(agenda, self, seed)
        self.processes = SimulatedProcesses(self.threads)
        self.watchdog = InlineWatchdog()
        self._vfs = SimulatedVfs(agenda, self, self.disk, seed)
        self.disk.sqlite_vfs = self._vfs.name

    def on_hangup(self, call: Callable[[], object]) -> None:
        self.hangup = call

    def harden(self) -> None:
        """Nobody else is on this machine."""

    def longest_callback_s(self) -> float:
        """Simulated time stands still meanwhile."""
        return 0.0

    def fault_point(self, name: str) -> None:
        points = self.universe.fault_points
        points[name] = points.get(name, 0) + 1
        self.universe.at_fault_point(self, name)
        if not self.alive:
            raise Crashed

    def die(self, exit_code: int, reason: str) -> None:
        if self.exit_code is not None:
            return
        self.exit_code = exit_code
        self.universe.agenda.note(f"{self.name} exits {exit_code}: {reason}")
        if self.at_exit is None:
            self.kill()
        else:
            self.clock.call_later(0.0, self._exit, self.at_exit)

    def _exit(self, stop: Callable[[], Awaitable[object]]) -> None:
        stopping = maybeDeferred(stop)
        stopping.addBoth(lambda _: self.kill())

    def kill(self) -> None:
        """The process is gone; the disk keeps what it was given."""
        if self.alive:
            self.alive = False
            self.universe.agenda.note(f"{self.name} is gone")
            self.network.cut_all()

    def power_cut(self) -> None:
        """The machine is gone, and with it a choice of what was unsynced."""
        self.kill()
        self.disk.platter.power_cut(self.universe.chance)

    def reboot(self) -> Machine:
        """A new process on the same disk."""
        self.kill()
        return Machine(
            self.universe,
            self.name,
            self.address,
            self.disk.platter,
            self._life + 1,
            self._skew_s,
        )

    def __repr__(self) -> str:
        return f"<Machine {self.name} life {self._life}>"
