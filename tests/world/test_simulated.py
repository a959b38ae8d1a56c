"""The simulated machine keeps the rules that a real one keeps."""

from __future__ import annotations

import apsw
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from imailpy.interfaces.world import (
    IClock,
    IDisk,
    INetwork,
    IRandom,
    IThreads,
    IWorld,
)
from imailpy.world.simulated import Universe
from imailpy.world.simulated.agenda import Crashed


class Echo(Protocol):
    """Sends everything back."""

    def dataReceived(self, data):
        self.transport.write(data)


class Keep(Protocol):
    """Keeps what comes."""

    def __init__(self):
        self.octets = b""
        self.gone = False

    def dataReceived(self, data):
        self.octets += data

    def connectionLost(self, reason):
        self.gone = True


def conversation(seed: int) -> tuple[str, bytes, int]:
    """Two machines talk; gives the trace's hash and what came back."""
    universe = Universe(seed)
    server = universe.machine("server", "192.0.2.1")
    client = universe.machine("client", "192.0.2.2")
    server.network.listen("0.0.0.0", 7, Factory.forProtocol(Echo))
    kept: list[Keep] = []
    waiting = client.network.connect("192.0.2.1", 7, Factory.forProtocol(Keep))
    waiting.addCallback(kept.append)
    universe.run(1)
    kept[0].transport.write(b"hello " * 1000)
    universe.run(60)
    return universe.trace_hash, kept[0].octets, universe.agenda.events


class UniverseTests(SynchronousTestCase):
    """Doors, determinism, network."""

    def test_doors(self) -> None:
        """A simulated machine has every door of a real one."""
        machine = Universe(1).machine("m", "192.0.2.1")
        verifyObject(IWorld, machine)
        verifyObject(IClock, machine.clock)
        verifyObject(IDisk, machine.disk)
        verifyObject(INetwork, machine.network)
        verifyObject(IRandom, machine.random)
        verifyObject(IThreads, machine.threads)

    def test_same_seed_same_trace(self) -> None:
        """One seed gives one course of events, another gives another."""
        first, second = conversation(5), conversation(5)
        self.assertEqual(first, second)
        self.assertEqual(first[1], b"hello " * 1000)
        self.assertNotEqual(first[0], conversation(6)[0])

    def test_killed_peer_is_lost(self) -> None:
        """When a machine dies, its peers learn it as a lost connection."""
        universe = Universe(3)
        server = universe.machine("server", "192.0.2.1")
        client = universe.machine("client", "192.0.2.2")
        server.network.listen("0.0.0.0", 7, Factory.forProtocol(Echo))
        kept: list[Keep] = []
        client.network.connect(
            "192.0.2.1", 7, Factory.forProtocol(Keep)
        ).addCallback(kept.append)
        universe.run(1)
        server.power_cut()
        universe.run(1)
        self.assertTrue(kept[0].gone)
        refused = client.network.connect(
            "192.0.2.1", 7, Factory.forProtocol(Keep)
        )
        universe.run(1)
        self.failureResultOf(refused)

    def test_threads_batch_what_arrived(self) -> None:
        """Items handed in together come back together, each with its own."""
        universe = Universe(4)
        machine = universe.machine("m", "192.0.2.1")
        batches = []

        def double(items):
            batches.append(len(items))
            return [item * 2 for item in items]

        thread = machine.threads.batch("t", double)
        results = [thread.submit(n) for n in range(5)]
        universe.run(1)
        self.assertEqual(
            [self.successResultOf(r) for r in results], [0, 2, 4, 6, 8]
        )
        self.assertEqual(batches, [5])
        stopped = thread.stop()
        universe.run(1)
        self.assertIsNone(self.successResultOf(stopped))


class DiskTests(SynchronousTestCase):
    """What a power cut leaves."""

    def cut(self, seed: int):
        """Write a file three ways, cut the power, give the new machine."""
        machine = Universe(seed).machine("m", "192.0.2.1")
        disk = machine.disk
        disk.make_directory("/data")
        synced = disk.create("/data/synced")
        synced.write(b"a" * 4096)
        synced.sync()
        disk.sync_directory("/data")
        synced.write(b"b" * 4096)
        loose = disk.create("/data/loose")
        loose.write(b"c" * 4096)
        loose.sync()
        machine.power_cut()
        self.assertRaises(Crashed, disk.read, "/data/synced")
        return machine.reboot().disk

    def test_synced_octets_stay(self) -> None:
        """What was synced is there after every power cut."""
        for seed in range(50):
            octets = self.cut(seed).read("/data/synced")
            self.assertEqual(octets[:4096], b"a" * 4096)

    def test_unsynced_octets_may_go(self) -> None:
        """What was not synced is sometimes kept, lost or torn."""
        sizes = {
            len(self.cut(seed).read("/data/synced")) for seed in range(80)
        }
        self.assertIn(4096, sizes)
        self.assertIn(8192, sizes)
        self.assertTrue(sizes - {4096, 8192})

    def test_unsynced_name_may_go(self) -> None:
        """A name is sure only once its directory was synced."""
        there = {self.cut(seed).exists("/data/loose") for seed in range(30)}
        self.assertEqual(there, {True, False})

    def test_sqlite_full_survives(self) -> None:
        """A commit with synchronous=FULL is there after every power cut."""
        for seed in range(30):
            machine = Universe(seed).machine("m", "192.0.2.1")
            machine.disk.make_directory("/data")
            for life in range(3):
                database = apsw.Connection(
                    "/data/x.db", vfs=machine.disk.sqlite_vfs
                )
                database.execute("pragma locking_mode=exclusive")
                database.execute("pragma journal_mode=wal")
                database.execute("pragma synchronous=full")
                database.execute("create table if not exists t (n)")
                for n in range(5):
                    database.execute("insert into t values (?)", (n,))
                database.execute("begin")
                database.execute("insert into t values (99)")
                machine.power_cut()
                del database
                machine = machine.reboot()
                database = apsw.Connection(
                    "/data/x.db", vfs=machine.disk.sqlite_vfs
                )
                database.execute("pragma locking_mode=exclusive")
                rows = database.execute("select n from t").get
                if not isinstance(rows, list):
                    rows = [rows]
                self.assertEqual(rows, [0, 1, 2, 3, 4] * (life + 1))
                check = database.execute("pragma integrity_check").get
                self.assertEqual(check, "ok")
                database.close()
