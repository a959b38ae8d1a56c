"""
The encodings of DSN parameters: xtext and utf-8-addr.

    xtext   = *( xchar / hexchar ); hexchar = "+" 2( "0".."9" / "A".."F" )
                                                        [RFC3461 4]
    utf-8-addr-xtext has \\x{HHHH} for what is not ASCII  [RFC6533 3]
"""

from __future__ import annotations

import re

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_PLAIN = re.compile(r"[^!-*,-<>-~]")
_CODE_POINT = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
# What xtext stands for is printable ASCII: a line end in here would be one
# in the header section of a report.
_PRINTABLE = re.compile(r"[ -~]*")
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def decode_xtext(text: str) -> str:
    """
    Read xtext.

    Raises:
        ValueError: It is none, or stands for what is not printable ASCII.
    """
    if not _XTEXT.fullmatch(text):
        raise ValueError("not xtext")
    decoded = _HEX.sub(lambda match: chr(int(match.group(1), 16)), text)
    if not _PRINTABLE.fullmatch(decoded):
        raise ValueError("xtext of what is not printable")
    return decoded


def encode_xtext(text: str) -> str:
    """
    Write printable ASCII as xtext.

    Raises:
        ValueError: It is not printable ASCII.
    """
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("not printable ASCII")
    return _PLAIN.sub(lambda match: f"+{ord(match.group()):02X}", text)


def decode_utf8_address(text: str) -> str:
    """
    Read the address of an `utf-8` ORCPT, in either of its forms.

    Raises:
        ValueError: It is none.
    """
    ascii_only = "".join(c for c in text if c.isascii())
    if not _XTEXT.fullmatch(ascii_only):
        raise ValueError("not an utf-8 address")

    def character(match: re.Match[str]) -> str:
        return chr(int(match.group(1), 16))

    try:
        decoded = _HEX.sub(character, _CODE_POINT.sub(character, text))
    except (ValueError, OverflowError):
        raise ValueError("no such character") from None
    if _UNSAFE.search(decoded):
        raise ValueError("an address of what is not printable")
    return decoded


def encode_utf8_address(text: str, *, smtputf8: bool) -> str:
    """
    Write the address of an `utf-8` ORCPT.

    Raises:
        ValueError: It holds controls.
    """
    if _UNSAFE.search(text):
        raise ValueError("not printable")

    def character(match: re.Match[str]) -> str:
        code = ord(match.group())
        if code < 0x80 and match.group() != "\\":
            return f"+{code:02X}"
        if code >= 0x80 and smtputf8:
            return match.group()
        return f"\\x{{{code:02X}}}"

    return re.sub(r"[^!-*,-<>-\[\]-~]", character, text)
