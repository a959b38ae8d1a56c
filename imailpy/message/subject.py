"""
What threads are made of: base subject and message ids [RFC5256 2.1, 3].
"""

from __future__ import annotations

import re

from imailpy.message.bounds import MAX_REFERENCES

# Characters of a subject that are looked at.
_MOST = 998
_SPACES = re.compile(r"[ \t\r\n]+")
# How a subject without a trailer does not end.
_ENDS = ("", " ", ")")
_TRAILER = re.compile(r"(?:\(fwd\)|[ \t])\Z", re.IGNORECASE)
_BLOB = r"\[[^\[\]]*+\][ \t]*+"
_LEADER = re.compile(
    rf"(?:(?:{_BLOB})*+(?:re|fwd?)[ \t]*+(?:{_BLOB})?+:|[ \t])", re.IGNORECASE
)
_FIRST_BLOB = re.compile(_BLOB)
_MESSAGE_ID = re.compile(rb"<\s*+([^<>]++)>")
_QUOTED_LOCAL = re.compile(rb'"([^"\\@\s]++)"@')
# Ids without blanks, quotes and 8-bit octets.
_PLAIN_IDS = re.compile(rb"(?:<[!#-;=?-~]++>[ \t]*+)++")


def base_subject(subject: str) -> str:
    """
    Give the base subject of a decoded subject [RFC5256 2.1].

    Case is kept; who compares folds.
    """
    text = subject[:_MOST]
    if "  " in text or not text.isprintable():
        text = _SPACES.sub(" ", text)
    elif text[-1:] not in _ENDS:
        # Most have nothing to take away but a "Re: ".
        rest = text
        while rest[:4].lower() == "re: ":
            rest = rest[4:]
        if rest[0] != " " and ":" not in rest and "[" not in rest:
            return rest
    while True:
        text = _without_trailers(text)
        text = _without_leaders(text)
        # Step 6: [fwd: ... ]
        if text[:5].lower() == "[fwd:" and text.endswith("]"):
            text = text[5:-1]
            continue
        return text


def _without_trailers(text: str) -> str:
    """Step 2."""
    while match := _TRAILER.search(text, max(0, len(text) - 5)):
        text = text[: match.start()]
    return text


def _without_leaders(text: str) -> str:
    """Steps 3 to 5."""
    at = 0
    while True:
        match = _LEADER.match(text, at)
        if match:
            at = match.end()
            continue
        match = _FIRST_BLOB.match(text, at)
        if match and match.end() < len(text):
            at = match.end()
            continue
        return text[at:]


def message_ids(value: bytes) -> tuple[str, ...]:
    """
    Give the message ids of an unfolded References, In-Reply-To or
    Message-ID: without angle brackets, white space and needless quotes.

    Of more than 200 the first, which began the thread, and the last stay.
    """
    if _PLAIN_IDS.fullmatch(value):
        text = value.decode("ascii")
        plain = text.replace("<", " ").replace(">", " ").split()
        ids = tuple(dict.fromkeys(plain))
    else:
        found = [_normalised(one) for one in _MESSAGE_ID.findall(value)]
        ids = tuple(dict.fromkeys(one for one in found if one))
    if len(ids) > MAX_REFERENCES:
        return (ids[0], *ids[1 - MAX_REFERENCES :])
    return ids


def message_id(value: bytes) -> str:
    """Give the one id of an unfolded Message-ID; "" when there is none."""
    if value[:1] == b"<" and _PLAIN_IDS.fullmatch(value):
        return value[1 : value.index(b">")].decode("ascii")
    match = _MESSAGE_ID.search(value)
    if match:
        return _normalised(match.group(1))
    # Written without brackets by some.
    words = value.split(None, 1)
    return _normalised(words[0]) if words and b"@" in words[0] else ""


def _normalised(octets: bytes) -> str:
    octets = b"".join(octets.split())
    if octets.find(b'"') >= 0:
        octets = _QUOTED_LOCAL.sub(rb"\1@", octets)
    return octets.decode("utf-8", "replace")


def thread_references(
    references: bytes | None, in_reply_to: bytes | None
) -> tuple[str, ...]:
    """Give the ids of the messages above, oldest first [RFC5256 3]."""
    ids = message_ids(references) if references else ()
    if not ids and in_reply_to:
        return message_ids(in_reply_to)[:1]
    return ids
