"""Whom we show tokens and secrets to."""

from __future__ import annotations


def may_ask(url: str) -> bool:
    """Whether a URL is https, or http on this machine."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    scheme, separator, rest = url.partition("://")
    host = rest.partition("/")[0]
    if not separator or not host or "@" in host:
        return False
    name = host.partition("]")[0] + "]" if host[0] == "[" else host
    name = name.partition(":")[0] if name[0] != "[" else name
    loopback = name in ("localhost", "127.0.0.1", "[::1]")
    return scheme == "https" or (scheme == "http" and loopback)
