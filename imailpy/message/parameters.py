"""
Content-Type and Content-Disposition: a value and its parameters
[RFC2045 5.1] [RFC2183] [RFC2231].

    text/plain; charset=utf-8; name*0*=utf-8'en'na%C3%AF; name*1=ve.txt

Read as tolerantly as mail programs write them: blanks around `=` and in
unquoted values, missing quotes at the end, comments, 8-bit octets.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from attrs import frozen

from imailpy.message.bounds import MAX_PARAMETER_SECTIONS, MAX_PARAMETERS
from imailpy.message.charset import codec, decode, guess
from imailpy.message.encoded_word import decode_words

_TOKEN = rb"[!#-'*+.\-0-9A-Z^-~]{1,255}+"
_MEDIA_TYPE = re.compile(rb"\s*+(%s)\s*+/\s*+(%s)" % (_TOKEN, _TOKEN))
_DISPOSITION = re.compile(rb'\s*+"?(%s)' % _TOKEN)
_PARAMETER = re.compile(
    rb'([^\s=;"]{1,255}+)\s*+=\s*+'
    rb'(?:"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)[^;]*+|([^;]*+))',
    re.DOTALL,
)
_SEPARATORS = re.compile(rb"[;\s]*+")
_SECTION = re.compile(rb"([^*]++)(?:\*(0|[1-9]\d?))?(\*)?")
_TRAILING_COMMENT = re.compile(rb"(?<!\s)\s++\([^()]*+\)\Z")
_UNESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# What an extended value keeps as it is [RFC2231 7] [RFC5987 3.2.1].
_PLAIN = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    b"!#$&+-.^_`{|}~"
)
_ENCODED = [
    bytes([octet]) if octet in _PLAIN else b"%%%02X" % octet
    for octet in range(256)
]


@frozen
class Parameter:
    """
    One parameter, its sections put together.

    Attributes:
        name: Lower case.
        octets: Unquoted, percent-encoding undone.
        charset: As sent, "" for none; only of an extended value.
        language: Likewise.
        extended: Whether it came as `name*=` or in such sections.
    """

    name: bytes
    octets: bytes
    charset: str = ""
    language: str = ""
    extended: bool = False

    @property
    def text(self) -> str:
        """The value for people; encoded words are tolerated."""
        if self.extended:
            return decode(self.octets, self.charset or "us-ascii")
        if b"=?" in self.octets:
            return decode_words(self.octets)
        return guess(self.octets)

    @property
    def extended_value(self) -> bytes:
        """
        The value as RFC 2231 writes it, in ASCII: converted to UTF-8 if its
        charset is known.
        """
        octets, charset = self.octets, self.charset
        if charset and codec(charset):
            octets, charset = self.text.encode("utf-8", "replace"), "utf-8"
        encoded = b"".join(map(_ENCODED.__getitem__, octets))
        names = f"{charset}'{self.language}'".encode("ascii", "replace")
        return names + encoded


# It is the key of what is kept rendered.
@frozen(cache_hash=True)
class ContentField:
    """
    A value with parameters.

    Attributes:
        kind: Lower case: the type of a media type, or a disposition.
        subtype: Lower case; empty for a disposition.
        parameters: In order of their names' first appearance.
        truncated: There were more than are read.
    """

    kind: bytes
    subtype: bytes = b""
    parameters: tuple[Parameter, ...] = ()
    truncated: bool = False

    def find(self, name: bytes) -> Parameter | None:
        """Give a parameter, the extended form before the plain one."""
        found = None
        for parameter in self.parameters:
            if parameter.name == name:
                if parameter.extended:
                    return parameter
                found = found or parameter
        return found

    @cached_property
    def charset(self) -> str:
        """As its parameter says, in lower case; "" for none."""
        parameter = self.find(b"charset")
        if parameter is None:
            return ""
        return parameter.octets.decode("ascii", "replace").strip().lower()

    def text(self, name: bytes) -> str:
        """Give a parameter's text, "" when it is not there."""
        found = self.find(name)
        return found.text if found else ""


def parse_content_type(value: bytes) -> ContentField | None:
    """
    Read an unfolded Content-Type; None when it names no type/subtype.

    A caller then takes the default of the place it stands in
    [RFC2045 5.2].
    """
    if len(value) <= 64:
        return _short_content_type(value)
    return _content_type(value)


def _content_type(value: bytes) -> ContentField | None:
    match = _MEDIA_TYPE.match(value)
    if match is None:
        return None
    kind, subtype = match.groups()
    parameters, truncated = _parameters(value, match.end())
    return ContentField(kind.lower(), subtype.lower(), parameters, truncated)


# Most messages have one of a few short values.
_short_content_type = lru_cache(maxsize=512)(_content_type)


def parse_disposition(value: bytes) -> ContentField | None:
    """Read an unfolded Content-Disposition [RFC2183 2]."""
    match = _DISPOSITION.match(value)
    if match is None:
        return None
    parameters, truncated = _parameters(value, match.end())
    return ContentField(match.group(1).lower(), b"", parameters, truncated)


def _parameters(value: bytes, at: int) -> tuple[tuple[Parameter, ...], bool]:
    at = value.find(b";", at)
    if at < 0:
        return (), False
    found: dict[bytes, _Sections] = {}
    count = 0
    truncated = False
    while at < len(value):
        separators = _SEPARATORS.match(value, at)
        at = separators.end() if separators else at
        match = _PARAMETER.match(value, at)
        if match is None:
            # No parameter: pass over it.
            at = value.find(b";", at)
            if at < 0:
                break
            continue
        at = match.end()
        count += 1
        if count > MAX_PARAMETERS:
            truncated = True
            break
        truncated |= _collect(found, match)
    parameters: list[Parameter] = []
    for name, sections in found.items():
        parameters += sections.parameters(name)
    return tuple(parameters), truncated


def _collect(found: dict[bytes, _Sections], match: re.Match[bytes]) -> bool:
    """Sort one parameter in; tell whether it is past the bounds."""
    name, quoted, bare = match.groups()
    if quoted is not None:
        octets = _UNESCAPE.sub(rb"\1", quoted) if b"\\" in quoted else quoted
    else:
        octets = bare.strip()
        if octets.endswith(b")"):
            octets = _TRAILING_COMMENT.sub(b"", octets)
    section = _SECTION.fullmatch(name.lower())
    if section is None:
        # `a*b*c=`, `a*99999999=`: no section; the name is what it is.
        return b"*" in name
    base, number, star = section.groups()
    sections = found.get(base)
    if sections is None:
        sections = found[base] = _Sections()
    if number is None:
        sections.whole.setdefault(star is not None, octets)
        return False
    if int(number) >= MAX_PARAMETER_SECTIONS:
        return True
    sections.numbered.setdefault(int(number), (octets, star is not None))
    return False


class _Sections:
    """What was said of one parameter."""

    __slots__ = ("numbered", "whole")

    def __init__(self) -> None:
        # Extended or not -> value.
        self.whole: dict[bool, bytes] = {}
        self.numbered: dict[int, tuple[bytes, bool]] = {}

    def parameters(self, name: bytes) -> list[Parameter]:
        """Give the parameters: plain, extended, put together."""
        given = []
        if False in self.whole:
            given.append(Parameter(name, self.whole[False]))
        if True in self.whole:
            given.append(_extended(name, [(self.whole[True], True)]))
        elif 0 in self.numbered:
            given.append(self._joined(name))
        return given

    def _joined(self, name: bytes) -> Parameter:
        sections = []
        for number in range(len(self.numbered)):
            # A gap ends it: what follows cannot be put in order.
            if number not in self.numbered:
                break
            sections.append(self.numbered[number])
        if any(extended for _, extended in sections):
            return _extended(name, sections)
        return Parameter(name, b"".join(octets for octets, _ in sections))


def _extended(name: bytes, sections: list[tuple[bytes, bool]]) -> Parameter:
    """Undo the extended notation [RFC2231 4]."""
    first, first_extended = sections[0]
    charset = language = b""
    if first_extended and first.count(b"'") >= 2:
        charset, language, first = first.split(b"'", 2)
        sections = [(first, True), *sections[1:]]
    octets = b"".join(
        _PERCENT.sub(_octet, section) if extended else section
        for section, extended in sections
    )
    return Parameter(
        name,
        octets,
        charset.decode("ascii", "replace"),
        language.decode("ascii", "replace"),
        True,
    )


def _octet(match: re.Match[bytes]) -> bytes:
    return bytes([int(match.group(1), 16)])
