"""
Read one SMTP command line [RFC5321 4.1.1].

Text in, a value out. Arguments are checked for form, not for meaning:
whether a forward-path exists is for policy to say. Source routes are read
and thrown away [RFC5321 4.1.1.3].
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from imailpy.errors import PeerError
from imailpy.mail import NULL_PATH, MailParameters, Path, Recipient
from imailpy.protocol.smtp import replies
from imailpy.protocol.smtp.commands import Auth, Bdat, Command, Simple
from imailpy.protocol.smtp.events import Expand, Hello, Mail, Rcpt, Verify
from imailpy.protocol.smtp.replies import refuse
from imailpy.protocol.smtp.xclient import read_xclient
from imailpy.protocol.smtp.xtext import decode_utf8_address, decode_xtext

# A space before the path is wrong, but enough clients send one that
# refusing would lose real mail.
_PATH = re.compile(
    r' *<((?:@[^@<>",:\s\[]+|@\[[^\]<>"\s]*\])'
    r'(?:,(?:@[^@<>",:\s\[]+|@\[[^\]<>"\s]*\]))*:)?'
    r'((?:"(?:[^"\\]|\\.)*"|[^"<>\s])*)>(?: +([^ ].*))?'
)
_NAME = re.compile(r"[!-~]{1,255}")
_HTTP = re.compile(
    r"(?:GET|POST|PUT|CONNECT|OPTIONS|HEAD|DELETE|TRACE|PATCH|PRI"
    # A proxy's word about who the client is [SECURITY B4.12].
    r"|PROXY) "
    r"|[A-Za-z][A-Za-z0-9_-]*:(?: |$)"
)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\s]+))?")
_SIZE = re.compile(r"[0-9]{1,20}")
_MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")
_BDAT = re.compile(r"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)

# [RFC3461 4.2] [RFC3461 4.4]
_MAX_ENVID = 100
_MAX_ORCPT = 500
_ORCPT_KIND = re.compile(r"[A-Za-z0-9-]{1,32}")


def split_verb(line: bytes) -> tuple[str, str]:
    """
    Give the verb in capitals, and its argument.

    Args:
        line: Without its CRLF; its length was checked.

    Raises:
        PeerError: 500 or 501 for octets that no command may hold.
    """
    if line.isascii():
        text = line.decode("ascii")
        if not text.isprintable():
            raise PeerError(
                replies.BARE_LINE_END
                if "\r" in text or "\n" in text
                else replies.CONTROL
            )
    else:
        text = _utf8(line)
    verb, _, argument = text.partition(" ")
    return verb.upper(), argument.rstrip(" ")


def _utf8(line: bytes) -> str:
    if b"\r" in line or b"\n" in line:
        raise PeerError(replies.BARE_LINE_END)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise PeerError(replies.NOT_UTF8) from None
    if any(c < " " or "\x7f" <= c <= "\x9f" for c in text):
        raise PeerError(replies.CONTROL)
    return text


def looks_like_http(line: str) -> bool:
    """Whether a browser, or a body out of place, says this."""
    return _HTTP.match(line) is not None


def parse_command(verb: str, argument: str) -> Command:
    """
    Read one command.

    Args:
        verb: In capitals.
        argument: What stands behind it, without spaces at the end.

    Raises:
        PeerError: 500 for an unknown verb, 501 and others for a bad
            argument.
    """
    reader = READERS.get(verb)
    if reader is None:
        raise PeerError(replies.UNKNOWN_COMMAND)
    return reader(verb, argument)


@lru_cache(maxsize=4096)
def read_path(text: str) -> Path:
    """
    Read what stands between angle brackets, its route left out.

    Raises:
        ValueError: It is no mailbox.
    """
    return Path.parse(text)


def _hello(verb: str, argument: str) -> Hello:
    if not _NAME.fullmatch(argument):
        raise refuse(501, f"Want {verb} and one name", "5.5.4")
    return Hello(verb, argument)


def _mail(verb: str, argument: str) -> Mail:
    match = _PATH.fullmatch(argument, 5)
    if argument[:5].upper() != "FROM:" or match is None:
        raise refuse(501, "Want MAIL FROM:<address>", "5.5.4")
    _, text, rest = match.groups()
    path = _mailbox(text, "5.1.7") if text else NULL_PATH
    if rest is None:
        parameters = NO_PARAMETERS
    else:
        parameters = _mail_parameters(rest)
    # The domain is A-labels by now: the text tells [RFC6531 3.3].
    if not (parameters.smtputf8 or text.isascii()):
        raise PeerError(replies.NEED_SMTPUTF8)
    return Mail(path, parameters)


def _rcpt(verb: str, argument: str) -> Rcpt:
    match = _PATH.fullmatch(argument, 3)
    if argument[:3].upper() != "TO:" or match is None:
        raise refuse(501, "Want RCPT TO:<address>", "5.5.4")
    _, text, rest = match.groups()
    if text.lower() == "postmaster":
        # The one mailbox without a domain [RFC5321 4.1.1.3].
        path = POSTMASTER
    else:
        path = _mailbox(text, "5.1.3")
    if rest is None:
        return Rcpt(Recipient(path))
    return Rcpt(_rcpt_parameters(path, rest))


POSTMASTER = Path("postmaster", "")
NO_PARAMETERS = MailParameters()


def _mailbox(text: str, status: str) -> Path:
    try:
        return read_path(text)
    except ValueError:
        raise refuse(501, "Bad address syntax", status) from None


# Parameters


def _words(text: str) -> dict[str, str | None]:
    """Read `NAME=VALUE NAME ...`, each name once."""
    words: dict[str, str | None] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise refuse(501, "Bad parameter syntax", "5.5.4")
        name, value = match.groups()
        name = name.upper()
        if name in words:
            raise refuse(501, f"{name[:20]} given twice", "5.5.4")
        words[name] = value
    return words


def _mail_parameters(text: str) -> MailParameters:
    values = {}
    for name, value in _words(text).items():
        reader = _MAIL_READERS.get(name)
        if reader is None:
            raise refuse(555, f"{name[:20]} is not offered", "5.5.4")
        field, read = reader
        values[field] = read(value)
    return MailParameters(**values)  # type: ignore[arg-type]


def _size(value: str | None) -> int:
    if value is None or not _SIZE.fullmatch(value):
        raise refuse(501, "Want SIZE=octets", "5.5.4")
    return int(value)


def _body(value: str | None) -> str:
    body = (value or "").upper()
    if body == "BINARYMIME":
        raise refuse(504, "BINARYMIME is not offered", "5.5.4")
    if body not in ("7BIT", "8BITMIME"):
        raise refuse(501, "Want BODY=7BIT or BODY=8BITMIME", "5.5.4")
    return body


def _smtputf8(value: str | None) -> bool:
    if value is not None:
        raise refuse(501, "SMTPUTF8 takes no value", "5.5.4")
    return True


def _ret(value: str | None) -> str:
    ret = (value or "").upper()
    if ret not in ("FULL", "HDRS"):
        raise refuse(501, "Want RET=FULL or RET=HDRS", "5.5.4")
    return ret


def _envid(value: str | None) -> str:
    if value is None or len(value) > _MAX_ENVID:
        raise refuse(501, "Bad ENVID", "5.5.4")
    return _xtext(value, "ENVID")


def _auth_identity(value: str | None) -> str:
    """AUTH=, for the record only: we trust nobody's word [RFC4954 5]."""
    if value is None or len(value) > _MAX_ORCPT:
        raise refuse(501, "Bad AUTH parameter", "5.5.4")
    return "<>" if value == "<>" else _xtext(value, "AUTH")


def _xtext(value: str, name: str) -> str:
    try:
        return decode_xtext(value)
    except ValueError:
        raise refuse(501, f"Bad {name}", "5.5.4") from None


_MAIL_READERS: dict[str, tuple[str, Callable[[str | None], object]]] = {
    "SIZE": ("size_octets", _size),
    "BODY": ("body", _body),
    "SMTPUTF8": ("smtputf8", _smtputf8),
    "RET": ("ret", _ret),
    "ENVID": ("envid", _envid),
    "AUTH": ("auth", _auth_identity),
}


def _rcpt_parameters(path: Path, text: str) -> Recipient:
    notify: frozenset[str] = frozenset()
    orcpt = None
    for name, value in _words(text).items():
        if name == "NOTIFY":
            notify = _notify(value)
        elif name == "ORCPT":
            orcpt = _orcpt(value)
        else:
            raise refuse(555, f"{name[:20]} is not offered", "5.5.4")
    return Recipient(path, notify, orcpt)


def _notify(value: str | None) -> frozenset[str]:
    """Read NOTIFY; NEVER stands alone [RFC3461 4.1]."""
    words = (value or "").upper().split(",")
    if words != ["NEVER"] and not (
        set(words) <= {"SUCCESS", "FAILURE", "DELAY"}
        and len(set(words)) == len(words)
    ):
        raise refuse(501, "Bad NOTIFY", "5.5.4")
    return frozenset(words)


def _orcpt(value: str | None) -> str:
    """Read ORCPT [RFC3461 4.2]; its `utf-8` form is [RFC6533 3]."""
    kind, mark, encoded = (value or "").partition(";")
    if (
        len(value or "") > _MAX_ORCPT
        or not mark
        or not encoded
        or not _ORCPT_KIND.fullmatch(kind)
    ):
        raise refuse(501, "Bad ORCPT", "5.5.4")
    try:
        if kind.lower() == "utf-8":
            return f"{kind};{decode_utf8_address(encoded)}"
        return f"{kind};{decode_xtext(encoded)}"
    except ValueError:
        raise refuse(501, "Bad ORCPT", "5.5.4") from None


# The others


def _bdat(verb: str, argument: str) -> Bdat:
    match = _BDAT.fullmatch(argument)
    if match is None:
        # Where the next command begins cannot be known any more.
        raise PeerError(replies.BAD_CHUNK, fatal=True)
    return Bdat(int(match.group(1)), match.group(2) is not None)


def _auth(verb: str, argument: str) -> Auth:
    mechanism, _, initial = argument.partition(" ")
    if not _MECHANISM.fullmatch(mechanism):
        raise refuse(501, "Want AUTH mechanism", "5.5.4")
    return Auth(mechanism.upper(), initial.strip(" ") or None)


def _verify(verb: str, argument: str) -> Verify:
    # `SMTPUTF8` behind it concerns our reply [RFC6531 3.7.4.2], which is
    # ASCII anyway.
    if argument.upper().endswith(" SMTPUTF8"):
        argument = argument[:-9].rstrip(" ")
    if not argument:
        raise refuse(501, f"Want {verb} and a name", "5.5.4")
    return Verify(argument)


def _bare(verb: str, argument: str) -> Simple:
    if argument:
        raise PeerError(replies.NO_ARGUMENT)
    return Simple(verb)


def _any(verb: str, argument: str) -> Simple:
    return Simple(verb)


def _expand(verb: str, argument: str) -> Expand:
    return Expand(argument)


READERS: dict[str, Callable[[str, str], Command]] = {
    "EHLO": _hello,
    "HELO": _hello,
    "LHLO": _hello,
    "MAIL": _mail,
    "RCPT": _rcpt,
    "DATA": _bare,
    "BDAT": _bdat,
    "RSET": _bare,
    "NOOP": _any,
    "QUIT": _bare,
    "HELP": _any,
    "VRFY": _verify,
    "EXPN": _expand,
    "XCLIENT": read_xclient,
    "STARTTLS": _bare,
    "AUTH": _auth,
}
