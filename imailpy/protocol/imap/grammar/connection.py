"""Commands about the connection and who is at its other end."""

from __future__ import annotations

import binascii

from imailpy.mail import Secret
from imailpy.protocol.imap.commands import (
    Authenticate,
    Capability,
    Command,
    Enable,
    Id,
    Idle,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
)
from imailpy.protocol.imap.grammar.productions import parenthesized
from imailpy.protocol.imap.lexer import Lexer
from imailpy.protocol.imap.refusal import bad

# [RFC2971 3.3]
MAX_ID_PAIRS = 30
MAX_ID_FIELD = 30
MAX_ID_VALUE = 1024


def _id(tag: bytes, lexer: Lexer) -> Command:
    """ID [RFC2971 3.1]."""
    lexer.space()
    if lexer.peek() in (b"n", b"N"):
        if lexer.atom().upper() != b"NIL":
            raise bad("Want NIL or a list here")
        return Id(tag, ())
    fields = parenthesized(lexer, _id_pair)
    if len(fields) > MAX_ID_PAIRS:
        raise bad("More than 30 fields")
    return Id(tag, tuple(fields))


def _id_pair(lexer: Lexer) -> tuple[str, str | None]:
    field = lexer.string()
    lexer.space()
    value = lexer.nstring()
    if len(field) > MAX_ID_FIELD or len(value or b"") > MAX_ID_VALUE:
        raise bad("Field or value too long")
    text = None if value is None else value.decode("utf-8", "replace")
    return field.decode("utf-8", "replace"), text


def _authenticate(tag: bytes, lexer: Lexer) -> Command:
    """AUTHENTICATE [RFC9051 6.2.2], initial response as in [RFC4959 3]."""
    lexer.space()
    mechanism = lexer.atom().upper().decode("ascii")
    if lexer.at_end():
        return Authenticate(tag, mechanism, None)
    lexer.space()
    encoded = lexer.octets[lexer.at :]
    lexer.at = len(lexer.octets)
    if encoded == b"=":
        return Authenticate(tag, mechanism, b"")
    initial = from_base64(encoded)
    if not initial:
        raise bad("Want base64 here")
    return Authenticate(tag, mechanism, initial)


def from_base64(octets: bytes) -> bytes | None:
    """Decode strict base64; None when it is not."""
    try:
        return binascii.a2b_base64(octets, strict_mode=True)
    except binascii.Error:
        return None


def _login(tag: bytes, lexer: Lexer) -> Command:
    """LOGIN [RFC9051 6.2.3]; clients do send UTF-8 in literals."""
    lexer.space()
    try:
        user = lexer.astring().decode()
    except UnicodeDecodeError:
        raise bad("Not UTF-8") from None
    lexer.space()
    return Login(tag, user, Secret(lexer.astring()))


def _enable(tag: bytes, lexer: Lexer) -> Command:
    """ENABLE [RFC5161 3.1]."""
    names: dict[str, None] = {}
    while not lexer.at_end() or not names:
        lexer.space()
        names[lexer.atom().upper().decode("ascii")] = None
    return Enable(tag, tuple(names))


READERS = {
    "CAPABILITY": lambda tag, lexer: Capability(tag),
    "NOOP": lambda tag, lexer: Noop(tag),
    "CHECK": lambda tag, lexer: Noop(tag),
    "LOGOUT": lambda tag, lexer: Logout(tag),
    "ID": _id,
    "STARTTLS": lambda tag, lexer: StartTls(tag),
    "AUTHENTICATE": _authenticate,
    "LOGIN": _login,
    "ENABLE": _enable,
    "NAMESPACE": lambda tag, lexer: Namespace(tag),
    "IDLE": lambda tag, lexer: Idle(tag),
}
