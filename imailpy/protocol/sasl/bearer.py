"""
OAUTHBEARER [RFC7628] and XOAUTH2: mechanisms that show a bearer token.

Whether the token is worth anything is for the realm to say. When it is not,
the server tells so in a challenge of JSON, the client answers with a dummy,
and only then the exchange fails [RFC7628 3.2.3]: `refusal` gives that
challenge.
"""

from __future__ import annotations

import json
import re

from imailpy.mail import Secret, TokenCredentials
from imailpy.protocol.sasl.one_message import OneMessage
from imailpy.protocol.sasl.scram import decode_name
from imailpy.protocol.sasl.steps import CheckToken, Step

BEARER_NAMES = ("OAUTHBEARER", "XOAUTH2")

# b64token [RFC6750 2.1].
_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")
# gs2-header without channel binding [RFC7628 3.1] [RFC5801 4].
_GS2 = re.compile(rb"[ny],(?:a=([^,]*))?,")
_PAIR = re.compile(rb"([A-Za-z]+)=([\t\n\r -~\x80-\xff]*)")


def refusal(mechanism: str) -> bytes:
    """
    Give the JSON that says that a token does not do [RFC7628 3.2.2].

    It says nothing about why, or about whom we trust.
    """
    said = {"status": "invalid_token"}
    if mechanism == "XOAUTH2":
        # Google's clients look for a number, and for this spelling.
        said = {"status": "401", "schemes": "bearer"}
    return json.dumps(said, separators=(",", ":")).encode()


def _pairs(text: bytes) -> dict[bytes, bytes]:
    """
    Read `key=value`, each ended by 0x01, and one more 0x01.

    Raises:
        ValueError: With words for the log.
    """
    if not text.endswith(b"\x01\x01"):
        raise ValueError("the end is missing")
    pairs: dict[bytes, bytes] = {}
    for item in text[:-2].split(b"\x01"):
        found = _PAIR.fullmatch(item)
        if found is None:
            raise ValueError("not key=value")
        if found[1] in pairs:
            raise ValueError("a key twice")
        pairs[found[1]] = found[2]
    return pairs


def _token(pairs: dict[bytes, bytes]) -> bytes:
    scheme, _, token = pairs.get(b"auth", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        raise ValueError("want auth=Bearer")
    token = token.strip(b" ")
    if _TOKEN.fullmatch(token) is None:
        raise ValueError("not a bearer token")
    return token


class _Bearer(OneMessage):
    """One message of the client; then the realm has the word."""

    def _read(self, octets: bytes) -> Step:
        name, token = self._shown(octets)
        return CheckToken(
            TokenCredentials(name, Secret(token), mechanism=self.mechanism)
        )

    def _shown(self, octets: bytes) -> tuple[str, bytes]:
        """Give name and token."""
        raise NotImplementedError


class OAuthBearer(_Bearer):
    """`n,a=NAME,` 0x01 `auth=Bearer TOKEN` 0x01 0x01 [RFC7628 3.1]."""

    mechanism = "OAUTHBEARER"

    def _shown(self, octets: bytes) -> tuple[str, bytes]:
        header, separator, rest = octets.partition(b"\x01")
        found = _GS2.fullmatch(header)
        if not separator or found is None:
            raise ValueError("not a GS2 header")
        name = decode_name(found[1]) if found[1] else ""
        return name, _token(_pairs(rest))


class XOAuth2(_Bearer):
    """`user=NAME` 0x01 `auth=Bearer TOKEN` 0x01 0x01, as Google has it."""

    mechanism = "XOAUTH2"

    def _shown(self, octets: bytes) -> tuple[str, bytes]:
        pairs = _pairs(octets)
        name = pairs.get(b"user", b"").decode()
        if not name:
            raise ValueError("want user=")
        if not name.isprintable():
            raise ValueError("control characters in a name")
        return name, _token(pairs)
