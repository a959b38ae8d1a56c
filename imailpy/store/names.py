"""
Names of mailboxes.

Names are database text and never paths; even so, what looks like one is
refused, so that an export to files cannot be led astray [SECURITY B12.1].
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from imailpy.errors import MailboxNameRefused
from imailpy.interfaces.store import DELIMITER

INBOX = "INBOX"
MAX_OCTETS = 1024
MAX_LEVELS = 32

# Made with every account; the special uses are those of [RFC6154 2].
FIRST_MAILBOXES: tuple[tuple[str, str | None], ...] = (
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
)

# C0, DEL, C1, line and paragraph separator, surrogates.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """
    Give a mailbox name its one form: NFC, INBOX in capitals.

    Raises:
        MailboxNameRefused: Controls, empty levels, "." and "..", a leading
            "~" or "#", over 1,024 octets, over 32 levels.
    """
    if _CONTROLS.search(name):
        raise MailboxNameRefused("control character in a mailbox name")
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    levels = name.split(DELIMITER)
    if len(levels) > MAX_LEVELS or len(name.encode()) > MAX_OCTETS:
        raise MailboxNameRefused("mailbox name too long or too deep")
    if name.startswith(("~", "#")) or any(
        level in ("", ".", "..") for level in levels
    ):
        raise MailboxNameRefused(f"mailbox name {name!r}")
    # [RFC9051 5.1]: INBOX has no case, and nor has it above its children.
    if levels[0].upper() == INBOX:
        levels[0] = INBOX
        return DELIMITER.join(levels)
    return name


def parents(name: str) -> Iterator[str]:
    """Names above `name`, the topmost first."""
    levels = name.split(DELIMITER)
    for count in range(1, len(levels)):
        yield DELIMITER.join(levels[:count])


def is_below(name: str, above: str) -> bool:
    """Whether `name` is a descendant of `above`."""
    return name.startswith(above + DELIMITER)
