"""
Read the header of the PROXY protocol, version 1 or 2.

A proxy says with it, before anything else, for whom it connects. The text is
that of HAProxy's `proxy-protocol.txt`, sections 2.1 and 2.2:

    v1  "PROXY" SP "TCP4" SP source SP destination SP port SP port CRLF
        "PROXY" SP "UNKNOWN" anything CRLF       at most 107 octets
    v2  12 octets of signature, version and command, family, length (2),
        addresses, then TLVs: type (1), length (2), value

A header of which a part is missing is waited for; one octet that cannot be
part of any ends it. Nothing behind the header is touched.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from attrs import frozen

from imailpy.mail.facts import canonical_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY "
# Longest header of version 1, its CRLF included.
MOST_V1 = 107
# Longest header of version 2 that is read: what proxies send fits into 536
# octets, those that tell of certificates need some more.
MOST_V2 = 2048

_FIXED = len(SIGNATURE) + 4
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")
_LOCAL, _PROXIED = 0, 1
_UNSPEC = 0x00
# Family and transport -> octets of their addresses.
_ADDRESSES = {_UNSPEC: 0, 0x11: 12, 0x21: 36, 0x31: 216}
_CRC32C = 0x03


class NoHeader(Exception):
    """This is no header; the text is for the operator."""


@frozen
class Header:
    """
    What a proxy said.

    Attributes:
        version: 1 or 2.
        known: Whether it named its client: False for UNKNOWN and LOCAL, the
            proxy's own connections and those it cannot tell of.
        address: The client's; empty for a Unix socket.
        port: The client's; 0 for a Unix socket.
    """

    version: int
    known: bool = False
    address: str = ""
    port: int = 0


class HeaderReader:
    """
    Reads one header.

    Attributes:
        header: None until it is complete.
        rest: What came behind it.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.rest = b""
        self._octets = b""

    def receive(self, octets: bytes) -> None:
        """
        Take what came, cut anywhere.

        Raises:
            NoHeader: There is none, or it is malformed or too long.
        """
        if self.header is not None:
            self.rest += octets
            return
        # Bounded: as soon as there is enough for the longest header, it is
        # one or none.
        self._octets += octets
        if begins_header(self._octets):
            found = self._version_1() or self._version_2()
        else:
            raise NoHeader("no PROXY header")
        if found is not None:
            self.header, end = found
            self.rest, self._octets = self._octets[end:], b""

    def _version_1(self) -> tuple[Header, int] | None:
        octets = self._octets
        if octets[:1] != b"P":
            return None
        end = octets.find(b"\r\n", 0, MOST_V1)
        if end >= 0:
            return _line(octets[:end]), end + 2
        if len(octets) >= MOST_V1:
            raise NoHeader(f"a PROXY line of over {MOST_V1} octets")
        return None

    def _version_2(self) -> tuple[Header, int] | None:
        octets = self._octets
        if octets[:1] == b"P" or len(octets) < _FIXED:
            return None
        size = _FIXED + int.from_bytes(octets[14:16], "big")
        if size > MOST_V2:
            raise NoHeader(f"a PROXY header of {size} octets")
        if len(octets) < size:
            return None
        return _binary(octets[:size]), size


def begins_header(octets: bytes) -> bool:
    """Whether a header begins like this, as far as it goes."""
    return any(
        octets.startswith(mark) or mark.startswith(octets)
        for mark in (V1, SIGNATURE)
    )


def _line(line: bytes) -> Header:
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":
        return Header(1)
    versions = {b"TCP4": 4, b"TCP6": 6}
    if len(words) != 6 or words[1] not in versions:
        raise NoHeader("a malformed PROXY line")
    _, kind, source, destination, port, other_port = words
    address = _written(source, versions[kind])
    _written(destination, versions[kind])
    _number(other_port)
    return Header(1, True, address, _number(port))


def _written(octets: bytes, version: int) -> str:
    """Read an address as text; one of another family is a forgery."""
    try:
        text = octets.decode("ascii")
        address = ipaddress.ip_address(text)
        if address.version != version or "%" in text:
            raise ValueError
    except ValueError:
        raise NoHeader("a bad address in a PROXY line") from None
    return canonical_address(text)


def _number(octets: bytes) -> int:
    if not _PORT.fullmatch(octets) or int(octets) > 65_535:
        raise NoHeader("a bad port in a PROXY line")
    return int(octets)


def _binary(octets: bytes) -> Header:
    version, command = octets[12] >> 4, octets[12] & 15
    if version != 2 or command not in (_LOCAL, _PROXIED):
        raise NoHeader("a PROXY header of another version or command")
    family = octets[13]
    if command == _LOCAL:
        # Whatever follows is skipped, unread.
        return Header(2)
    size = _ADDRESSES.get(family)
    if size is None or len(octets) < _FIXED + size:
        raise NoHeader("a malformed PROXY header")
    for kind, start, value in _tlvs(octets, _FIXED + size):
        if kind == _CRC32C:
            _check(octets, start, value)
    if family == _UNSPEC:
        return Header(2)
    if size == 216:
        return Header(2, True)
    half = 4 if size == 12 else 16
    source = octets[_FIXED : _FIXED + half]
    ports = octets[_FIXED + 2 * half :]
    address = canonical_address(str(ipaddress.ip_address(source)))
    return Header(2, True, address, int.from_bytes(ports[:2], "big"))


def _tlvs(octets: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Give (type, where its value begins, value) of each TLV."""
    while at < len(octets):
        start = at + 3
        end = start + int.from_bytes(octets[at + 1 : start], "big")
        if start > len(octets) or end > len(octets):
            raise NoHeader("a malformed TLV in a PROXY header")
        yield octets[at], start, octets[start:end]
        at = end


def _check(octets: bytes, start: int, value: bytes) -> None:
    """A checksum is over all of the header, itself as zeros."""
    blank = octets[:start] + b"\0" * 4 + octets[start + 4 :]
    if len(value) != 4 or int.from_bytes(value, "big") != crc32c(blank):
        raise NoHeader("a PROXY header with a wrong checksum")


def crc32c(octets: bytes) -> int:
    """Give the CRC-32C, bit by bit: a header is short."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
