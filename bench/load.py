"""SMTP clients in threads: the load of the benchmarks."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

SENDER = "sender@sender.test"
_LINE = b"X" * 78 + b"\r\n"


def message(size_octets: int, number: int, recipient: str) -> bytes:
    """Make a message with its final dot; its id is its own."""
    header = (
        f"From: <{SENDER}>\r\nTo: <{recipient}>\r\nSubject: bench\r\n"
        f"Message-ID: <{number}.{time.time_ns()}@sender.test>\r\n"
        "Date: Mon, 02 Jan 2023 10:00:00 +0000\r\n\r\n"
    ).encode()
    lines = max(1, (size_octets - len(header)) // len(_LINE))
    return header + _LINE * lines + b".\r\n"


def say(stream: BinaryIO, octets: bytes, code: bytes) -> None:
    """Send a command, read its reply."""
    if octets:
        stream.write(octets)
        stream.flush()
    line = stream.readline()
    while line[3:4] == b"-":
        line = stream.readline()
    if not line.startswith(code):
        raise RuntimeError(repr(line))


def connect(host: str, port: int) -> BinaryIO:
    """Connect and say EHLO."""
    plain = socket.create_connection((host, port), 60)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream: BinaryIO = plain.makefile("rwb", 1 << 17)  # type: ignore[assignment]
    plain.close()
    say(stream, b"", b"220")
    say(stream, b"EHLO localhost\r\n", b"250")
    return stream


def send(stream: BinaryIO, recipient: str, octets: bytes) -> None:
    """Send one message, command by command."""
    say(stream, f"MAIL FROM:<{SENDER}>\r\n".encode(), b"250")
    say(stream, f"RCPT TO:<{recipient}>\r\n".encode(), b"250")
    say(stream, b"DATA\r\n", b"354")
    say(stream, octets, b"250")


def by_threads(
    host: str, port: int, users: int, size: int, sessions: int, count: int
) -> float:
    """Send over kept-open connections of our own; gives seconds."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        recipient = f"u{number % users}@example.test"
        try:
            with connect(host, port) as stream:
                for at in range(count // sessions):
                    send(stream, recipient, message(size, at, recipient))
        except BaseException as error:
            errors.append(error)

    return _timed([(lambda n=n: work(n)) for n in range(sessions)], errors)


def _timed(
    works: list[Callable[[], None]], errors: list[BaseException]
) -> float:
    threads = [threading.Thread(target=work) for work in works]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if errors:
        raise RuntimeError(f"a client failed: {errors[0]!r}")
    return seconds


def source() -> str | None:
    """The path of Postfix's smtp-source, where it is installed."""
    return shutil.which("smtp-source") or shutil.which(
        "smtp-source", path="/usr/sbin"
    )


def by_source(
    host: str, port: int, users: int, size: int, sessions: int, count: int
) -> float:
    """The same by smtp-source, which costs less; gives seconds."""
    many = min(users, sessions)
    start = time.perf_counter()
    processes = [
        subprocess.Popen(
            [
                *(source() or "smtp-source", "-d", "-s"),
                *(str(sessions // many), "-m", str(count // many)),
                *("-l", str(size), "-f", SENDER),
                *("-t", f"u{number}@example.test", "-M", "localhost"),
                f"{host}:{port}",
            ]
        )
        for number in range(many)
    ]
    codes = [process.wait(300) for process in processes]
    if any(codes):
        raise RuntimeError("smtp-source failed")
    return time.perf_counter() - start
