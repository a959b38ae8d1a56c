"""
A world that obeys a seed: several machines in one thread.

    universe = Universe(seed=7)
    machine = universe.machine("mx", "192.0.2.1")   # an IWorld
    ... build a server on it ...
    universe.run(seconds=60)
    machine.power_cut()          # unsynced writes are kept or lost by seed
    machine = machine.reboot()   # the same disk, a new process

Every event goes into a running hash (`universe.trace_hash`): the same seed
gives the same hash, or something in the house is not deterministic.
"""

from imailpy.world.simulated.machine import Machine, Universe

__all__ = ["Machine", "Universe"]
