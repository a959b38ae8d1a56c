"""
Passwords: kept as argon2id, checked in a bounded pool [RFC9106 4].

Whoever asks about an account that cannot be logged into waits for the same
work as everybody else. Where all hashes are ours that is one hash, made up
where there is none. While hashes of other servers are there, whose checks
take longer or shorter, a refusal takes one check of each kind that there is:
the account's own is a real one, the others are made up.
"""

from __future__ import annotations

from collections.abc import Sequence

from imailpy.errors import LoginUnavailable, QueueFull
from imailpy.interfaces.world import IPool, IWorld
from imailpy.mail import Secret
from imailpy.realm import hashes, password_rules
from imailpy.realm.hashes import PARAMETERS, hash_now, needs_rehash
from imailpy.realm.prepared import prepare

__all__ = ["Passwords", "check_now", "hash_now", "needs_rehash", "prepare"]


def check_now(
    kept: str, others: Sequence[str], prepared: bytes, typed: bytes
) -> bool:
    """
    Check a password, and whatever else a refusal has to cost.

    Args:
        kept: Its account's hash, or a made-up one.
        others: Made-up ones of the other kinds.
    """
    right = hashes.verify_now(kept, prepared, typed)
    if not right:
        for each in others:
            hashes.verify_now(each, prepared, typed)
    return right


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
        # Kind -> a hash of it that no password has.
        self._made_up: dict[str, str] = {}
        self._make_up(hashes.own_kind())

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

    async def verify(
        self,
        encoded: str | None,
        password: Secret,
        kinds: Sequence[str] = (),
    ) -> bool:
        """
        Check a password.

        Args:
            encoded: None for an account that cannot be logged into: False,
                after the same work.
            kinds: The kinds of other servers' hashes that there are.

        Raises:
            LoginUnavailable: The pool's queue is full, or a library is
                missing.
        """
        octets, typed = prepare(password), password.reveal()
        if octets is None:
            encoded, octets, typed = None, b"not a password", b"nor this"
        # A made-up hash goes the way of a real one from here on.
        kept = encoded or self._make_up(hashes.own_kind())
        own = hashes.kind_of(kept)
        others = [
            self._make_up(kind)
            for kind in (hashes.own_kind(), *kinds)
            if kind != own
        ]
        try:
            right = await self._pool().run(
                check_now, kept, others, octets, typed
            )
        except QueueFull as error:
            raise LoginUnavailable(error.private) from error
        except ImportError as error:
            raise LoginUnavailable(
                f"a hash of another server cannot be checked: {error}"
            ) from error
        return right and encoded is not None

    async def complaint(self, password: str, address: str = "") -> str | None:
        """As `password_rules.complaint`, off the reactor's thread."""
        try:
            return await self._pool().run(
                password_rules.complaint, password, address
            )
        except QueueFull as error:
            raise LoginUnavailable(error.private) from error

    async def stop(self) -> None:
        """End the threads; a later password starts them again."""
        pool, self._running = self._running, None
        if pool is not None:
            await pool.stop()

    def _make_up(self, kind: str) -> str:
        made_up = self._made_up.get(kind)
        if made_up is None:
            made_up = hashes.make_up(kind, self._world.random.octets)
            self._made_up[kind] = made_up
        return made_up

    def _pool(self) -> IPool:
        if self._running is None:
            self._running = self._world.threads.pool(
                "passwords", threads=self._threads, queue=self._queue
            )
        return self._running
