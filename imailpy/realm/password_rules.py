"""
Which passwords somebody may have.

Twelve characters at least, not the account's own name, and not one that is
tried early: what zxcvbn can guess within 10^8 tries, from lists of passwords,
words and names, keyboard runs, dates and repeats, with the usual swaps of
letters. Its lists take 14 MiB and 65 ms to load, with the first password that
is set, never for a login.
"""

from __future__ import annotations

import re

from imailpy.mail import Secret
from imailpy.realm.prepared import prepare

FEWEST_CHARACTERS = 12
# Below that a password is among those that are tried first.
FEWEST_GUESSES = 10**8
# It looks at so many characters; its time grows with their square.
_MOST_JUDGED = 72


def complaint(password: str, address: str = "") -> str | None:
    """
    Say what is wrong with a password that somebody wants to have.

    Takes up to 50 ms, and more the first time.

    Args:
        address: Of the account; its parts are no password.
    """
    if prepare(Secret(password.encode(errors="replace"))) is None:
        return "it is empty, too long, or has control characters"
    if len(password) < FEWEST_CHARACTERS:
        return f"it has fewer than {FEWEST_CHARACTERS} characters"
    plain = password.casefold()
    local_part = address.casefold().rpartition("@")[0]
    if plain in (address.casefold(), local_part, local_part * 2):
        return "it is the account's own name"
    if len(set(plain)) < 4 or _guesses(password, address) < FEWEST_GUESSES:
        return "it is among those that are tried first"
    return None


def _guesses(password: str, address: str) -> float:
    from zxcvbn import zxcvbn

    known = [word for word in re.split(r"[@.+_-]", address) if len(word) > 2]
    found = zxcvbn(password[:_MOST_JUDGED], [address, *known])
    return float(found["guesses"])
