"""
What we put before a message: the fields of this copy alone.

One place writes them, and refuses what would make two fields of one
[SECURITY B5.4].
"""

from __future__ import annotations

import hashlib
import hmac

from imailpy.mail import Path

# A mark of ours: this message was sent on from an address of ours before.
TRACE_FIELD = "X-Imailpy-Trace"


def field(name: str, value: str) -> bytes:
    """
    Write one field.

    Raises:
        ValueError: The value would end the field.
    """
    if any(mark in value for mark in "\r\n\0"):
        raise ValueError(f"no value of a header field: {value!r}")
    return f"{name}: {value}\r\n".encode()


def return_path(reverse_path: Path) -> bytes:
    """Where it came from, at final delivery [RFC5321 4.4]."""
    return field("Return-Path", f"<{reverse_path}>")


def delivered_to(recipient: Path) -> bytes:
    """Which address it was accepted for; only in that recipient's copy."""
    return field("Delivered-To", str(recipient))


def trace_of(key: bytes, alias: str) -> str:
    """
    The mark of a message that an alias sent on to the outside.

    Nobody can read from it which alias that was, so that all recipients may
    see it; we know it again when the message comes back.
    """
    return hmac.new(key, alias.encode(), hashlib.sha256).hexdigest()[:24]


def client_mark(key: bytes, address: str) -> str:
    """
    What stands in a Received field for the address of somebody who signed
    in: the same for the same address, and nothing that could be looked up.
    """
    return hmac.new(key, address.encode(), hashlib.sha256).hexdigest()[:16]
