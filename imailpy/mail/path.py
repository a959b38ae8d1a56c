"""
The address of an envelope: a reverse-path or a forward-path.

One reading and one writing of addresses serves the whole house, so that no
two rooms can disagree about where a message goes. An address list of a
header section is read in `imailpy.message`, which ends here too.

    Mailbox     = Local-part "@" ( Domain / address-literal )
    Local-part  = Dot-string / Quoted-string           [RFC5321 4.1.2]
    sub-domain  =/ U-label                             [RFC6531 3.3]
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache

import idna
from attrs import field, frozen

# Octets, the path's angle brackets left out [RFC5321 4.5.3.1].
MAX_LOCAL_PART = 64
MAX_PATH = 254

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010ffff]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*)"')
_LDH_DOMAIN = re.compile(
    r"(?=.{1,255}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
# Underscores are no host name, but real senders have them [RFC2181 11].
_LENIENT_DOMAIN = re.compile(
    r"(?=.{1,255}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*"
)
_ESCAPE = re.compile(r'(["\\])')
_UNESCAPE = re.compile(r"\\(.)")
# C0, DEL, C1, surrogates: never part of an address, quoted or not.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@frozen(cache_hash=True)
class Path:
    """
    An address, ready to compare.

    Attributes:
        local_part: Without quoting, Unicode in NFC, its case kept.
        domain: Lower-case A-labels without a trailing dot, or an address
            literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`; empty for
            the null path and for a bare `postmaster`.
    """

    local_part: str
    domain: str
    # Worked out when somebody asks: `cached_property` would make each look
    # at any attribute dearer.
    _folded: str = field(default="", init=False, eq=False, repr=False)
    _text: str = field(default="", init=False, eq=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Path:
        """
        Read `local-part@domain`, without angle brackets or source route.

        Raises:
            ValueError: It is not a mailbox of [RFC5321 4.1.2], or too long.
        """
        local_part, end = _read_local_part(text)
        if text[end : end + 1] != "@":
            raise ValueError("no @ behind the local part")
        domain = canonical_domain(text[end + 1 :])
        path = cls(local_part, domain)
        if len(bytes(path)) > MAX_PATH:
            raise ValueError(f"address over {MAX_PATH} octets")
        return path

    @property
    def is_null(self) -> bool:
        """Whether this is the null reverse-path `<>`."""
        return not self.local_part and not self.domain

    @property
    def is_literal(self) -> bool:
        """Whether the domain is an address literal."""
        return self.domain.startswith("[")

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only SMTPUTF8 can carry it [RFC6531 3.2]."""
        return not self.local_part.isascii()

    @property
    def folded(self) -> str:
        """
        The one key for look-ups: local part in NFC and case-folded.

        Local parts are compared without case, as every mail user expects,
        although [RFC5321 2.4] leaves that to the domain.
        """
        folded = self._folded
        if not folded:
            folded = f"{fold_local_part(self.local_part)}@{self.domain}"
            object.__setattr__(self, "_folded", folded)
        return folded

    def __str__(self) -> str:
        text = self._text
        if not text:
            text = self.local_part
            if self.domain:
                text = f"{quote_local_part(text)}@{self.domain}"
            object.__setattr__(self, "_text", text)
        return text

    def __bytes__(self) -> bytes:
        return str(self).encode()


NULL_PATH = Path("", "")


def fold_local_part(local_part: str) -> str:
    """Fold a local part for look-ups: NFC, case-folded, NFC again."""
    if local_part.isascii():
        return local_part.lower()
    folded = unicodedata.normalize("NFC", local_part).casefold()
    return unicodedata.normalize("NFC", folded)


def quote_local_part(local_part: str) -> str:
    """Quote a local part where its form needs it [RFC5321 4.1.2]."""
    if _DOT_STRING.fullmatch(local_part):
        return local_part
    escaped = _ESCAPE.sub(r"\\\1", local_part)
    return f'"{escaped}"'


@lru_cache(maxsize=4096)
def canonical_domain(text: str) -> str:
    """
    Give a domain or address literal its one form.

    One trailing dot is dropped, U-labels become A-labels [RFC5891 4.4].

    Raises:
        ValueError: It is no domain and no address literal.
    """
    if text.startswith("["):
        return _literal(text)
    text = text.removesuffix(".")
    if text.isascii():
        domain = text.lower()
    else:
        try:
            domain = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(f"not a domain: {error}") from None
    if not _LENIENT_DOMAIN.fullmatch(domain):
        raise ValueError("not a domain")
    return domain


def is_host_name(domain: str) -> bool:
    """Whether it is letters, digits and hyphens only [RFC1123 2.1]."""
    return _LDH_DOMAIN.fullmatch(domain) is not None


def _read_local_part(text: str) -> tuple[str, int]:
    """Give the local part without quoting, and where it ends in `text`."""
    match = _QUOTED.match(text)
    if match is not None:
        local_part = _UNESCAPE.sub(r"\1", match.group(1))
    else:
        match = _DOT_STRING.match(text)
        if match is None:
            raise ValueError("not a local part")
        local_part = match.group()
    if not local_part or _CONTROLS.search(local_part):
        raise ValueError("not a local part")
    if not local_part.isascii():
        local_part = unicodedata.normalize("NFC", local_part)
    if len(local_part.encode()) > MAX_LOCAL_PART:
        raise ValueError(f"local part over {MAX_LOCAL_PART} octets")
    return local_part, match.end()


def _literal(text: str) -> str:
    """Read `[192.0.2.1]` or `[IPv6:2001:db8::1]` [RFC5321 4.1.3]."""
    if not text.endswith("]"):
        raise ValueError("address literal without its bracket")
    inside = text[1:-1]
    try:
        if inside[:5].lower() == "ipv6:":
            six = ipaddress.IPv6Address(inside[5:])
            if six.scope_id is not None:
                raise ValueError("address literal with a scope")
            # The IPv4 address in IPv6 clothes is the IPv4 address.
            if six.ipv4_mapped is not None:
                return f"[{six.ipv4_mapped}]"
            return f"[IPv6:{six}]"
        return f"[{ipaddress.IPv4Address(inside)}]"
    except ipaddress.AddressValueError as error:
        raise ValueError(f"not an address literal: {error}") from None
