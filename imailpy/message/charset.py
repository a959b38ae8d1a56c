"""
Charsets: an allow-list of names, so that no Python codec is reached that is
not a charset of mail (`rot13`, `zip`, `unicode_escape`, `idna`, ...).

Decoding never fails: what does not fit becomes U+FFFD.
"""

from __future__ import annotations

import codecs
from typing import Final

_SAME = (
    "utf-8 utf-7 utf-16 utf-16le utf-16be utf-32 iso-8859-2 iso-8859-3 "
    "iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-10 "
    "iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 windows-1250 "
    "windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 "
    "windows-1256 windows-1257 windows-1258 koi8-r koi8-u koi8-t gb18030 "
    "big5hkscs euc-jp iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 "
    "iso-2022-jp-3 iso-2022-jp-2004 iso-2022-jp-ext iso-2022-kr johab hz "
    "cp437 cp720 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 "
    "cp862 cp863 cp864 cp865 cp866 cp869 cp874 cp932 cp949 cp950 "
    "mac-roman mac-cyrillic mac-greek mac-latin2 mac-turkish ptcp154"
)

# What senders mean by a name is often more than the name says; the wider
# charset decodes the narrower one too.
_ALIASES = {
    "ascii": "us-ascii",
    "us-ascii": "us-ascii",
    "ansi_x3.4-1968": "us-ascii",
    "iso646-us": "us-ascii",
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "iso_8859-1": "windows-1252",
    "latin1": "windows-1252",
    "latin-1": "windows-1252",
    "l1": "windows-1252",
    "ansi": "windows-1252",
    "iso-8859-9": "windows-1254",
    "iso8859-9": "windows-1254",
    "latin5": "windows-1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "logical": "iso-8859-8",
    "latin2": "iso-8859-2",
    "iso8859-2": "iso-8859-2",
    "iso8859-15": "iso-8859-15",
    "latin9": "iso-8859-15",
    "latin-9": "iso-8859-15",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "euc-cn": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs",
    "x-euc-jp": "euc-jp",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "ms_kanji": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "windows-949": "cp949",
    "uhc": "cp949",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "mac": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "unicode": "utf-16",
    "ucs-2": "utf-16",
}


def _codecs() -> dict[str, str]:
    names = {name: name for name in _SAME.split()}
    for name in list(names):
        if name.startswith("windows-"):
            names["cp" + name[8:]] = names["x-cp" + name[8:]] = name
        elif name.startswith("cp"):
            names["ibm" + name[2:]] = names["ibm-" + name[2:]] = name
    names.update(_ALIASES)
    return names


CHARSETS: Final = _codecs()


def codec(name: str) -> str | None:
    """Give the Python codec for a charset's name, None if we know none."""
    return CHARSETS.get(name.strip().lower())


def decode(octets: bytes, charset: str = "us-ascii") -> str:
    """
    Decode text.

    A charset we do not know is treated as US-ASCII, and 8-bit octets in
    US-ASCII are taken as UTF-8 where they are that, else as Windows-1252.
    """
    name = codec(charset) or "us-ascii"
    if name == "us-ascii":
        return guess(octets)
    try:
        return octets.decode(name, "replace")
    except UnicodeError:
        # Some stateful codecs give up in spite of "replace".
        return guess(octets)


def guess(octets: bytes) -> str:
    """Decode octets of which no charset is known."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("windows-1252", "replace")


class Decoding:
    """As `decode`, for text that comes in pieces."""

    def __init__(self, charset: str) -> None:
        self._guessing = (codec(charset) or "us-ascii") == "us-ascii"
        self._begin("utf-8" if self._guessing else codec(charset) or "")

    def _begin(self, name: str) -> None:
        errors = "strict" if name == "utf-8" and self._guessing else "replace"
        self._decoder = codecs.getincrementaldecoder(name)(errors)

    def feed(self, octets: bytes, *, last: bool = False) -> str:
        """Decode what can be decoded so far."""
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(octets, last)
        except UnicodeError:
            # What is no UTF-8, or a stateful codec that gives up: from here
            # on octets are characters.
            held = state[0] if isinstance(state[0], bytes) else b""
            self._guessing = False
            self._begin("windows-1252")
            return self._decoder.decode(held + octets, last)
