"""The machine as it is."""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import resource
import secrets
import signal
import socket
import time
from collections.abc import Callable
from random import SystemRandom
from typing import Any

from zope.interface import implementer

from imailpy.interfaces.world import (
    ICall,
    IClock,
    INetwork,
    IRandom,
    IWorld,
)
from imailpy.world.real_disk import RealDisk
from imailpy.world.real_loop import LoopWatch
from imailpy.world.real_network import RealNetwork
from imailpy.world.real_processes import RealProcesses
from imailpy.world.real_threads import RealThreads
from imailpy.world.real_watchdog import RealWatchdog

PR_SET_DUMPABLE = 4
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
# Seconds from `die` to the end, whatever still wants to finish.
LONGEST_DEATH_S = 3.0
# Octet -> letter by its lower five bits.
_TO_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" * 8


@implementer(ICall)
class RealCall:
    """A delayed call of the reactor."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()

    def active(self) -> bool:
        return bool(self._call.active())


@implementer(IClock)
class RealClock:
    """The reactor's timers, the system's time."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def call_later(
        self, delay_s: float, function: Callable[..., object], *arguments: Any
    ) -> RealCall:
        return RealCall(self._reactor.callLater(delay_s, function, *arguments))


@implementer(IRandom)
class RealRandom:
    """The system's randomness."""

    octets = staticmethod(secrets.token_bytes)
    below = staticmethod(secrets.randbelow)

    def __init__(self) -> None:
        self._random = SystemRandom()

    def token(self) -> str:
        return secrets.token_bytes(20).translate(_TO_LETTERS).decode()

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


@implementer(IWorld)
class RealWorld:
    """
    Clock, network, disk, randomness and threads of this machine.

    Args:
        reactor: Twisted's; handed in, so that nobody installs one by
            importing this.
    """

    def __init__(self, reactor: Any, host_name: str | None = None) -> None:
        self._reactor = reactor
        self.clock: IClock = RealClock(reactor)
        self.network: INetwork = RealNetwork(reactor)
        self.disk = RealDisk()
        self.random: IRandom = RealRandom()
        self.threads = RealThreads(reactor)
        self.processes = RealProcesses(reactor)
        self.watchdog = RealWatchdog()
        self.host_name = host_name or socket.getfqdn()
        self.exit_code = 0
        self._watch: LoopWatch | None = None

    def on_hangup(self, call: Callable[[], object]) -> None:
        def heard(*_: object) -> None:
            self._reactor.callFromThread(call)

        signal.signal(signal.SIGHUP, heard)

    def end_well(self) -> None:
        """
        Have SIGTERM end the process with exit code 0, once it has stopped.

        Twisted would have it die by the signal after all was finished,
        which tells those who watch it nothing about whether it was.
        """

        def heard(*_: object) -> None:
            self._reactor.callFromThread(self._stop)

        def install() -> None:
            signal.signal(signal.SIGTERM, heard)

        self._reactor.callWhenRunning(install)

    def _stop(self) -> None:
        if self._reactor.running:
            self._reactor.stop()

    def harden(self) -> None:
        if len({*os.getresuid()}) > 1 or len({*os.getresgid()}) > 1:
            raise PermissionError(
                errno.EPERM,
                "the way back to root is open: use --uid and --gid, "
                "not --euid",
            )
        # What was imported stays; what comes and goes has no cycles but
        # those of failures, so a look at it now and then is enough.
        self._watch = LoopWatch(self._reactor)
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        libc = ctypes.CDLL(None, use_errno=True)
        # Large pieces (a password's hash takes 19 MiB) go back to the system
        # when they are freed. Only glibc learns to keep them.
        mallopt = getattr(libc, "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 1 << 20)
            mallopt(M_TRIM_THRESHOLD, 1 << 20)
            # A thread's own arena is given back and fetched anew with every
            # group of messages; one arena for all keeps its pages.
            mallopt(M_ARENA_MAX, 1)
            libc.malloc_trim(0)
        # Not every system has prctl; the limit above holds without it.
        prctl = getattr(libc, "prctl", None)
        if prctl is not None:
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

    def longest_callback_s(self) -> float:
        return 0.0 if self._watch is None else self._watch.longest_s

    def fault_point(self, name: str) -> None:
        """Nothing happens in production."""

    def die(self, exit_code: int, reason: str) -> None:
        """
        Stop the reactor, and have the process exit with `exit_code`.

        Callable from any thread. What has an answer still gets it, but
        nothing may keep the process for long: `LONGEST_DEATH_S`.
        """
        self.exit_code = exit_code
        os.write(2, f"imailpy: {reason}: exit {exit_code}\n".encode())
        self._reactor.callFromThread(self._end)

    def _end(self) -> None:
        reactor = self._reactor
        leave = (os._exit, self.exit_code)
        reactor.addSystemEventTrigger("after", "shutdown", *leave)
        reactor.callLater(LONGEST_DEATH_S, *leave)
        if reactor.running:
            reactor.stop()
