"""The header of the PROXY protocol."""

from __future__ import annotations

import socket

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.proxy import (
    MOST_V1,
    MOST_V2,
    SIGNATURE,
    Header,
    HeaderReader,
    NoHeader,
    begins_header,
    crc32c,
)


def read(octets: bytes, cut: int = 10**6) -> tuple[Header | None, bytes]:
    reader = HeaderReader()
    for at in range(0, len(octets), cut):
        reader.receive(octets[at : at + cut])
    return reader.header, reader.rest


def version_2(
    family: int, addresses: bytes, more: bytes = b"", command: int = 0x21
) -> bytes:
    size = (len(addresses) + len(more)).to_bytes(2, "big")
    return SIGNATURE + bytes((command, family)) + size + addresses + more


FOUR = (
    socket.inet_aton("192.0.2.7")
    + socket.inet_aton("198.51.100.1")
    + (4711).to_bytes(2, "big")
    + (25).to_bytes(2, "big")
)
SIX = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + (4711).to_bytes(2, "big")
    + (25).to_bytes(2, "big")
)


def checked(octets: bytes) -> bytes:
    """The header with its checksum, which is its last TLV."""
    return octets[:-4] + crc32c(octets).to_bytes(4, "big")


GOOD = (
    (
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 25\r\n",
        Header(1, True, "192.0.2.7", 4711),
    ),
    (
        b"PROXY TCP6 2001:db8:0::7 2001:db8::1 4711 25\r\n",
        Header(1, True, "2001:db8::7", 4711),
    ),
    (
        b"PROXY TCP6 ::ffff:192.0.2.7 ::1 65535 0\r\n",
        Header(1, True, "192.0.2.7", 65535),
    ),
    (b"PROXY UNKNOWN\r\n", Header(1)),
    (b"PROXY UNKNOWN" + b" f" * 46 + b"\r\n", Header(1)),
    (version_2(0x11, FOUR), Header(2, True, "192.0.2.7", 4711)),
    (version_2(0x21, SIX), Header(2, True, "2001:db8::7", 4711)),
    (version_2(0x31, b"/run/x".ljust(216, b"\0")), Header(2, True)),
    (version_2(0x00, b""), Header(2)),
    (version_2(0x11, FOUR, command=0x20), Header(2)),
    (version_2(0x00, b"", b"junk", command=0x20), Header(2)),
    (
        version_2(0x11, FOUR, b"\x02\0\x04host" + b"\x04\0\x02\0\0"),
        Header(2, True, "192.0.2.7", 4711),
    ),
    (
        checked(version_2(0x11, FOUR, b"\x03\0\x04" + bytes(4))),
        Header(2, True, "192.0.2.7", 4711),
    ),
)
BAD = (
    b"EHLO client.test\r\n",
    b"\x16\x03\x01\0\0",
    b"\r\nPROXY UNKNOWN\r\n",
    b"proxy UNKNOWN\r\n",
    b"PROXY UDP4 192.0.2.7 198.51.100.1 4711 25\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
    b"PROXY TCP4 192.0.2.7  198.51.100.1 4711 25\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.1 4711 25\r\n",
    b"PROXY TCP4 2001:db8::7 198.51.100.1 4711 25\r\n",
    b"PROXY TCP6 192.0.2.7 2001:db8::1 4711 25\r\n",
    b"PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 25\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 04711 25\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n",
    b"PROXY TCP4 \xff 198.51.100.1 4711 25\r\n",
    b"PROXY UNKNOWN" + b"x" * MOST_V1,
    version_2(0x12, FOUR),
    version_2(0x11, FOUR[:11]),
    version_2(0x21, FOUR),
    version_2(0x11, FOUR, command=0x11),
    version_2(0x11, FOUR, command=0x22),
    version_2(0x11, FOUR, b"\x02\0\xffx"),
    version_2(0x11, FOUR, b"\x02"),
    version_2(0x11, FOUR, b"\x03\0\x04" + bytes(4)),
    SIGNATURE + b"\x21\x11" + MOST_V2.to_bytes(2, "big"),
)


class HeaderTests(SynchronousTestCase):
    """Both versions."""

    def test_B4_12_good(self) -> None:
        """A header tells the client, however it is cut; nothing behind it
        is lost."""
        for octets, header in GOOD:
            for cut in (1, 2, 15, 16, 17, 10**6):
                found = read(octets + b"EHLO c\r\n", cut)
                self.assertEqual(found, (header, b"EHLO c\r\n"), octets)
            for end in range(len(octets)):
                self.assertEqual(read(octets[:end]), (None, b""))
                self.assertTrue(begins_header(octets[:end][:6]))

    def test_B4_12_bad(self) -> None:
        """What is no header, or a malformed one, is known as such, however
        it is cut, without waiting for more than the longest header."""
        for octets in BAD:
            for cut in (1, 5, 10**6):
                with self.assertRaises(NoHeader, msg=octets):
                    read(octets, cut)

    def test_bounded(self) -> None:
        """A header that never ends is not waited for."""
        for start in (b"PROXY ", SIGNATURE + b"\x21\x11\xff\xff"):
            reader = HeaderReader()
            with self.assertRaises(NoHeader):
                reader.receive(start)
                for _ in range(MOST_V1):
                    reader.receive(b"x")

    def test_checksum(self) -> None:
        """The checksum is CRC-32C."""
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from([octets for octets, _ in GOOD]),
        st.integers(0, 60),
        st.binary(min_size=1, max_size=3),
    )
    def test_any(self, octets: bytes, at: int, other: bytes) -> None:
        """Any octets are a header, the beginning of one, or none."""
        spoilt = octets[:at] + other + octets[at + len(other) :]
        results = []
        for cut in (1, 10**6):
            try:
                results.append(read(spoilt, cut))
            except NoHeader:
                results.append((None, b"none"))
        self.assertEqual(results[0], results[1])
