"""
Dialogues: protocol tests that anybody can read.

    C: MAIL FROM:<ann@client.example>
    S: 250 2.1.0 OK
    C~ no line end behind this line
    C= {A*20000}

`C:` is a line of the client, `S:` one of the server, each with CRLF. `C~` is
sent without CRLF; `\\r`, `\\n`, `\\0`, `\\xNN` stand for octets in every line;
`{X*N}` for N times X. Other lines are remarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(r"^\s*([CS])([:~]) ?(.*)$")
_REPEAT = re.compile(r"\{(.)\*(\d+)\}")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([rn0t\\]))")
_NAMED = {"r": "\r", "n": "\n", "0": "\0", "t": "\t", "\\": "\\"}


def _octets(text: str) -> bytes:
    text = _REPEAT.sub(lambda m: m.group(1) * int(m.group(2)), text)
    parts: list[bytes] = []
    last = 0
    for match in _ESCAPE.finditer(text):
        parts.append(text[last : match.start()].encode())
        if match.group(1):
            parts.append(bytes([int(match.group(1), 16)]))
        else:
            parts.append(_NAMED[match.group(2)].encode())
        last = match.end()
    parts.append(text[last:].encode())
    return b"".join(parts)


def lines(dialogue: str) -> Iterator[tuple[str, bytes]]:
    """Give ("C" or "S", octets with their line end)."""
    for line in dialogue.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        who, mark, text = match.groups()
        yield who, _octets(text) + (b"" if mark == "~" else b"\r\n")


def client_octets(dialogue: str) -> bytes:
    """All that the client says."""
    return b"".join(octets for who, octets in lines(dialogue) if who == "C")


def server_octets(dialogue: str) -> bytes:
    """All that the server says."""
    return b"".join(octets for who, octets in lines(dialogue) if who == "S")


def pieces(octets: bytes, size: int) -> Iterator[bytes]:
    """Cut octets into pieces of `size`."""
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


def every_cut(octets: bytes) -> Iterator[list[bytes]]:
    """Whole; octet by octet; and in two at every single position."""
    yield [octets]
    yield list(pieces(octets, 1))
    for at in range(1, len(octets)):
        yield [octets[:at], octets[at:]]
