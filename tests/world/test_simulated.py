"""The simulated machine keeps the rules that a real one keeps."""

from __future__ import annotations

import apsw
from twisted.internet.defer import Deferred
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
        results = []
        for n in range(5):
            thread.submit(n, results.append)
        universe.run(1)
        self.assertEqual(results, [0, 2, 4, 6, 8])
        self.assertEqual(batches, [5])
        stopped = thread.stop()
        universe.run(1)
        self.assertIsNone(self.successResultOf(stopped))


class Shaking(Keep):
    """Notes when TLS is on, among what comes."""

    def handshakeCompleted(self):
        self.octets += b"<tls>"


class ConnectionTests(SynchronousTestCase):
    """What can happen to a connection."""

    def connected(self, universe: Universe, **options):
        """Two machines and the two ends of a connection."""
        ends = []

        def made():
            ends.append(Shaking())
            return ends[-1]

        server = universe.machine("server", "192.0.2.1")
        client = universe.machine("client", "192.0.2.2")
        factory = Factory.forProtocol(made)
        server.network.listen("", 7, factory, **options)
        client.network.connect("192.0.2.1", 7, factory, **options)
        universe.run(1)
        return ends

    def test_tls_is_on_before_octets(self) -> None:
        """With TLS from the start both ends know of it, once, and first."""
        for seed in range(20):
            universe = Universe(seed)
            ends = self.connected(universe, tls=True)
            for end in ends:
                end.transport.write(b"hello")
            universe.run(1)
            self.assertEqual([e.octets for e in ends], [b"<tls>hello"] * 2)

    def test_starttls_needs_both_ends(self) -> None:
        """TLS begins once both ends want it, and before what follows."""
        for seed in range(20):
            universe = Universe(seed)
            one, other = self.connected(universe)
            one.transport.startTLS(None)
            universe.run(1)
            self.assertEqual(one.octets, b"")
            other.transport.startTLS(None)
            other.transport.write(b"hello")
            universe.run(1)
            self.assertEqual(one.octets, b"<tls>hello")
            self.assertEqual(other.octets, b"<tls>")

    def test_cut_is_heard_at_both_ends(self) -> None:
        """A connection may be cut behind any octet; both ends hear of it."""
        arrived = set()
        for seed in range(40):
            universe = Universe(seed)
            one, other = self.connected(universe)
            universe.cable.break_chance = 1.0
            one.transport.write(b"hello")
            universe.run(1)
            self.assertTrue(one.gone and other.gone)
            arrived.add(len(other.octets))
        self.assertEqual(arrived, {1, 2, 3, 4, 5})


class ExitTests(SynchronousTestCase):
    """A process that ends itself."""

    def test_services_stop_before_exit(self) -> None:
        """A process that gives up stops its services, then exits once."""
        universe = Universe(1)
        machine = universe.machine("m", "192.0.2.1")
        stopped = Deferred()
        machine.at_exit = lambda: stopped
        machine.die(75, "a flush failed")
        machine.die(1, "and more")
        universe.run(1)
        self.assertTrue(machine.alive)
        stopped.callback(None)
        self.assertFalse(machine.alive)
        self.assertEqual(machine.exit_code, 75)


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

    def test_failed_sync_is_not_made_good(self) -> None:
        """
        What a failed sync was to write is seen, even by the next process,
        until the power goes: no later sync writes it [SECURITY F4].
        """
        machine = Universe(1).machine("m", "192.0.2.1")
        machine.disk.make_directory("/data")
        file = machine.disk.create("/data/f")
        file.sync()
        machine.disk.sync_directory("/data")

        def fault(operation, path):
            if operation == "sync":
                raise OSError(5, "Input/output error", path)

        file.write(b"a" * 600)
        machine.disk.platter.fault = fault
        self.assertRaises(OSError, file.sync)
        machine.disk.platter.fault = lambda operation, path: None
        machine = machine.reboot()
        file = machine.disk.open("/data/f", writable=True)
        file.write(b"b" * 600)
        file.sync()
        self.assertEqual(machine.disk.read("/data/f")[:600], b"a" * 600)
        machine.power_cut()
        octets = machine.reboot().disk.read("/data/f")
        self.assertEqual(octets, bytes(600) + b"b" * 600)

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
