"""
Content transfer encodings [RFC2045 6], decoded in pieces.

    decoder = transfer_decoder("base64")
    text = decoder.feed(octets) + ... + decoder.finish()

Tolerant and linear: octets outside of the base64 alphabet are passed over,
padding in the middle ends a run and decoding goes on behind it; an `=` that
is no quoted-printable escape stands for itself.
"""

from __future__ import annotations

import binascii
import re
from typing import Protocol

_ALPHABET = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
_NOISE = bytes(set(range(256)) - set(_ALPHABET))
# White space before a line end was added on the way [RFC2045 6.7 (3)].
_PADDING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
# A sign that escapes nothing stands for itself.
_STRAY = re.compile(rb"=(?=\r(?!\n)|\Z)")


class Decoder(Protocol):
    """Decodes in pieces."""

    def feed(self, octets: bytes) -> bytes:
        """Decode what can be decoded so far."""

    def finish(self) -> bytes:
        """Decode the rest."""


class Identity:
    """7bit, 8bit, binary, and what we do not know."""

    def feed(self, octets: bytes) -> bytes:
        return octets

    def finish(self) -> bytes:
        return b""


class Base64:
    """[RFC2045 6.8]"""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        clean = self._rest + octets.translate(None, _NOISE)
        if b"=" not in clean:
            whole = len(clean) & ~3
            self._rest = clean[whole:]
            return binascii.a2b_base64(clean[:whole])
        *runs, last = clean.split(b"=")
        whole = len(last) & ~3
        self._rest = last[whole:]
        decoded = [_base64_run(run) for run in runs if run]
        decoded.append(binascii.a2b_base64(last[:whole]))
        return b"".join(decoded)

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _base64_run(rest)


def _base64_run(run: bytes) -> bytes:
    # A lone character at the end holds no whole octet.
    if len(run) & 3 == 1:
        run = run[:-1]
    return binascii.a2b_base64(run + b"=" * (-len(run) & 3))


class QuotedPrintable:
    """
    [RFC2045 6.7]

    A line that is not complete is held back, so that pieces decode as the
    whole does; of a longer line (they have 76 octets by the standard) only
    what could mean something else with more of it.
    """

    _MOST_HELD = 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        octets = self._rest + octets
        keep = octets.rfind(b"\n") + 1
        if len(octets) - keep > self._MOST_HELD:
            keep = max(keep, _tail(octets))
        if len(octets) - keep > self._MOST_HELD:
            keep = len(octets)
        self._rest = octets[keep:]
        return _unquote(octets[:keep])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _unquote(rest)


def _tail(octets: bytes) -> int:
    """Tell from where on a piece may mean something else with more of it."""
    end = len(octets)
    bare = octets.removesuffix(b"\r")
    text = bare.rstrip(b" \t")
    at = len(text)
    if text.endswith(b"="):
        return at - 1
    if at == end and at >= 2 and text[-2:-1] == b"=":
        return at - 2
    return at


def _unquote(octets: bytes) -> bytes:
    if b"=" not in octets and b" " not in octets and b"\t" not in octets:
        return octets
    octets = _STRAY.sub(b"=3D", _PADDING.sub(b"", octets))
    return binascii.a2b_qp(octets)


def transfer_decoder(encoding: str) -> Decoder:
    """Give a decoder for an encoding, spelt in lower case."""
    if encoding == "base64":
        return Base64()
    if encoding == "quoted-printable":
        return QuotedPrintable()
    return Identity()


def decode_transfer(octets: bytes, encoding: str) -> bytes:
    """Decode what stands whole in memory."""
    if encoding not in ("base64", "quoted-printable"):
        return octets
    decoder = transfer_decoder(encoding)
    return decoder.feed(octets) + decoder.finish()
