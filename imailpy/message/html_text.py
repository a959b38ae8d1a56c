"""
Text out of HTML: for previews and for searching, not for showing.

Linear in its input: tags end at the next angle bracket of either kind, what
is not closed is dropped, nothing nests.
"""

from __future__ import annotations

import re
from html.entities import html5

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
    text = _without_hidden(html)
    text = _INLINE.sub("", text)
    text = _TAG.sub(" ", text)
    if "&" in text:
        text = _REFERENCE.sub(_character, text)
    return text


def _without_hidden(html: str) -> str:
    """Drop scripts, styles, comments."""
    pieces = []
    at = 0
    while match := _HIDDEN.search(html, at):
        pieces.append(html[at : match.start()])
        closing = _CLOSING[match.group(1).lower()]
        end = closing.search(html, match.end())
        if end is None:
            return "".join(pieces)
        at = end.start()
        if html.startswith("-->", at):
            at += 3
    pieces.append(html[at:])
    return "".join(pieces)


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        found = html5.get(name + ";") or html5.get(name)
        return found or match.group()
    number = int(decimal) if decimal else int(hexadecimal, 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000 or number == 0:
        return "\ufffd"
    return chr(number)
