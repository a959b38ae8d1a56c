"""
What a token says, and whether that is enough [RFC7519 4] [RFC7662 2.2].

Pure: claims and settings in, the account's address out.
"""

from __future__ import annotations

import math
from typing import Any

from imailpy.realm.tokens.settings import TokenSettings

Claims = dict[str, Any]


class TokenRefused(Exception):
    """A token that is no good; says why, for the log alone."""


def check_claims(
    claims: Claims, settings: TokenSettings, now: float, *, complete: bool
) -> None:
    """
    Look at everything but the name.

    Args:
        now: Seconds since 1970.
        complete: `iss`, `aud` and `exp` must be there; an introspection
            answer may leave them out [RFC7662 2.2].

    Raises:
        TokenRefused: With the reason.
    """
    _issuer(claims, settings, complete)
    _audience(claims, settings, complete)
    _times(claims, settings.skew_s, now, complete)
    missing = set(settings.scopes) - _scopes(claims)
    if missing:
        raise TokenRefused(f"without the scope {' '.join(sorted(missing))}")


def address_of(claims: Claims, settings: TokenSettings) -> str:
    """
    Give the address that the token is for.

    Raises:
        TokenRefused: With the reason.
    """
    name = claims.get(settings.claim)
    if not isinstance(name, str) or not name:
        raise TokenRefused(f"without the claim {settings.claim}")
    # Some issuers spell booleans as text.
    if settings.verified and claims.get("email_verified") not in (
        True,
        "true",
    ):
        raise TokenRefused("email_verified is not true")
    return name


def expiry(claims: Claims) -> float:
    """Give `exp`, infinity without one."""
    return _number(claims, "exp", math.inf)


def _issuer(claims: Claims, settings: TokenSettings, complete: bool) -> None:
    if "iss" not in claims and not complete:
        return
    if claims.get("iss") != settings.issuer:
        raise TokenRefused("of another issuer")


def _audience(claims: Claims, settings: TokenSettings, complete: bool) -> None:
    if "aud" not in claims and not complete:
        return
    said = claims.get("aud")
    audiences = said if isinstance(said, list) else [said]
    if not any(each in settings.audiences for each in audiences):
        raise TokenRefused("for another audience")


def _times(claims: Claims, skew_s: float, now: float, complete: bool) -> None:
    if complete and "exp" not in claims:
        raise TokenRefused("without exp")
    if now >= _number(claims, "exp", math.inf) + skew_s:
        raise TokenRefused("expired")
    for name in ("nbf", "iat"):
        if now < _number(claims, name, -math.inf) - skew_s:
            raise TokenRefused(f"not valid yet ({name})")


def _number(claims: Claims, name: str, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(f"{name} is not a number")
    if math.isnan(value):
        raise TokenRefused(f"{name} is not a number")
    return value


def _scopes(claims: Claims) -> set[str]:
    found: set[str] = set()
    for name in ("scope", "scp"):
        said = claims.get(name, ())
        words = said.split() if isinstance(said, str) else said
        if isinstance(words, list | tuple):
            found.update(word for word in words if isinstance(word, str))
    return found
