"""
Passwords: kept as argon2id, checked in a bounded pool [RFC9106 4].

Whoever asks about an account that cannot be logged into waits for the same
work as everybody else: a made-up hash is checked.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode

from argon2 import Parameters, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHash
from argon2.low_level import ARGON2_VERSION, Type, hash_secret, verify_secret

from imailpy.errors import LoginUnavailable, QueueFull
from imailpy.interfaces.world import IPool, IWorld
from imailpy.mail import Secret
from imailpy.protocol.sasl.prepare import prepared_password

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

FEWEST_CHARACTERS = 12
# Longer ones are refused before they cost anything.
MOST_OCTETS = 1024

# Long enough by the rule, and still tried first by everybody.
_COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123456789123 111111111111
    000000000000 112233445566 123123123123 123412341234 987654321098
    abcdefghijkl abcdefghijklm abc123abc123 aaaaaaaaaaaa qwertyuiopas
    qwertyuiop12 qwertyuiop123 qwerty123456 qwertyqwerty 1q2w3e4r5t6y
    1qaz2wsx3edc q1w2e3r4t5y6 asdfghjkl123 zaq12wsxcde3 passwordpassword
    password1234 password12345 password123456 passw0rd1234 p@ssw0rd1234
    adminadmin12 administrator administrator1 changemechangeme changeme1234
    letmeinletmein letmein12345 welcomewelcome welcome12345 iloveyou1234
    iloveyouiloveyou trustno1trustno1 monkeymonkey dragondragon
    correcthorsebatterystaple correct-horse-battery-staple
    """.split()  # noqa: SIM905 (a list literal would fill the page)
)


def prepare(password: Secret) -> bytes | None:
    """
    Give a password its one form, the one that SCRAM gives it [RFC4013].

    Returns:
        None when it is empty, no UTF-8, has controls, or is over-long.
    """
    octets = password.reveal()
    if not octets or len(octets) > MOST_OCTETS:
        return None
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    if any(unicodedata.category(character) == "Cc" for character in text):
        return None
    return prepared_password(octets)


def complaint(password: str, address: str = "") -> str | None:
    """
    Say what is wrong with a password that somebody wants to have.

    Args:
        address: Of the account; its local part is no password.
    """
    octets = prepare(Secret(password.encode(errors="replace")))
    if octets is None:
        return "it is empty, too long, or has control characters"
    if len(password) < FEWEST_CHARACTERS:
        return f"it has fewer than {FEWEST_CHARACTERS} characters"
    plain = password.casefold()
    if plain in _COMMON or len(set(plain)) < 4:
        return "it is among those that are tried first"
    local_part = address.casefold().rpartition("@")[0]
    if plain in (address.casefold(), local_part, local_part * 2):
        return "it is the account's own name"
    return None


def needs_rehash(encoded: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    try:
        return extract_parameters(encoded) != PARAMETERS
    except InvalidHash:
        return True


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


def verify_now(encoded: bytes, octets: bytes) -> bool:
    """Check, in the thread that calls; any trouble with the hash is no."""
    try:
        return verify_secret(encoded, octets, Type.ID)
    except Argon2Error:
        return False


class Passwords:
    """
    Hashes and checks without holding the reactor.

    The threads start with the first password, never while the roof is
    built: it is built before the daemon forks.
    """

    def __init__(
        self, world: IWorld, *, threads: int = 2, queue: int = 100
    ) -> None:
        self._world = world
        self._threads = threads
        self._queue = queue
        self._running: IPool | None = None
        self._made_up = _made_up(world)

    async def hash(self, password: Secret) -> str:
        """
        Hash a password for keeping.

        Raises:
            ValueError: It cannot be a password.
            LoginUnavailable: The pool's queue is full.
        """
        octets = prepare(password)
        if octets is None:
            raise ValueError("not a password")
        salt = self._world.random.octets(PARAMETERS.salt_len)
        try:
            return await self._pool().run(hash_now, octets, salt)
        except QueueFull as error:
            raise LoginUnavailable(error.private) from error

    async def verify(self, encoded: str | None, password: Secret) -> bool:
        """
        Check a password.

        Args:
            encoded: None for an account that cannot be logged into: False,
                after the same work.

        Raises:
            LoginUnavailable: The pool's queue is full.
        """
        octets = prepare(password)
        if octets is None:
            encoded, octets = None, b"not a password"
        kept = self._made_up if encoded is None else encoded.encode("ascii")
        try:
            right = await self._pool().run(verify_now, kept, octets)
        except QueueFull as error:
            raise LoginUnavailable(error.private) from error
        return right and encoded is not None

    async def stop(self) -> None:
        """End the threads; a later password starts them again."""
        pool, self._running = self._running, None
        if pool is not None:
            await pool.stop()

    def _pool(self) -> IPool:
        if self._running is None:
            self._running = self._world.threads.pool(
                "passwords", threads=self._threads, queue=self._queue
            )
        return self._running


def _made_up(world: IWorld) -> bytes:
    """A hash that no password has, and that costs as much as a real one."""
    salt = b64encode(world.random.octets(PARAMETERS.salt_len)).rstrip(b"=")
    digest = b64encode(world.random.octets(PARAMETERS.hash_len)).rstrip(b"=")
    return (
        f"$argon2id$v={PARAMETERS.version}$m={PARAMETERS.memory_cost},"
        f"t={PARAMETERS.time_cost},p={PARAMETERS.parallelism}$"
    ).encode("ascii") + b"%b$%b" % (salt, digest)
