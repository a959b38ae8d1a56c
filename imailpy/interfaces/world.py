"""
The one door to the machine: clock, network, disk, randomness, threads.

Everything else in the house gets a `World` handed in, so that a whole server
(or several) can run on a simulated machine, in one thread, from one seed.
"""

# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from zope.interface import Attribute, Interface

T = TypeVar("T")


class ICall(Interface):
    """A call that will be made later."""

    def cancel() -> None:
        """Do not make it. Harmless when it was made or cancelled already."""

    def active() -> bool:
        """Whether it is still to come."""


class IClock(Interface):
    """Time."""

    def now() -> float:
        """Seconds since 1970, UTC: for rows and header fields only."""

    def monotonic() -> float:
        """Seconds that never go back: for every timer and duration."""

    def call_later(
        delay_s: float, function: Callable[..., object], *arguments: Any
    ) -> ICall:
        """Call `function` in the reactor thread in `delay_s` seconds."""


class INetwork(Interface):
    """
    Streams and datagrams; protocols and transports are Twisted's.

    A stream's transport has write, writeSequence, loseConnection,
    abortConnection, registerProducer, pauseProducing, resumeProducing,
    getPeer, getHost, setTcpNoDelay, and startTLS(context_factory).
    """

    def listen(
        address: str, port: int, factory: Any, *, tls: Any = None
    ) -> Any:
        """
        Listen at once for TCP streams.

        Args:
            address: IPv4 or IPv6 address to bind; empty: all of this
                machine, IPv6 and IPv4. An IPv4 client is always told as
                one, never as a mapped IPv6 address.
            port: 0 for any free one.
            factory: A Twisted `IProtocolFactory`.
            tls: A context factory: TLS from the first octet.

        Returns:
            A Twisted `IListeningPort`.

        Raises:
            twisted.internet.error.CannotListenError: The port is taken, or
                the right to bind it is missing.
        """

    def listen_unix(path: str, factory: Any, *, mode: int = 0o600) -> Any:
        """Listen on a Unix socket; as `listen`."""

    def connect(
        address: str,
        port: int,
        factory: Any,
        *,
        timeout_s: float = 30.0,
        bind_address: str | None = None,
        tls: Any = None,
    ) -> Awaitable[Any]:
        """
        Open a TCP stream to an IP address (never to a name).

        Returns:
            The protocol that `factory` built, connected.

        Raises:
            twisted.internet.error.ConnectError: And its subclasses.
        """

    def datagram(protocol: Any, address: str = "0.0.0.0") -> Any:  # noqa: S104
        """Open a UDP port on a random free port for `protocol`."""


class IFile(Interface):
    """
    A file opened for appending or reading. Errors are `OSError`.

    A failed `sync` leaves the file's durable content unknown: the caller
    ends the process after answering, it never tries the sync again.
    """

    def write(octets: bytes) -> None:
        """Append all of `octets`."""

    def read_at(offset: int, size_octets: int) -> bytes:
        """Read; shorter only at the end of the file."""

    def sync() -> None:
        """Make content (and what is needed to find it: size) durable."""

    def size() -> int:
        """Length in octets."""

    def truncate(size_octets: int) -> None:
        """Cut to `size_octets`."""

    def close() -> None:
        """Close; says nothing about durability."""


class IDisk(Interface):
    """
    Files below directories of ours. Errors are `OSError`.

    Paths are absolute text. Everything is created with mode 0600 (0700 for
    directories), never through a symbolic link, and must be a regular file
    of our own user.
    """

    def make_directory(path: str) -> None:
        """Make a directory, and those above it, where missing."""

    def create(path: str) -> IFile:
        """Create for appending and reading; `FileExistsError` if there."""

    def open(path: str, *, writable: bool = False) -> IFile:
        """Open an existing file for reading, or also for appending."""

    def read(path: str) -> bytes:
        """Read a small file whole."""

    def read_foreign(
        path: str, most_octets: int = 1 << 20, *, private: bool = False
    ) -> bytes:
        """
        Read a small file of the system that others own, such as
        `/etc/resolv.conf`: links are followed, the owner does not matter.

        Args:
            private: It holds a secret, such as a certificate's key: it must
                belong to us or to root (for root: to anybody), and neither
                its group nor others may read it [SECURITY B12.5].

        Raises:
            OSError: Also when it is no regular file, or larger; its text
                says so.
        """

    def replace(path: str, octets: bytes) -> None:
        """Write a small file durably and atomically over an old one."""

    def rename(old: str, new: str) -> None:
        """Rename within one file system; durable after `sync_directory`."""

    def link(old: str, new: str) -> None:
        """Give a file a second name; durable after `sync_directory`."""

    def remove(path: str) -> None:
        """Remove a file; `FileNotFoundError` if it is not there."""

    def list(path: str) -> Sequence[str]:
        """Names in a directory, sorted."""

    def exists(path: str) -> bool:
        """Whether there is something of that name."""

    def sync_directory(path: str) -> None:
        """Make creations, renames and removals in it durable."""

    def free_octets(path: str) -> int:
        """What an unprivileged writer may still write there."""

    def total_octets(path: str) -> int:
        """Size of the file system there."""

    def file_system(path: str) -> str:
        """Kind of the file system there, such as `ext4`; "" if unknown."""

    def check_private(path: str) -> None:
        """
        Make sure that a directory is ours alone.

        Raises:
            PermissionError: It belongs to another user, or others may read,
                write or enter it [SECURITY B12.5].
        """

    def lock(path: str) -> Any:
        """
        Take the lock file for life; `BlockingIOError` when another has it.

        Returns:
            An object with `release()`.
        """

    sqlite_vfs: str | None = Attribute(
        """Name of the apsw VFS to open databases with; None: the default."""
    )

    single_connection: bool = Attribute(
        """
        Whether a database may only have one connection, in exclusive
        locking mode: the simulated disk has no shared memory.
        """
    )


class IRandom(Interface):
    """Unpredictable in production, drawn from the seed in simulation."""

    def octets(count: int) -> bytes:
        """`count` octets."""

    def token() -> str:
        """At least 100 bits as text of `[a-z0-9]`, for ids."""

    def uniform(low: float, high: float) -> float:
        """A number from `low` to `high`: for jitter."""

    def below(limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""


class IBatchThread(Interface):
    """
    A thread of its own that works off whatever arrived while it was busy.

    Nobody waits on purpose: a batch is what came during the previous one.
    """

    def submit(item: Any, done: Callable[[Any], object]) -> None:
        """
        Hand in one item.

        Args:
            done: Called in the reactor thread with what `process` gave for
                it, an exception perhaps. It is no Deferred: one would cost
                every message more than the call.
        """

    def stop() -> Awaitable[None]:
        """Work off what was handed in, then end the thread."""


class IPool(Interface):
    """A few threads with a bounded queue."""

    def run(function: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """
        Run `function` in one of the threads.

        Raises:
            imailpy.errors.QueueFull: At once, when the queue is full.
        """

    def stop() -> Awaitable[None]:
        """Work off what was handed in, then end the threads."""


class IThreads(Interface):
    """The only maker of threads."""

    def batch(
        name: str,
        process: Callable[[Sequence[Any]], Sequence[Any]],
        *,
        most: int = 512,
    ) -> IBatchThread:
        """
        Start a batch thread.

        Args:
            name: For logs and thread lists.
            process: Called in the thread with 1 to `most` items in order of
                arrival; gives one result (or exception object) for each.
            most: Items in one batch.
        """

    def pool(name: str, *, threads: int, queue: int) -> IPool:
        """Start a pool."""


class IProcesses(Interface):
    """The only maker of processes."""

    def python(
        module: str, octets: bytes, *, limit_s: float, memory_octets: int
    ) -> Awaitable[bytes]:
        """
        Have a module of ours answer in a Python process of its own.

        Args:
            module: Has `answer(octets) -> octets`.
            octets: Its question.
            limit_s: Seconds of the clock; then the process is killed.
            memory_octets: What it may have, and it may write no file and
                start no process.

        Raises:
            imailpy.errors.ProcessFailed: It ended without an answer; its
                text says how.
        """


class IWatchdog(Interface):
    """Ends what holds the reactor's thread."""

    took_s: float = Attribute(
        """
        Seconds of work that the last call took. Seconds of waiting count
        only where they are many: another program may have had the machine.
        """
    )

    def call(function: Callable[[Any], T], argument: Any, limit_s: float) -> T:
        """
        Call `function` in this thread.

        Args:
            limit_s: Seconds of work.

        Raises:
            imailpy.errors.Stuck: It was ended. Only what is written in
                Python can be, and what looks after signals, as `re` does.
        """


class IWorld(Interface):
    """Clock, network, disk, randomness, threads, processes of a machine."""

    clock: IClock = Attribute("""Time.""")
    network: INetwork = Attribute("""Streams and datagrams.""")
    disk: IDisk = Attribute("""Files.""")
    random: IRandom = Attribute("""Randomness.""")
    threads: IThreads = Attribute("""Threads.""")
    processes: IProcesses = Attribute("""Processes.""")
    watchdog: IWatchdog = Attribute("""For code that we did not write.""")
    host_name: str = Attribute("""Fully qualified name of this machine.""")

    def on_hangup(call: Callable[[], object]) -> None:
        """Have `call` called in the reactor thread at every SIGHUP."""

    def harden() -> None:
        """
        Before mail is touched: files for us alone (umask 077), no core
        dumps, no debugger of another user [SECURITY B15.8].

        Raises:
            PermissionError: The process could have its privileges back
                [SECURITY B15.1].
        """

    def longest_callback_s() -> float:
        """Give the seconds for which one callback held the reactor most."""

    def fault_point(name: str) -> None:
        """
        A named place where a simulated machine may crash or fail.

        Nothing happens in production. Names are dotted, e.g.
        `store.after_segment_before_row`.
        """

    def die(exit_code: int, reason: str) -> None:
        """
        End the process in an orderly hurry: the reactor is stopped and the
        process exits with `exit_code`. Used after a failed flush.
        """
