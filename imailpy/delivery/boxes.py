"""
`user+box`: an address that names one of the user's mailboxes [RFC5233 1].

What stands behind the separator comes from strangers: only a plain name
becomes a mailbox, everything else goes to the inbox.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

INBOX = "INBOX"
JUNK = "Junk"
OUTSIDE = "Outside"

# Mail for this box is thrown away.
NUL_BOX = "nul"

_MOST_SPLITS = 6
_LONGEST = 64
# Wildcards of LIST, what cannot be typed, and what clients treat specially.
_FORBIDDEN = frozenset('%*"\\#&~')


def splits(local_part: str, separators: str) -> Iterator[tuple[str, str]]:
    """
    Give the ways to read a local part as user and box.

    The first separator of the settings first. A `+` is never part of a user
    that has one, so the first counts; before any other separator the longest
    user comes first: in `mary-ann-lists` `mary-ann` wins over `mary`.
    """
    given = 0
    for separator in separators:
        places = [
            at
            for at, letter in enumerate(local_part)
            if letter == separator and 0 < at < len(local_part) - 1
        ]
        if separator != "+":
            places.reverse()
        for at in places[: _MOST_SPLITS - given]:
            given += 1
            yield local_part[:at], local_part[at + 1 :]


def mailbox_of(box: str) -> str | None:
    """
    Give the mailbox that a box stands for; None: throw the mail away.

    Levels are parted by "/". A name that is not plain means the inbox, and
    so does every spelling of INBOX.
    """
    name = unicodedata.normalize("NFC", box)
    folded = name.casefold()
    if folded == NUL_BOX:
        return None
    levels = name.split("/")
    plain = (
        len(name) <= _LONGEST
        and name.isprintable()
        and not _FORBIDDEN & set(name)
        and all(
            level.strip() == level and level.strip(".") for level in levels
        )
        and levels[0].casefold() != "inbox"
    )
    return name if plain else INBOX
