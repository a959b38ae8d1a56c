"""Asking the issuer about a token [RFC7662]."""

from __future__ import annotations

import base64
import hmac
import json
from collections import OrderedDict
from urllib.parse import quote_plus, urlencode

from imailpy.interfaces.world import IWorld
from imailpy.mail import Secret
from imailpy.realm.http import Http, NoAnswer
from imailpy.realm.tokens.claims import (
    Claims,
    TokenRefused,
    check_claims,
    expiry,
)
from imailpy.realm.tokens.settings import TokenSettings

MOST_ENTRIES = 10_000


class Introspector:
    """
    Asks, and knows good answers for a while.

    What is kept is an HMAC of the token, with a key of this process.
    """

    def __init__(
        self, http: Http, world: IWorld, settings: TokenSettings
    ) -> None:
        self._http = http
        self._clock = world.clock
        self._key = world.random.octets(32)
        self._settings = settings
        self._known: OrderedDict[bytes, tuple[float, Claims]] = OrderedDict()

    async def claims(self, token: Secret) -> Claims:
        """
        Give what the issuer says of a token.

        Raises:
            NoAnswer: It says nothing.
            TokenRefused: It says that it is no good.
        """
        name = hmac.digest(self._key, token.reveal(), "sha256")
        kept = self._known.get(name)
        if kept is not None and self._clock.monotonic() < kept[0]:
            claims = kept[1]
        else:
            claims = await self._ask(token)
            if claims.get("active") is not True:
                raise TokenRefused("not active, says the issuer")
            self._keep(name, claims)
        check_claims(claims, self._settings, self._clock.now(), complete=False)
        return claims

    def _keep(self, name: bytes, claims: Claims) -> None:
        span_s = min(
            self._settings.introspection.cache_s,
            expiry(claims) - self._clock.now(),
        )
        if span_s <= 0:
            return
        self._known[name] = self._clock.monotonic() + span_s, claims
        self._known.move_to_end(name)
        while len(self._known) > MOST_ENTRIES:
            self._known.popitem(last=False)

    async def _ask(self, token: Secret) -> Claims:
        asked = self._settings.introspection
        body = urlencode(
            {
                "token": token.reveal().decode("ascii"),
                "token_type_hint": "access_token",
            }
        )
        octets = await self._http.ask(
            asked.url,
            timeout_s=self._settings.timeout_s,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": _basic(asked.client_id, asked.client_secret),
            },
            body=body.encode("ascii"),
        )
        try:
            claims = json.loads(octets)
        except (ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise NoAnswer(f"{asked.url}: not what was asked for")
        return claims


def _basic(client_id: str, secret: Secret) -> str:
    """HTTP Basic, both parts form-encoded before [RFC6749 2.3.1]."""
    password = quote_plus(secret.reveal())
    pair = f"{quote_plus(client_id)}:{password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")
