"""
Cost laws of code whose work is done inside of C: CPU time at n and 8 n.

A quadratic law would give 64; 24 leaves room for a busy machine.
"""

import time
from collections.abc import Callable
from typing import Any
from unittest import TestCase

SMALL = 6_000


def _cost(call: Callable[[bytes], Any], octets: bytes) -> float:
    best = 1e9
    for _ in range(3):
        before = time.process_time()
        call(octets)
        best = min(best, time.process_time() - before)
    return best


def assert_linear(
    case: TestCase, call: Callable[[bytes], Any], piece: bytes
) -> None:
    """Have eight times as many pieces cost at most 24 times as much."""
    count = SMALL // len(piece)
    small = _cost(call, piece * count)
    large = _cost(call, piece * (8 * count))
    case.assertLess(large, 24 * small + 0.002, piece)
