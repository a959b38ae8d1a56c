"""Processes of this machine."""

from __future__ import annotations

import math
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from imailpy.errors import ProcessFailed
from imailpy.interfaces.world import IProcesses
from imailpy.world.child import START

MOST_ANSWER = 1 << 20
MOST_TOLD = 500


def words_of(module: str, limit_s: float, memory_octets: int) -> list[str]:
    """
    Give the command line of a process that answers.

    `-I`: neither environment nor current directory say where it finds
    modules; it finds those that we find.
    """
    return [
        sys.executable,
        "-I",
        "-c",
        START,
        module,
        str(math.ceil(limit_s) + 1),
        str(memory_octets),
        *(each for each in sys.path if each),
    ]


def how_it_ended(exit_code: int | None, number: int | None, text: str) -> str:
    """Spell the end of a process that gave no answer."""
    if number is not None:
        said = f"it was ended by signal {number}"
    else:
        said = f"it ended with exit code {exit_code}"
    last = text.strip().splitlines()[-1:]
    return f"{said}: {last[0][:MOST_TOLD]}" if last else said


class _Answering(ProcessProtocol):
    """Says one thing, and hears one."""

    def __init__(self, octets: bytes) -> None:
        self.done: Deferred[bytes] = Deferred()
        self.killed = ""
        self._octets = octets
        self._said = bytearray()
        self._errors = bytearray()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self._octets)
        transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self._said += data
        if len(self._said) > MOST_ANSWER:
            self.kill(f"its answer was over {MOST_ANSWER} octets")

    def errReceived(self, data: bytes) -> None:
        self._errors += data
        del self._errors[:-4096]

    def kill(self, why: str) -> None:
        """End it now."""
        if self.killed or self.done.called:
            return
        self.killed = why
        transport: Any = self.transport
        transport.signalProcess("KILL")

    def processEnded(self, reason: Failure) -> None:
        ended: Any = reason.value
        if isinstance(ended, ProcessDone) and self._said and not self.killed:
            self.done.callback(bytes(self._said))
            return
        self.done.errback(
            ProcessFailed(
                self.killed
                or how_it_ended(
                    ended.exitCode,
                    ended.signal,
                    self._errors.decode("utf-8", "replace"),
                )
            )
        )


@implementer(IProcesses)
class RealProcesses:
    """Starts them; the reactor must run."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def python(
        self, module: str, octets: bytes, *, limit_s: float, memory_octets: int
    ) -> Deferred[bytes]:
        protocol = _Answering(octets)
        words = words_of(module, limit_s, memory_octets)
        self._reactor.spawnProcess(
            protocol,
            words[0],
            words,
            env={"LANG": "C.UTF-8"},
            path="/",
        )
        timer = self._reactor.callLater(
            limit_s,
            protocol.kill,
            f"it took over {limit_s:g} s",
        )

        def over(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return protocol.done.addBoth(over)
