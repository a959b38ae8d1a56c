"""
The issuer's keys, fetched and kept [RFC7517] [RFC8414 3].

They are fetched when they are first needed, again after `refresh_s`, and when
a token names a key that is not among them: at most once in `HOLD_S` whatever
happens, so nobody can make us ask and ask. Keys that were had once serve on
while no new ones can be had.
"""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred

from imailpy.interfaces.world import IClock
from imailpy.realm.http import Http, NoAnswer
from imailpy.realm.tokens.jwt import VerifyingKey, read_keys
from imailpy.realm.tokens.settings import TokenSettings

# Between two attempts.
HOLD_S = 60.0


class Keys:
    """
    The keys of one issuer; another one's need another object.

    Args:
        settings: Of this issuer.
    """

    def __init__(
        self, http: Http, clock: IClock, settings: TokenSettings
    ) -> None:
        self._http = http
        self._clock = clock
        self._settings = settings
        self._keys: tuple[VerifyingKey, ...] = ()
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        # Why the last attempt failed; empty when it did not.
        self._why = "not asked yet"
        self._waiting: list[Deferred[None]] | None = None
        if settings.jwks:
            self._keys = read_keys(settings.jwks)

    async def current(self) -> tuple[VerifyingKey, ...]:
        """
        Give the keys.

        Raises:
            NoAnswer: There are none yet, and none can be had.
        """
        if self._settings.jwks:
            return self._keys
        now = self._clock.monotonic()
        if (
            self._fetched_at is None
            or now >= self._fetched_at + self._settings.refresh_s
        ):
            await self._renew()
        if not self._keys:
            raise NoAnswer(self._why)
        return self._keys

    async def newer(self) -> tuple[VerifyingKey, ...] | None:
        """
        Give keys that are newer than the last ones, None for none.

        Raises:
            NoAnswer: There may be newer ones, and they cannot be had.
        """
        if self._settings.jwks:
            return None
        if await self._renew():
            return self._keys
        if self._why:
            raise NoAnswer(self._why)
        return None

    async def _renew(self) -> bool:
        """Fetch them unless that was tried just now; whether it worked."""
        if self._waiting is not None:
            # Somebody asks already: wait for that answer.
            done: Deferred[None] = Deferred()
            self._waiting.append(done)
            await done
            return not self._why
        now = self._clock.monotonic()
        if self._tried_at is not None and now < self._tried_at + HOLD_S:
            return False
        self._tried_at = now
        self._waiting = []
        try:
            self._keys = read_keys(await self._fetch())
            self._fetched_at, self._why = now, ""
        except (NoAnswer, ValueError) as error:
            self._why = f"no keys of the issuer: {error}"
            return False
        finally:
            waiting, self._waiting = self._waiting, None
            for each in waiting:
                each.callback(None)
        return True

    async def _fetch(self) -> bytes:
        settings = self._settings
        url = settings.jwks_url or await self._discover()
        return await self._http.ask(url, timeout_s=settings.timeout_s)

    async def _discover(self) -> str:
        """Ask the issuer where its keys are [RFC8414 3]."""
        settings = self._settings
        url = settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        octets = await self._http.ask(url, timeout_s=settings.timeout_s)
        try:
            said = json.loads(octets)
            issuer, found = said["issuer"], said["jwks_uri"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise NoAnswer(f"{url}: not what was asked for") from None
        # A document that speaks for another issuer is none [RFC8414 3.3].
        if issuer != settings.issuer:
            raise NoAnswer(f"{url}: it is about another issuer")
        if not isinstance(found, str) or not _as_safe(found, issuer):
            raise NoAnswer(f"{url}: jwks_uri is not https")
        return found


def _as_safe(url: str, issuer: str) -> bool:
    """
    Whether keys from a URL are as safe as what the operator wrote: https, or
    at the very place of an issuer without it.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    if url.startswith("https://"):
        return True
    place = "/".join(issuer.split("/")[:3]) + "/"
    return issuer.startswith("http://") and url.startswith(place)
