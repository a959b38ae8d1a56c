"""Lines of a long list: one entry each, `#` begins a remark."""

from __future__ import annotations

from collections.abc import Iterator

# So much of the text is cut into lines at once: all of them together would
# take more room than what is made of them.
_AT_ONCE = 1 << 16


def lines_of(text: str) -> Iterator[str]:
    """Give the lines of a text, without their ends."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _AT_ONCE)
        end = len(text) if end < 0 else end
        piece = text[start:end]
        if "\r" in piece:
            piece = piece.replace("\r\n", "\n").removesuffix("\r")
        yield from piece.split("\n")
        start = end + 1


def entry_of(line: str) -> str:
    """Give what stands in a line before its remark; empty for nothing."""
    if "#" in line:
        line = line.partition("#")[0]
    return line.strip()
