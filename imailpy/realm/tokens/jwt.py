"""
A JSON Web Token and the keys that may have signed it [RFC7515] [RFC7519].

The signature is joserfc's to verify, with one key at a time that we chose:
the header's `alg` must be one that the operator allows and fit the key's
kind, and `kid` is nothing but a string that is compared.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from joserfc import jwk, jws
from joserfc.errors import JoseError

from imailpy.realm.tokens.claims import (
    Claims,
    TokenRefused,
    check_claims,
)
from imailpy.realm.tokens.settings import ALGORITHMS, TokenSettings

MOST_KEYS = 64
# Without a kid each key has to be tried.
MOST_TRIED = 4

# The kind of key that an algorithm's first letters ask for.
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class UnknownKey(TokenRefused):
    """Signed by a key that we do not have: there may be new ones."""


@frozen
class VerifyingKey:
    """
    One public key of the issuer.

    Attributes:
        kid: As the issuer calls it; None for nothing.
        kind: `RSA`, `EC` or `OKP`.
        alg: The one algorithm that it is for; None for any.
    """

    kid: str | None
    kind: str
    alg: str | None
    key: Any

    def fits(self, alg: str, kid: str | None) -> bool:
        """Whether it may have signed a token of this header."""
        if self.kind != _KINDS.get(alg[:2]):
            return False
        if self.alg is not None and self.alg != alg:
            return False
        return kid is None or self.kid == kid


def read_keys(octets: bytes) -> tuple[VerifyingKey, ...]:
    """
    Read a JWK Set [RFC7517 5]; keys that we cannot use are left out.

    Raises:
        ValueError: It is none, or has no key that can be used.
    """
    try:
        said = json.loads(octets)
        listed = said["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("not a JWK Set") from None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError(f"not a JWK Set of at most {MOST_KEYS} keys")
    found = [key for each in listed if (key := _key(each)) is not None]
    if not found:
        raise ValueError("no key that can verify a signature")
    return tuple(found)


def _key(said: Any) -> VerifyingKey | None:
    # A shared secret in a published set is one that everybody knows.
    if not isinstance(said, dict) or said.get("kty") not in (
        "RSA",
        "EC",
        "OKP",
    ):
        return None
    if said.get("use", "sig") != "sig":
        return None
    kid, alg = said.get("kid"), said.get("alg")
    bare = {
        name: said[name]
        for name in ("kty", "n", "e", "crv", "x", "y")
        if name in said
    }
    try:
        key = jwk.import_key(bare)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return VerifyingKey(
        kid if isinstance(kid, str) else None,
        said["kty"],
        alg if isinstance(alg, str) else None,
        key,
    )


def read_token(
    token: bytes,
    keys: Sequence[VerifyingKey],
    settings: TokenSettings,
    now: float,
) -> Claims:
    """
    Verify a token and give what it says.

    Raises:
        UnknownKey: None of the keys can have signed it.
        TokenRefused: It is no good.
    """
    alg, kid = _header(token, settings)
    fitting = [key for key in keys if key.fits(alg, kid)]
    if not fitting:
        raise UnknownKey("signed by a key that the issuer does not list")
    for each in fitting[:MOST_TRIED]:
        payload = _verified(token, each, alg)
        if payload is not None:
            break
    else:
        raise TokenRefused("the signature does not hold")
    claims = _object(payload, "the token's payload")
    check_claims(claims, settings, now, complete=True)
    return claims


def _header(token: bytes, settings: TokenSettings) -> tuple[str, str | None]:
    parts = token.split(b".")
    if len(parts) != 3:
        raise TokenRefused("not a signed JWT")
    try:
        octets = base64.urlsafe_b64decode(parts[0] + b"==")
    except ValueError:
        raise TokenRefused("not a signed JWT") from None
    header = _object(octets, "the token's header")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in settings.algorithms:
        raise TokenRefused(f"signed with {str(alg)[:20]!r}, not allowed")
    if alg not in ALGORITHMS:
        raise TokenRefused(f"signed with {alg[:20]!r}, never allowed")
    if kid is not None and not isinstance(kid, str):
        raise TokenRefused("kid is not a string")
    return alg, kid


def _verified(token: bytes, key: VerifyingKey, alg: str) -> bytes | None:
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    try:
        with warnings.catch_warnings():
            # It wants EdDSA to be called Ed25519; issuers do not.
            warnings.simplefilter("ignore")
            found = jws.deserialize_compact(
                token, key.key, algorithms=[alg], registry=registry
            )
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return found.payload


def _object(octets: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise TokenRefused(f"{what} is not JSON") from None
    if not isinstance(found, dict):
        raise TokenRefused(f"{what} is not an object")
    return found
