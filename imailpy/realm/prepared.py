"""The one form of a password."""

from __future__ import annotations

import unicodedata

from imailpy.mail import Secret
from imailpy.protocol.sasl.prepare import prepared_password

# Longer ones are refused before they cost anything.
MOST_OCTETS = 1024


def prepare(password: Secret) -> bytes | None:
    """
    Give a password its one form, the one that SCRAM gives it [RFC4013].

    Returns:
        None when it is empty, no UTF-8, has controls, or is over-long.
    """
    octets = password.reveal()
    if not octets or len(octets) > MOST_OCTETS:
        return None
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    if any(unicodedata.category(character) == "Cc" for character in text):
        return None
    return prepared_password(octets)
