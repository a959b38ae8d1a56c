"""
A Python process that answers one question, and what it may use for it.

The question comes by standard input. The answer goes by the descriptor that
standard output was, which what runs here does not get to see: its prints go
nowhere.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys

# Told to `python -I -c`, with the search path of its parent.
START = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "from imailpy.world.child import main; main(sys.argv[1:4])"
)


def limit(seconds: int, memory_octets: int) -> None:
    """So much CPU and memory, no file written, no process started."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory_octets),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        _, hard = resource.getrlimit(what)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(what, (most, most))


def main(words: list[str]) -> None:
    """Answer: module, seconds, octets of memory."""
    module, seconds, memory_octets = words
    octets = sys.stdin.buffer.read()
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    answer = importlib.import_module(module).answer
    limit(int(seconds), int(memory_octets))
    said: bytes = answer(octets)
    with os.fdopen(out, "wb") as stream:
        stream.write(said)
