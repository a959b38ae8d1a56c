"""Processes that answer one question."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from imailpy.errors import ProcessFailed
from imailpy.interfaces.world import IProcesses
from imailpy.policy import trial
from imailpy.policy.book import Source
from imailpy.world.real_processes import RealProcesses
from imailpy.world.simulated import Universe
from imailpy.world.simulated.processes import InlineProcesses


def question(text: str) -> bytes:
    return trial.question(Source("policy.py", text), None)


class RealProcessesTests(TestCase):
    """On this machine: a policy that does harm does it to its process."""

    def ask(self, text: str, limit_s: float = 20.0) -> Deferred[bytes]:
        return RealProcesses(reactor).python(
            trial.__name__,
            question(text),
            limit_s=limit_s,
            memory_octets=512 << 20,
        )

    async def refused(self, text: str, limit_s: float = 20.0) -> str:
        try:
            answer = await self.ask(text, limit_s)
        except ProcessFailed as error:
            return error.private
        return trial.read_answer(answer).wrong

    async def test_answers(self) -> None:
        """The answer comes, whatever is printed beside it."""
        verifyObject(IProcesses, RealProcesses(reactor))
        said = await self.ask(
            "import os, sys\nprint('x')\nos.write(1, b'y')\n"
            "sys.stderr.write('z')\n"
        )
        self.assertEqual(trial.read_answer(said).wrong, "")

    async def test_loop(self) -> None:
        """A loop without end is killed."""
        said = await self.refused("while True: pass", 1.0)
        self.assertEqual(said, "it took over 1 s")

    async def test_memory(self) -> None:
        """It gets no more memory than it may have."""
        said = await self.refused("x = bytearray(1 << 30)")
        self.assertIn("policy.py:1: MemoryError", said)

    async def test_crash(self) -> None:
        """Leaving without an answer is no answer."""
        said = await self.refused("import os\nos._exit(0)")
        self.assertEqual(said, "it ended with exit code 0")
        said = await self.refused("import os\nos.abort()")
        self.assertEqual(said, "it was ended by signal 6")

    async def test_environment(self) -> None:
        """It knows nothing of the server's environment."""
        said = await self.refused(
            "import os\nraise ValueError(sorted(os.environ))"
        )
        self.assertIn("LANG", said)
        self.assertNotIn("PATH'", said)


class OthersTests(SynchronousTestCase):
    """Where there are no processes."""

    def test_inline(self) -> None:
        """The same answers come without a process."""
        for processes in (
            InlineProcesses(),
            Universe(1).machine("mx", "192.0.2.1").processes,
        ):
            verifyObject(IProcesses, processes)

    def test_simulated(self) -> None:
        """In simulation the answer comes when the seed says."""
        universe = Universe(1)
        machine = universe.machine("mx", "192.0.2.1")
        waiting = machine.processes.python(
            trial.__name__, question("1/0"), limit_s=1.0, memory_octets=1
        )
        got: list[bytes] = []
        waiting.addCallback(got.append)
        self.assertEqual(got, [])
        universe.run(1.0)
        self.assertIn("ZeroDivision", trial.read_answer(got[0]).wrong)
