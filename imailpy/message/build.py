"""
Header fields of our own making: the one serializer.

Whatever a value holds (a subject from a template, a name from a database, an
address from a rule), it can never become a second field: CR, LF, NUL and
other controls are refused here, in one place. Lines are folded at 78
characters where there is a blank, text beyond ASCII becomes encoded words
[RFC5322 2.1.1, 2.2.3].
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen

from imailpy.mail import Path
from imailpy.message.date import format_date
from imailpy.message.encoded_word import encode_words

_NAME = re.compile(r"[!-9;-~]{1,76}")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ESCAPE = re.compile(r'(["\\])')
# What an EHLO name may bring into a Received field.
_NO_HOST = re.compile(r"[^A-Za-z0-9._:\[\]\x80-\U0010ffff-]|[\x80-\x9f]")
_NO_COMMENT = re.compile(r"[^ !#-'*-\[\]-~]")
_LINE = 78
_LONGEST_LINE = 998


def header_field(name: str, value: str, *, utf8: bool = False) -> bytes:
    """
    Write one field, folded, with its CRLF.

    Args:
        name: A field name.
        value: Text. Blanks are where it may fold.
        utf8: Leave text beyond ASCII as it is: the message is
            internationalized [RFC6532].

    Raises:
        ValueError: The name is none, or the value holds CR, LF, NUL or
            another control.
    """
    if not _is_name(name):
        raise ValueError(f"not a field name: {name!r}")
    if (
        len(name) + len(value) <= _LINE - 2
        and value.isascii()
        and value.isprintable()
        and value[-1:] not in ("", " ")
    ):
        # Mostly it is one line that needs nothing.
        return f"{name}: {value}\r\n".encode("ascii")
    if _CONTROL.search(value) or _SURROGATE.search(value):
        raise ValueError(f"control character in the value of {name}")
    if not utf8 and not value.isascii():
        value = encode_words(value)
    lines = _folded(f"{name}:", value)
    if any(len(line.encode()) > _LONGEST_LINE for line in lines):
        # A word that no fold can part: as encoded words it can be.
        lines = _folded(f"{name}:", encode_words(value, always=True))
    return "\r\n".join([*lines, ""]).encode()


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _folded(line: str, value: str) -> list[str]:
    lines = []
    filled = False
    for word in value.split(" "):
        # Blanks alone would be a line of nothing: they stay with the word
        # before them.
        if word and filled and len(line) + 1 + len(word) > _LINE:
            lines.append(line)
            line = ""
        filled = filled or bool(word)
        line += f" {word}"
    return [*lines, line.rstrip()] if value.strip() else [line.rstrip() + " "]


@frozen
class Mailbox:
    """An address with a name for people."""

    path: Path
    display_name: str = ""

    def text(self, *, utf8: bool = False) -> str:
        """
        Write it for a header field.

        Raises:
            ValueError: Only UTF-8 could carry the address.
        """
        if self.path.needs_smtputf8 and not utf8:
            raise ValueError("an address beyond ASCII needs UTF-8")
        if not self.display_name:
            return str(self.path)
        return f"{phrase(self.display_name, utf8=utf8)} <{self.path}>"


def phrase(text: str, *, utf8: bool = False) -> str:
    """
    Write a display name: atoms, a quoted string, or encoded words
    [RFC5322 3.2.5].

    Raises:
        ValueError: It holds a control.
    """
    if _CONTROL.search(text):
        raise ValueError("control character in a display name")
    if not text.isascii() and not utf8:
        return encode_words(text)
    if "=?" in text:
        return encode_words(text, always=True)
    if _ATOMS.fullmatch(text) and text == text.strip():
        return text
    return '"{}"'.format(_ESCAPE.sub(r"\\\1", text))


def return_path_field(reverse_path: Path) -> bytes:
    """Write the Return-Path of a final delivery [RFC5321 4.4]."""
    return header_field("Return-Path", f"<{reverse_path}>", utf8=True)


@lru_cache(maxsize=1024)
def host_text(name: str) -> str:
    """
    Give a name that a peer gave itself, fit for a header field and a log:
    255 characters at most, what a host name cannot have shown as `?`.
    """
    return _NO_HOST.sub("?", name[:255]) or "unknown"


@lru_cache(maxsize=1024)
def comment_text(text: str) -> str:
    """Give text fit for a comment: ASCII, nothing that ends it."""
    return _NO_COMMENT.sub("?", text[:255])


def received_field(
    *,
    helo: str,
    client_address: str,
    by: str,
    protocol: str,
    delivery_id: str,
    now: float,
    tls: str | None = None,
    recipient: Path | None = None,
    client_name: str = "",
    zone_minutes: int = 0,
) -> bytes:
    """
    Write the trace field of a reception [RFC5321 4.4].

    Args:
        helo: As the client said it, whatever it is.
        client_address: IP address it came from; "" for a Unix socket.
        by: Our own host name.
        protocol: As registered: `ESMTPS`, `LMTP`, `UTF8SMTP` ... [RFC3848].
        delivery_id: Ours.
        tls: Protocol and cipher, for a comment.
        recipient: The only one; None where naming one would tell others.
        client_name: That of the address in DNS, where it was looked up.
    """
    utf8 = protocol.upper().startswith("UTF8")
    helo = host_text(helo)
    if not utf8:
        helo = comment_text(helo)
    known = comment_text(client_name)
    if client_address:
        known = f"{known} {_address_literal(client_address)}"
    words = [f"from {helo} ({known.strip() or 'local'})"]
    if tls:
        words.append(f"({comment_text(tls)})")
    words.append(f"by {by} with {protocol} id {delivery_id}")
    if recipient is not None and (utf8 or not recipient.needs_smtputf8):
        words.append(f"for <{recipient}>")
    stamp = "\r\n\t".join([_checked(word) for word in words])
    date = format_date(now, zone_minutes)
    return f"Received: {stamp};\r\n\t{date}\r\n".encode()


def _checked(words: str) -> str:
    if not words.isprintable() and _CONTROL.search(words):
        raise ValueError("control character in a Received field")
    return words


def _address_literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
