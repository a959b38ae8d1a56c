"""
XCLIENT: a server before us tells who its client is.

Postfix's extension, as its XCLIENT_README has it:

    XCLIENT 1*( SP name "=" value )
    name  = NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT
    value = xtext; [UNAVAILABLE], [TEMPUNAVAIL]: it has none
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from imailpy.errors import PeerError
from imailpy.mail import Reply
from imailpy.mail.facts import canonical_address
from imailpy.protocol.smtp.events import XClient
from imailpy.protocol.smtp.xtext import decode_xtext

NAMES = (
    "NAME",
    "ADDR",
    "PORT",
    "PROTO",
    "HELO",
    "LOGIN",
    "DESTADDR",
    "DESTPORT",
)
_MOST = 255
_NONE = frozenset(("[UNAVAILABLE]", "[TEMPUNAVAIL]"))
_PRINTABLE = re.compile(r"[!-~]+")


def read_xclient(verb: str, argument: str) -> XClient:
    """
    Read the attributes, each name once.

    Raises:
        PeerError: 501.
    """
    found: dict[str, str | None] = {}
    for word in argument.split(" "):
        name, equals, value = word.partition("=")
        name = name.upper()
        if name not in NAMES or not equals or name in found:
            raise _bad(name)
        found[name] = _value(name, value)
    return XClient(tuple(found.items()))


def _value(name: str, value: str) -> str | None:
    if value.upper() in _NONE:
        return None
    try:
        text = decode_xtext(value)
        if len(text) > _MOST or not _PRINTABLE.fullmatch(text):
            raise ValueError("too long, or of blanks")
        if text.upper() in _NONE:
            return None
        return _READ.get(name, str)(text)
    except ValueError:
        raise _bad(name) from None


def _address(text: str) -> str:
    """`192.0.2.1` or `IPV6:2001:db8::1`."""
    if text[:5].upper() == "IPV6:":
        return canonical_address(str(ipaddress.IPv6Address(text[5:])))
    return str(ipaddress.IPv4Address(text))


def _port(text: str) -> str:
    if not (text.isdigit() and len(text) < 6 and int(text) < 65_536):
        raise ValueError("no port")
    return text


def _protocol(text: str) -> str:
    if text.upper() not in ("SMTP", "ESMTP"):
        raise ValueError("no such protocol")
    return text.upper()


_READ: dict[str, Callable[[str], str]] = {
    "ADDR": _address,
    "PORT": _port,
    "PROTO": _protocol,
    "DESTADDR": _address,
    "DESTPORT": _port,
}


def _bad(name: str) -> PeerError:
    return PeerError(Reply(501, f"Bad XCLIENT {name[:20]}", "5.5.4"))
