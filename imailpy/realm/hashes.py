"""
The kinds of password hashes: ours, and those that other servers made.

    ours           $argon2id$v=19$m=19456,t=2,p=1$...    [RFC9106]
    ARGON2ID       $argon2id$..., other parameters
    BLF-CRYPT      $2a$ $2b$ $2y$ (bcrypt; extra `import`)
    SHA512-CRYPT   $6$
    SSHA           {SSHA}, base64 of SHA-1 and salt

A hash comes in as Dovecot spells it, `{SCHEME}` before it or not. It costs no
more to check than the limits below say: who may add accounts must not get a
login that keeps a core busy for an hour. The first login that is right has
it replaced by one of ours.

A *kind* is a scheme and its cost. For each a hash can be made up that nobody
has the password of, and that takes as long to check.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

from argon2 import Parameters, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHash
from argon2.low_level import ARGON2_VERSION, Type, hash_secret, verify_secret

from imailpy.realm.crypt512 import (
    FEWEST_ROUNDS,
    MOST_SALT_OCTETS,
    STANDARD_ROUNDS,
    crypt512,
)

# 19 MiB, two passes, one lane: 23 ms of one core when it was measured.
PARAMETERS = Parameters(
    type=Type.ID,
    version=ARGON2_VERSION,
    salt_len=16,
    hash_len=32,
    time_cost=2,
    memory_cost=19 * 1024,
    parallelism=1,
)

# What a hash of another server may cost: about a second of one core.
MOST_BCRYPT_COST = 14
MOST_ROUNDS = 1_000_000
MOST_MEMORY_KIB = 128 * 1024
MOST_PASSES = 10
MOST_LANES = 8
MOST_HASH_CHARACTERS = 512

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_SHA512 = re.compile(
    r"\$6\$(?:rounds=(\d{1,9})\$)?([^$:\s]{1,16})\$([./A-Za-z0-9]{86})"
)
_SCHEME = re.compile(r"\{([A-Za-z0-9-]+)\}(.*)", re.DOTALL)
_SSHA = "{SSHA}"
_SHA1_OCTETS = 20
# bcrypt looks at so many octets of a password; others drop the rest, too.
_BCRYPT_OCTETS = 72


class UnknownHash(ValueError):
    """Not a hash that can be imported; its text is for the operator."""


def own_kind() -> str:
    """The kind of the hashes that we make."""
    return _argon2_kind(PARAMETERS)


def hash_now(octets: bytes, salt: bytes) -> str:
    """Hash, in the thread that calls."""
    return hash_secret(
        octets,
        salt,
        time_cost=PARAMETERS.time_cost,
        memory_cost=PARAMETERS.memory_cost,
        parallelism=PARAMETERS.parallelism,
        hash_len=PARAMETERS.hash_len,
        type=Type.ID,
    ).decode("ascii")


def needs_rehash(encoded: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    try:
        return extract_parameters(encoded) != PARAMETERS
    except InvalidHash:
        return True


def verify_now(encoded: str, prepared: bytes, typed: bytes) -> bool:
    """
    Check, in the thread that calls; any trouble with the hash is no.

    Args:
        prepared: The one form of the password, which ours are made of.
        typed: As it came, which others hashed.

    Raises:
        ImportError: The library for this kind is not installed.
    """
    if encoded.startswith("$2"):
        return _verify_bcrypt(encoded, typed)
    if encoded.startswith("$6$"):
        return _verify_sha512(encoded, typed)
    if encoded.startswith(_SSHA):
        return _verify_ssha(encoded, typed)
    octets = typed if needs_rehash(encoded) else prepared
    if _verify_argon2(encoded, octets):
        return True
    # One of ours whose parameters were changed since.
    return octets != prepared and _verify_argon2(encoded, prepared)


def kind_of(encoded: str) -> str:
    """Give the kind of a hash; empty for one that costs next to nothing."""
    found = _BCRYPT.fullmatch(encoded)
    if found is not None:
        return f"bcrypt:{int(found[1])}"
    found = _SHA512.fullmatch(encoded)
    if found is not None:
        return f"sha512-crypt:{found[1] or STANDARD_ROUNDS}"
    try:
        return _argon2_kind(extract_parameters(encoded))
    except InvalidHash:
        return ""


def make_up(kind: str, draw: Callable[[int], bytes]) -> str:
    """
    Make a hash of a kind that no password has.

    Args:
        draw: Gives so many random octets.

    Raises:
        ValueError: No such kind.
    """
    scheme, _, cost = kind.partition(":")
    if scheme == "bcrypt":
        # Of the last letters of salt and digest only some bits count.
        salt = f"{draw(11).hex()[:21]}e"
        return f"$2b${int(cost):02d}${salt}{draw(16).hex()[:30]}e"
    if scheme == "sha512-crypt":
        return f"$6$rounds={int(cost)}${draw(8).hex()}${draw(43).hex()}"
    if scheme != "argon2id":
        raise ValueError(f"unknown kind {kind}")
    salt, digest = (
        base64.b64encode(draw(count)).rstrip(b"=").decode("ascii")
        for count in (PARAMETERS.salt_len, PARAMETERS.hash_len)
    )
    memory, passes, lanes = (int(part) for part in cost.split(":"))
    return (
        f"$argon2id$v={PARAMETERS.version}$m={memory},t={passes},p={lanes}"
        f"${salt}${digest}"
    )


def read_imported(text: str) -> str:
    """
    Read a hash that another server made.

    Returns:
        Its one form, to be kept.

    Raises:
        UnknownHash: Not of a scheme above, damaged, or too dear to check.
    """
    text = text.strip()
    if len(text) > MOST_HASH_CHARACTERS or not text.isascii():
        raise UnknownHash("it is too long, or no ASCII")
    scheme, rest = _schemed(text)
    for begins, read in _READERS.items():
        if rest.startswith(begins):
            if scheme and scheme not in _SCHEMES[begins]:
                raise UnknownHash(f"{{{scheme}}} does not go with {begins}")
            return read(rest)
    raise UnknownHash(
        "it is none of BLF-CRYPT ($2a$, $2b$, $2y$), SHA512-CRYPT ($6$), "
        "SSHA ({SSHA}) and ARGON2ID ($argon2id$)"
    )


def _schemed(text: str) -> tuple[str, str]:
    """Part `{SCHEME}` from what is behind it; SSHA keeps it."""
    found = _SCHEME.fullmatch(text)
    if found is None:
        return "", text
    scheme = found[1].upper()
    return scheme, (_SSHA + found[2]) if scheme == "SSHA" else found[2]


def _read_bcrypt(text: str) -> str:
    found = _BCRYPT.fullmatch(text)
    if found is None:
        raise UnknownHash("it is a damaged bcrypt hash")
    if not 4 <= int(found[1]) <= MOST_BCRYPT_COST:
        raise UnknownHash(f"its cost is not from 4 to {MOST_BCRYPT_COST}")
    try:
        import bcrypt  # noqa: F401
    except ImportError:
        raise UnknownHash(
            "checking it needs the library bcrypt: install imailpy[import]"
        ) from None
    return text


def _read_sha512(text: str) -> str:
    found = _SHA512.fullmatch(text)
    if found is None:
        raise UnknownHash("it is a damaged SHA512-CRYPT hash")
    if not FEWEST_ROUNDS <= int(found[1] or STANDARD_ROUNDS) <= MOST_ROUNDS:
        raise UnknownHash(
            f"its rounds are not from {FEWEST_ROUNDS} to {MOST_ROUNDS}"
        )
    return text


def _read_ssha(text: str) -> str:
    try:
        octets = base64.b64decode(text.removeprefix(_SSHA), validate=True)
    except binascii.Error:
        octets = b""
    if not _SHA1_OCTETS < len(octets) <= _SHA1_OCTETS + 64:
        raise UnknownHash("it is a damaged SSHA hash")
    return text


def _read_argon2(text: str) -> str:
    try:
        found = extract_parameters(text)
    except InvalidHash:
        raise UnknownHash("it is a damaged argon2id hash") from None
    if (
        not 8 <= found.memory_cost <= MOST_MEMORY_KIB
        or not 1 <= found.time_cost <= MOST_PASSES
        or not 1 <= found.parallelism <= MOST_LANES
    ):
        raise UnknownHash(
            f"it wants more than m={MOST_MEMORY_KIB}, t={MOST_PASSES}, "
            f"p={MOST_LANES}"
        )
    return text


# How a hash begins -> who reads it, and the schemes that it may bear.
_READERS: dict[str, Callable[[str], str]] = {
    "$2": _read_bcrypt,
    "$6$": _read_sha512,
    _SSHA: _read_ssha,
    "$argon2id$": _read_argon2,
}
_SCHEMES = {
    "$2": ("BLF-CRYPT", "BCRYPT", "CRYPT"),
    "$6$": ("SHA512-CRYPT", "CRYPT"),
    _SSHA: ("SSHA",),
    "$argon2id$": ("ARGON2ID",),
}


def _argon2_kind(found: Parameters) -> str:
    return (
        f"argon2id:{found.memory_cost}:{found.time_cost}:{found.parallelism}"
    )


def _verify_argon2(encoded: str, octets: bytes) -> bool:
    try:
        return verify_secret(encoded.encode("ascii"), octets, Type.ID)
    except Argon2Error:
        return False


def _verify_bcrypt(encoded: str, typed: bytes) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(typed[:_BCRYPT_OCTETS], encoded.encode("ascii"))
    except ValueError:
        return False


def _verify_sha512(encoded: str, typed: bytes) -> bool:
    found = _SHA512.fullmatch(encoded)
    if found is None:
        return False
    rounds = int(found[1] or STANDARD_ROUNDS)
    salt = found[2].encode("ascii")[:MOST_SALT_OCTETS]
    return hmac.compare_digest(
        crypt512(typed, salt, rounds), found[3].encode("ascii")
    )


def _verify_ssha(encoded: str, typed: bytes) -> bool:
    octets = base64.b64decode(encoded.removeprefix(_SSHA))
    digest, salt = octets[:_SHA1_OCTETS], octets[_SHA1_OCTETS:]
    # SHA-1 is what it is; it is replaced at the first login.
    made = hashlib.sha1(typed + salt, usedforsecurity=False).digest()
    return hmac.compare_digest(made, digest)
