"""
Text out of HTML: for previews and for searching, not for showing.

Linear in its input: tags end at the next angle bracket of either kind, what
is not closed is dropped, nothing nests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.entities import html5

# Characters of a tag that may wait for its end.
_MOST_HELD = 4096

_TAG = re.compile(r"<[^<>]*+>?")
_HIDDEN = re.compile(r"<(script|style|title|head|!--)", re.IGNORECASE)
_CLOSING = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "script": r"</script",
        "style": r"</style",
        "title": r"</title",
        "head": r"</head|<body",
        "!--": r"-->",
    }.items()
}
_REFERENCE = re.compile(
    r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));?"
)
# Inline markup does not part words.
_INLINE = re.compile(
    r"</?+(?:a|b|i|u|em|strong|span|font|small|big|sub|sup|wbr)\b[^<>]*+>",
    re.IGNORECASE,
)


def html_text(html: str) -> str:
    """Give the text of HTML; words are parted where blocks are."""
    return _bare(_without_hidden(html, None)[0])


def html_texts(pieces: Iterable[str]) -> Iterator[str]:
    """As `html_text`, piece by piece."""
    rest = ""
    closing: re.Pattern[str] | None = None
    for piece in pieces:
        html = rest + piece
        # A tag that is not complete waits for the next piece, if it is one.
        cut = html.rfind("<", max(0, len(html) - _MOST_HELD))
        cut = len(html) if cut < 0 else cut
        rest = html[cut:]
        text, closing = _without_hidden(html[:cut], closing)
        yield _bare(text)
    yield _bare(_without_hidden(rest, closing)[0])


def _bare(text: str) -> str:
    """Take the markup out."""
    text = _INLINE.sub("", text)
    text = _TAG.sub(" ", text)
    if "&" in text:
        text = _REFERENCE.sub(_character, text)
    return text


def _without_hidden(
    html: str, closing: re.Pattern[str] | None
) -> tuple[str, re.Pattern[str] | None]:
    """
    Drop scripts, styles, comments.

    Args:
        closing: What ends the one that is open at the begin, or None.

    Returns:
        What is left, and what ends the one that is open at the end.
    """
    pieces: list[str] = []
    at = 0
    while True:
        if closing is not None:
            end = closing.search(html, at)
            if end is None:
                return "".join(pieces), closing
            at = end.start()
            if html.startswith("-->", at):
                at += 3
        match = _HIDDEN.search(html, at)
        if match is None:
            pieces.append(html[at:])
            return "".join(pieces), None
        pieces.append(html[at : match.start()])
        closing = _CLOSING[match.group(1).lower()]
        at = match.end()


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        found = html5.get(name + ";") or html5.get(name)
        return found or match.group()
    number = int(decimal) if decimal else int(hexadecimal, 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000 or number == 0:
        return "\ufffd"
    return chr(number)
