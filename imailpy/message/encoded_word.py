"""
Encoded words: text beyond ASCII in header fields [RFC2047].

Decode only what was parsed before: an encoded word is text of an unstructured
field, of a comment or of a phrase, never part of an address.
"""

from __future__ import annotations

import base64
import binascii
import re

from imailpy.message.bounds import MAX_ENCODED_WORDS
from imailpy.message.charset import codec, decode, guess

_WORD = re.compile(
    rb"=\?([!-)+->@-~]{1,64}+)(?:\*[!->@-~]{0,64}+)?\?([BbQq])\?([^?]*+)\?="
)
# Octets of text in one encoded word of ours: 75 characters at most.
_CHUNK = 42
# Controls, line and paragraph separators, lone surrogates.
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_SAFE = re.compile(r"[^\x20-\x7e]|=\?")


def decode_words(value: bytes) -> str:
    """
    Decode an unfolded value: ASCII, UTF-8 or 8-bit, and encoded words.

    Blanks between two encoded words go; neighbours of one charset are joined
    before they are decoded, as a character may be cut between them
    [RFC2047 6.2]. Words of an unknown charset, and those past the first
    200, stay as they are.
    """
    if value.find(b"=?") < 0:
        return value.decode("ascii") if value.isascii() else guess(value)
    text: list[str] = []
    pending: list[bytes] = []
    charset = ""
    last = 0
    for count, match in enumerate(_WORD.finditer(value)):
        if count == MAX_ENCODED_WORDS:
            break
        word = _octets(match)
        if word is None:
            continue
        between = value[last : match.start()]
        name = match.group(1).decode("ascii").lower()
        if not (charset and not between.strip(b" \t\r\n") and name == charset):
            if pending:
                text.append(decode(b"".join(pending), charset))
                pending = []
            if not charset or between.strip(b" \t\r\n"):
                text.append(guess(between))
        charset = name
        pending.append(word)
        last = match.end()
    if pending:
        text.append(decode(b"".join(pending), charset))
    text.append(guess(value[last:]))
    return "".join(text)


def _octets(match: re.Match[bytes]) -> bytes | None:
    """Give the octets of an encoded word, None if we cannot read it."""
    charset, encoding, text = match.groups()
    if codec(charset.decode("ascii")) is None:
        return None
    if encoding in b"Qq":
        return binascii.a2b_qp(text, header=True)
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) & 3))
    except binascii.Error:
        return None


def one_line(text: str) -> str:
    """Give decoded text without anything that could break a line."""
    if text.isprintable():
        return text
    return _BREAKS.sub(" ", text)


def encode_words(text: str, *, always: bool = False) -> str:
    """
    Encode text for a header field; ASCII stays as it is unless `always`.

    Returns:
        Words of 75 characters at most, a blank between them, for folding.
    """
    if not always and not _SAFE.search(text):
        return text
    words = []
    chunk = b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _CHUNK:
            words.append(chunk)
            chunk = b""
        chunk += octets
    words.append(chunk)
    return " ".join(
        f"=?utf-8?B?{base64.b64encode(word).decode('ascii')}?="
        for word in words
    )
