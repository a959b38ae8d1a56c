"""
Modified UTF-7, the wire form of mailbox names in rev1 [RFC3501 5.1.3].

    "&" base64 "-"   UTF-16BE in base64 with "," for "/", no padding
    "&-"             the ampersand itself
    printable ASCII  itself, and never in base64

Each name has exactly one such form. What is not that form is refused: two
spellings of one name would be two names to whoever compares octets.
"""

from __future__ import annotations

import binascii
import re

_SHIFTED = re.compile(r"[^ -~]+|&")
_SHIFT = re.compile(rb"&([A-Za-z0-9+,]*)-|&")


def encode(name: str) -> bytes:
    """
    Spell a name.

    Raises:
        ValueError: A lone surrogate has no spelling.
    """
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    return _SHIFTED.sub(_encode_run, name).encode("ascii")


def decode(octets: bytes) -> str:
    """
    Read a name.

    Raises:
        ValueError: Not modified UTF-7, or not the canonical form.
    """
    if not octets.isascii():
        raise ValueError("8-bit octet in modified UTF-7")
    if b"&" not in octets:
        name = octets.decode("ascii")
        if not name.isprintable():
            raise ValueError("control character in modified UTF-7")
        return name
    parts: list[str] = []
    last = 0
    for match in _SHIFT.finditer(octets):
        parts.append(octets[last : match.start()].decode("ascii"))
        parts.append(_decode_run(match.group(1)))
        last = match.end()
    parts.append(octets[last:].decode("ascii"))
    name = "".join(parts)
    if encode(name) != octets:
        raise ValueError("not canonical modified UTF-7")
    return name


def _encode_run(match: re.Match[str]) -> str:
    run = match.group()
    if run == "&":
        return "&-"
    try:
        units = run.encode("utf-16-be")
    except UnicodeEncodeError:
        raise ValueError("lone surrogate") from None
    base64 = binascii.b2a_base64(units, newline=False).decode("ascii")
    return f"&{base64.rstrip('=').replace('/', ',')}-"


def _decode_run(run: bytes | None) -> str:
    if run is None:
        raise ValueError("shift without its end")
    if not run:
        return "&"
    base64 = run.replace(b",", b"/") + b"=" * (-len(run) % 4)
    try:
        return binascii.a2b_base64(base64).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("not UTF-16 in base64") from None
