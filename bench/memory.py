"""
What memory a server takes.

    python -m bench.memory [--directory DIR] [--idle 1000,10000]

Resident memory of a server that has just started, with 50 connections that
send 1 MB each at once, and with many IMAP connections that wait in IDLE.
Raise the limit of open files first (`ulimit -n`): 10,000 connections need
as many descriptors on both sides.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import os
import secrets
import socket
import time
from functools import cache

from bench import load
from bench.server import HOST, PASSWORD, Server, more_files

# Addresses of the loopback network to come from: a port a connection.
_FROM = [f"127.0.0.{number}" for number in range(1, 9)]


def peak_of_large(server: Server, sessions: int, size: int) -> float:
    """Peak while so many send one large message each, at once."""
    server.forget_peak()
    load.by_threads(HOST, server.smtp, 10, size, sessions, sessions * 4)
    return server.memory_mib("VmHWM")


@cache
def _client_key(salt: str, iterations: int) -> bytes:
    salted = hashlib.pbkdf2_hmac(
        "sha256", PASSWORD.encode(), base64.b64decode(salt), iterations
    )
    return hmac.digest(salted, b"Client Key", "sha256")


class Idle:
    """One IMAP connection that waits in IDLE with INBOX open."""

    def __init__(self, port: int, number: int) -> None:
        source = (_FROM[number % len(_FROM)], 0)
        self.stream = socket.create_connection((HOST, port), 60, source)
        self._read(b"\r\n")
        self._sign_in(f"u{number % 10}@example.test")
        self._say("b SELECT INBOX", b"b OK")
        self._say("c IDLE", b"+ ")

    def _sign_in(self, user: str) -> None:
        """SCRAM, which costs the server little: it is not what we measure."""
        bare = f"n={user},r={secrets.token_hex(12)}"
        first = base64.b64encode(f"n,,{bare}".encode()).decode()
        got = self._say(f"a AUTHENTICATE SCRAM-SHA-256 {first}", b"+ ")
        challenge = base64.b64decode(got[2:]).decode()
        said = dict(part.split("=", 1) for part in challenge.split(","))
        key = _client_key(said["s"], int(said["i"]))
        final = f"c=biws,r={said['r']}"
        signature = hmac.digest(
            hashlib.sha256(key).digest(),
            f"{bare},{challenge},{final}".encode(),
            "sha256",
        )
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        final += f",p={base64.b64encode(proof).decode()}"
        self._say(base64.b64encode(final.encode()).decode(), b"+ ")
        self._say("", b"a OK")

    def _say(self, line: str, until: bytes) -> bytes:
        self.stream.sendall(line.encode() + b"\r\n")
        return self._read(until)

    def _read(self, until: bytes) -> bytes:
        got = b""
        while until not in got or not got.endswith(b"\r\n"):
            octets = self.stream.recv(65536)
            if not octets:
                raise RuntimeError(f"closed after {got!r}")
            got += octets
        return got

    def lives(self) -> bool:
        """Whether it is still open."""
        self.stream.settimeout(0)
        try:
            return bool(self.stream.recv(65536))
        except BlockingIOError:
            return True
        except OSError:
            return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory")
    parser.add_argument("--idle", default="1000,10000")
    arguments = parser.parse_args()
    more_files()
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    server = Server(arguments.directory)
    try:
        time.sleep(1.0)
        print(f"idle: {server.memory_mib():.1f} MiB")
        peak = peak_of_large(server, 50, 1_000_000)
        print(f"50 connections x 1 MB: peak {peak:.1f} MiB", flush=True)
        start = server.memory_mib()
        open_now: list[Idle] = []
        for many in map(int, arguments.idle.split(",")):
            while len(open_now) < many:
                open_now.append(Idle(server.imap, len(open_now)))
            time.sleep(1.0)
            now = server.memory_mib()
            living = sum(each.lives() for each in open_now)
            print(
                f"{many} in IDLE: {now:.1f} MiB,"
                f" {(now - start) * 1024 / many:.1f} KiB each,"
                f" {living} open",
                flush=True,
            )
        for each in open_now:
            each.stream.close()
        longest = server.status().get("reactor_longest_ms")
        print(f"longest callback: {longest} ms")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
