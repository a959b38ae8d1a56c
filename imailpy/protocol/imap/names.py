"""
Names of mailboxes: what can be one, and its one form.

Names are text of the store, never paths of a file system; still, what would
be dangerous as a path is refused, because clients make folders of them.
"""

from __future__ import annotations

import re
import unicodedata

from imailpy.protocol.imap import mutf7
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.refusal import Refusal

DELIMITER = "/"
# Octets in UTF-8; levels.
MAX_NAME = 1024
MAX_DEPTH = 32

# C0, DEL, C1, line and paragraph separator, surrogates, noncharacters.
_NEVER = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
# A pattern that no name matches: NUL is in none.
MATCHES_NOTHING = "\0"


def canonical(name: str) -> str:
    """
    Give a name its one form: NFC, INBOX in capitals on the first level.

    Raises:
        ValueError: No mailbox can have it.
    """
    name = inbox_in_capitals(unicodedata.normalize("NFC", name))
    levels = name.split(DELIMITER)
    if (
        _NEVER.search(name)
        or name[:1] in ("#", "~")
        or len(levels) > MAX_DEPTH
        or any(level in ("", ".", "..") for level in levels)
        or len(name.encode()) > MAX_NAME
    ):
        raise ValueError("no mailbox can have this name")
    return name


def inbox_in_capitals(name: str) -> str:
    """
    Spell a first level that is INBOX in capitals [RFC9051 5.1].

    Children of INBOX follow it, or `Inbox/x` and `INBOX/x` would be two.
    """
    if name[:5].upper() == "INBOX" and name[5:6] in ("", DELIMITER):
        return "INBOX" + name[5:]
    return name


def read_mailbox(lexer: Lexer) -> str:
    """
    Read the name of a mailbox.

    Raises:
        Refusal: BAD for syntax; NO [CANNOT] for what can be no mailbox.
    """
    return to_name(lexer.astring())


def to_name(octets: bytes) -> str:
    """Decode a name; NO [CANNOT] for what can be no mailbox."""
    try:
        return canonical(mutf7.decode(octets))
    except ValueError:
        raise Refusal("NO", "Invalid mailbox name", b"CANNOT") from None


def to_pattern(octets: bytes) -> str:
    """
    Decode a LIST pattern or reference.

    What cannot be decoded is no error: it just matches no mailbox.
    """
    try:
        pattern = unicodedata.normalize("NFC", mutf7.decode(octets))
    except ValueError:
        return MATCHES_NOTHING
    return inbox_in_capitals(pattern)
