"""
Login names, read once, the same way for every service.

What comes out is an address that is compared by `Path.folded`; it goes into
look-ups as a value, never into a template or a pattern.
"""

from __future__ import annotations

import unicodedata

from imailpy.mail import Path
from imailpy.realm.settings import LoginSettings

# Octets of UTF-8: an address of the longest kind [RFC5321 4.5.3.1].
MOST_OCTETS = 320


def read_login_name(text: str, settings: LoginSettings) -> Path | None:
    """
    Read what somebody typed as a login name.

    `ann@example.com`; `ann%example.com` where `%` is a host delimiter;
    `ann` where there is a default domain.

    Returns:
        None when it cannot be the name of an account.
    """
    text = unicodedata.normalize("NFC", text)
    if len(text.encode(errors="replace")) > MOST_OCTETS:
        return None
    try:
        path = Path.parse(_with_domain(text, settings))
    except ValueError:
        return None
    # Two spellings of one name would be counted and cached as two.
    return None if path.is_literal or text != text.strip() else path


def read_asked(text: str, settings: LoginSettings) -> Path | None:
    """
    Read what VRFY or EXPN asks for: `ann`, `ann@example.com`,
    `<ann@example.com>`, or one of these behind a name.

    Returns:
        None when it cannot be an address.
    """
    text = text.strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    return read_login_name(text, settings)


def same_name(first: str, second: str, settings: LoginSettings) -> bool:
    """Whether two names as typed mean the same account."""
    one = read_login_name(first, settings)
    other = read_login_name(second, settings)
    if one is None or other is None:
        return False
    return one.folded == other.folded


def _with_domain(text: str, settings: LoginSettings) -> str:
    if "@" in text:
        return text
    for delimiter in settings.host_delimiters:
        user, found, host = text.rpartition(delimiter)
        if found:
            return f"{user}@{host}"
    if settings.default_domain:
        return f"{text}@{settings.default_domain}"
    return text
