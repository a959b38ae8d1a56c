"""
What we put before a message: the fields of this copy alone.

`message.build` writes them; here is told what stands in them, and what
nobody may read from them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from imailpy.interfaces.delivery import Transaction
from imailpy.mail import Mark, Path
from imailpy.message.build import (
    header_field,
    received_field,
    return_path_field,
)
from imailpy.message.header import HeaderSection

# A mark of ours: this message was sent on from an address of ours before.
TRACE_FIELD = "X-Imailpy-Trace"
# What checks write on mail that is taken all the same: IMail's names.
MARK_PREFIX = "X-IMAIL-SPAM-"
_TRACE_NAME = TRACE_FIELD.lower().encode()


def received(
    transaction: Transaction, host_name: str, now: float, key: bytes
) -> bytes:
    """
    Write our Received field [RFC5321 4.4].

    It names the recipient only where there is one, so that nobody learns of
    another, and the client's address only where nobody signed in: what a
    user's machine is called is nobody's business.

    Args:
        key: Of this server, for `client_mark`.
    """
    client, recipients = transaction.client, transaction.envelope.recipients
    helo, address, known = transaction.helo, client.address, ""
    if transaction.avatar is not None:
        helo, known = client_mark(key, address), "signed in"
        address = ""
    return received_field(
        helo=helo,
        client_address=address,
        client_name=known,
        by=host_name,
        protocol=transaction.protocol,
        delivery_id=transaction.delivery_id,
        now=now,
        tls=transaction.tls,
        recipient=recipients[0].forward_path if len(recipients) == 1 else None,
    )


def final(reverse_path: Path, recipient: Path) -> bytes:
    """What stands before every copy in a mailbox [RFC5321 4.4]."""
    return return_path_field(reverse_path) + header_field(
        "Delivered-To", str(recipient), utf8=True
    )


def trace(key: bytes, alias: str) -> str:
    """
    Give the mark of a message that an alias sent on to the outside.

    Nobody can read from it which alias that was, so that all recipients may
    see it; we know it again when the message comes back.
    """
    return hmac.new(key, alias.encode(), hashlib.sha256).hexdigest()[:24]


def trace_fields(traces: frozenset[str]) -> bytes:
    """Write the marks, in an order that tells nothing."""
    return b"".join(header_field(TRACE_FIELD, mark) for mark in sorted(traces))


def mark_fields(marks: Iterable[Mark]) -> bytes:
    """Write what the realm wants written on a message."""
    return b"".join(
        header_field(f"{MARK_PREFIX}{mark.name}", mark.text) for mark in marks
    )


def traces_in(header: bytes) -> frozenset[str]:
    """Find the marks in a header section."""
    if _TRACE_NAME not in header.lower():
        return frozenset()
    return frozenset(
        field.value.decode("latin-1").strip()
        for field in HeaderSection(header).all(_TRACE_NAME)
    )


def client_mark(key: bytes, address: str) -> str:
    """
    What stands in a Received field for the address of somebody who signed
    in: the same for the same address, and nothing that could be looked up.
    """
    return hmac.new(key, address.encode(), hashlib.sha256).hexdigest()[:16]
