"""
SASLprep: one form for names and passwords that look the same [RFC4013].

Normalisation and tables are those of Unicode 3.2, as the profile says; so
the same text gives the same octets under every version of Python. Code
points that Unicode 3.2 did not know pass unchanged, as in a query string
[RFC3454 7]: people do use younger characters in passwords.
"""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class Unpreparable(ValueError):
    """The text holds what no name or password may hold."""


def prepared(text: str) -> str:
    """
    Bring a name or a password to its one form.

    Raises:
        Unpreparable: A prohibited character, or letters of both writing
            directions in a way that nobody can read back [RFC3454 6].
    """
    if text.isascii():
        if text.isprintable():
            return text
        raise Unpreparable("a control character")
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter
        for letter in text
        if not stringprep.in_table_b1(letter)
    )
    out = ucd_3_2_0.normalize("NFKC", mapped)
    for letter in out:
        if any(prohibits(letter) for prohibits in _PROHIBITED):
            raise Unpreparable("a prohibited character")
    _check_direction(out)
    return out


def prepared_password(octets: bytes) -> bytes:
    """
    Give a password's one form; octets with none stay as they are.

    So that a password which no preparation can take still works where it
    is typed the same way twice. Both who stores and who checks call this.
    """
    try:
        return prepared(octets.decode()).encode()
    except ValueError:
        return octets


def _check_direction(text: str) -> None:
    # D.1 holds letters written from right to left, D.2 from left to right.
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise Unpreparable("letters of both writing directions")
    ends = (text[0], text[-1])
    if not all(map(stringprep.in_table_d1, ends)):
        raise Unpreparable("right-to-left text must begin and end so")
