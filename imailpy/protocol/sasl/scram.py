"""
What both sides of SCRAM-SHA-256 compute and spell [RFC5802] [RFC7677].

SaltedPassword = PBKDF2(SHA-256, prepared password, salt, i)
ClientKey = HMAC(SaltedPassword, "Client Key"), StoredKey = H(ClientKey)
ServerKey = HMAC(SaltedPassword, "Server Key")
AuthMessage = client-first-bare "," server-first "," client-final-without-proof
ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage)
ServerSignature = HMAC(ServerKey, AuthMessage)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from imailpy.mail import ScramSecret, Secret
from imailpy.protocol.sasl.prepare import prepared_password

PLAIN_NAME = "SCRAM-SHA-256"
PLUS_NAME = "SCRAM-SHA-256-PLUS"

# The one channel binding that is safe in TLS 1.3 [RFC9266].
BINDING_TYPE = b"tls-exporter"

# Fewer than RFC 7677 allows helps a thief of the exchange; more is a server
# that wants to keep us busy.
FEWEST_ITERATIONS = 4096
MOST_ITERATIONS = 1_000_000

# "printable", anything of ASCII that is seen but "," [RFC5802 7].
NONCE = re.compile(rb"[!-+\--~]{1,1024}")
_NAME = re.compile(rb"(?:[^\0,=]|=2C|=3D)+")


def digest(octets: bytes) -> bytes:
    """H(octets)."""
    return hashlib.sha256(octets).digest()


def keyed(key: bytes, octets: bytes) -> bytes:
    """HMAC(key, octets)."""
    return hmac.digest(key, octets, "sha256")


def xor(a: bytes, b: bytes) -> bytes:
    """XOR of two octet strings of 32."""
    number = int.from_bytes(a, "big") ^ int.from_bytes(b, "big")
    return number.to_bytes(32, "big")


def salted_password(password: bytes, salt: bytes, iterations: int) -> bytes:
    """
    Hi(Normalize(password), salt, iterations).

    Args:
        password: UTF-8, as typed.
    """
    return hashlib.pbkdf2_hmac(
        "sha256", prepared_password(password), salt, iterations
    )


def make_secret(
    password: bytes, salt: bytes, iterations: int = FEWEST_ITERATIONS
) -> ScramSecret:
    """
    Make what a server keeps of a password.

    Args:
        password: UTF-8, as typed.
        salt: At least 16 random octets.
        iterations: 4,096 to 1,000,000; takes about 0.2 us each.
    """
    if len(salt) < 16:
        raise ValueError("a salt has at least 16 octets")
    if not FEWEST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise ValueError(f"iterations out of range: {iterations}")
    salted = salted_password(password, salt, iterations)
    return ScramSecret(
        salt=salt,
        iterations=iterations,
        stored_key=Secret(digest(keyed(salted, b"Client Key"))),
        server_key=Secret(keyed(salted, b"Server Key")),
    )


def nonce_text(octets: bytes) -> bytes:
    """Spell random octets as a nonce; `ValueError` under 18 of them."""
    if len(octets) < 18:
        raise ValueError("a nonce has at least 18 random octets")
    return base64.b64encode(octets)


def encode(octets: bytes) -> bytes:
    """Give base64 [RFC4648 4]."""
    return base64.b64encode(octets)


def decode(text: bytes) -> bytes:
    """Read canonical base64; `ValueError` for anything else."""
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if base64.b64encode(octets) != text:
        raise ValueError("not canonical base64")
    return octets


def encode_name(name: str) -> bytes:
    """Spell a saslname: "=" and "," are escaped [RFC5802 5.1]."""
    return name.replace("=", "=3D").replace(",", "=2C").encode()


def decode_name(text: bytes) -> str:
    """Read a saslname; `ValueError` for a wrong escape or not UTF-8."""
    if _NAME.fullmatch(text) is None:
        raise ValueError("not a saslname")
    return text.replace(b"=2C", b",").replace(b"=3D", b"=").decode()


def attributes(message: bytes) -> list[tuple[bytes, bytes]]:
    """
    Split a message into (letter, value) pairs [RFC5802 5.1].

    Raises:
        ValueError: Not a comma-separated list of `letter=value`.
    """
    pairs = []
    for item in message.split(b","):
        letter, equals, value = item[:1], item[1:2], item[2:]
        if equals != b"=" or not letter.isalpha() or b"\0" in value:
            raise ValueError("not an attribute")
        pairs.append((letter, value))
    return pairs
