"""
SHA512-CRYPT, as glibc made it: `$6$rounds=N$salt$digest`.

Only for passwords that come from other servers, to check them once: Python's
own `crypt` is gone since 3.13.
"""

from __future__ import annotations

import hashlib

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
STANDARD_ROUNDS = 5_000
FEWEST_ROUNDS = 1_000
MOST_SALT_OCTETS = 16


def crypt512(password: bytes, salt: bytes, rounds: int) -> bytes:
    """
    Give the digest's 86 characters.

    Args:
        salt: 1 to 16 characters, none of them `$`.
        rounds: About 1 us each.
    """
    sha = hashlib.sha512
    size = len(password)
    digest = _first(password, salt)
    p = _stretched(sha(password * size).digest(), size)
    s = sha(salt * (16 + digest[0])).digest()[: len(salt)]
    # What goes before and behind the digest repeats after 42 rounds.
    cycle = [_around(number, p, s) for number in range(42)]
    for number in range(rounds):
        before, behind = cycle[number % 42]
        digest = sha(before + digest + behind).digest()
    return _spelt(digest)


def _first(password: bytes, salt: bytes) -> bytes:
    """Give the digest that the rounds begin with."""
    sha, size = hashlib.sha512, len(password)
    other = sha(password + salt + password).digest()
    parts = [password, salt, _stretched(other, size)]
    bits = size
    while bits:
        parts.append(other if bits & 1 else password)
        bits >>= 1
    return sha(b"".join(parts)).digest()


def _stretched(octets: bytes, size: int) -> bytes:
    return (octets * (size // len(octets) + 1))[:size]


def _around(number: int, p: bytes, s: bytes) -> tuple[bytes, bytes]:
    between = (s if number % 3 else b"") + (p if number % 7 else b"")
    if number & 1:
        return p + between, b""
    return b"", between + p


def _spelt(digest: bytes) -> bytes:
    """Spell a digest: octets in the order that glibc shuffles them to."""
    out = bytearray()
    a, b, c = 0, 21, 42
    for _ in range(21):
        number = digest[a] << 16 | digest[b] << 8 | digest[c]
        out += _letters(number, 4)
        a, b, c = b + 1, c + 1, a + 1
    return bytes(out + _letters(digest[63], 2))


def _letters(number: int, count: int) -> bytes:
    return bytes(_ALPHABET[number >> 6 * at & 63] for at in range(count))
