"""
Search filters from what somebody typed [RFC4515].

A filter of the configuration has placeholders: `{login}` the login name as an
address, `{address}` the same, `{user}` and `{domain}` its two parts. What is
put in is escaped, always and whatever it is: `*` means a star, `)` a bracket.
A value is put in once; one that has braces of its own stays as it is.
"""

from __future__ import annotations

import re

from imailpy.mail import Path

PLACEHOLDERS = ("login", "address", "user", "domain")
_PLACE = re.compile(r"\{([a-z]*)\}")
# All other ASCII is escaped [RFC4515 3]: more than has to be, and simpler to
# be sure of. What is not ASCII stays as it is: ldaptor takes an escaped octet
# of UTF-8 for a character of its own.
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.-_"
)


def escape(text: str) -> str:
    """Spell text as the value of a filter."""
    return "".join(
        letter
        if letter in _PLAIN or not letter.isascii()
        else f"\\{ord(letter):02x}"
        for letter in text
    )


def fill(template: str, path: Path) -> str:
    """Put an address into a filter that `complaint` is content with."""
    local_part, domain = path.local_part, path.domain
    address = f"{local_part}@{domain}"
    values = {
        "login": address,
        "address": address,
        "user": local_part,
        "domain": domain,
    }
    return _PLACE.sub(lambda found: escape(values[found[1]]), template)


def complaint(template: str) -> str | None:
    """Say what is wrong with a filter of the configuration."""
    for found in _PLACE.finditer(template):
        if found[1] not in PLACEHOLDERS:
            return f"has {found[0]}; there are {_known()}"
    if not _PLACE.search(template):
        return f"would find the same user for everybody; use {_known()}"
    if re.search(r"[{}]", _PLACE.sub("", template)):
        return "has a lone brace; write \\7b or \\7d for one"
    if not (template.startswith("(") and template.endswith(")")):
        return "must stand in brackets: (mail={address})"
    if template.count("(") != template.count(")"):
        return "has brackets that do not match"
    return None


def _known() -> str:
    return ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
