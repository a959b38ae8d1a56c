"""
SECURITY.md, generic test: where a message ends, everybody agrees.

What we took by DATA or BDAT is sent on by our own client, and read by three
receivers: one for which a line ends in CRLF, one that takes a bare LF for a
line end, and one that takes a bare CR for one.
"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.smtp.driving import (
    ENVELOPE,
    LineEnds,
    greeted,
    options,
)
from tests.protocol.smtp.test_client import BARE, TWO, Calling

LINE_ENDS = {
    "CRLF": rb"\r\n",
    "CRLF or LF": rb"\r\n|\n",
    "CRLF or CR": rb"\r\n|\r",
}
COMMANDS = [
    b"EHLO client.test",
    b"MAIL FROM:<ann@client.test>",
    b"RCPT TO:<bob@local.test>",
    b"RCPT TO:<eve@local.test>",
    b"DATA",
    b"QUIT",
]
PARTS = st.sampled_from(
    [
        b"\r\n", b".", b"\r", b"\n", b"\r\n.", b"\r\n.\r\n", b"\n.\n",
        b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\r\n", b"a", b"\xff",
        b"MAIL FROM:<e@x.test>\r\n", b"DATA\r\n", b"QUIT\r\n", b"x" * 70,
    ]
)  # fmt: skip
MESSAGES = st.one_of(
    st.lists(PARTS, max_size=25).map(b"".join), st.binary(max_size=60)
)


def accepted(octets: bytes, *, chunks: bool, ends: LineEnds) -> bytes | None:
    """What we keep of it; None when it is refused."""
    driver = greeted(options(line_ends=ends))
    if chunks:
        command = b"BDAT %d LAST\r\n" % len(octets)
        driver.feed(ENVELOPE + command + octets)
    else:
        driver.feed(ENVELOPE + b"DATA\r\n" + octets + b"\r\n.\r\n")
    return driver.messages[0][1] if driver.messages else None


def wire(message: bytes, piece: int) -> bytes:
    """All that our client says to a server without extensions."""
    calling = Calling()
    said = calling.hear(b"220 hi\r\n")
    said += calling.hear(BARE)
    said += calling.begin(TWO, message)
    for reply in (b"250 ok\r\n",) * 3 + (b"354 go\r\n",):
        said += calling.hear(reply)
    said += calling.give(
        *(message[at : at + piece] for at in range(0, len(message), piece))
    )
    said += calling.hear(b"250 taken\r\n")
    calling.session.quit()
    return said + calling.hear()


def read(octets: bytes, line_end: bytes) -> tuple[list[bytes], list[bytes]]:
    """Commands and messages as this receiver reads them."""
    commands: list[bytes] = []
    messages: list[bytes] = []
    body: list[bytes] | None = None
    lines = re.split(line_end, octets)
    for line in lines[:-1]:
        if body is None:
            commands.append(line)
            if line == b"DATA":
                body = []
        elif line == b".":
            messages.append(b"\r\n".join([*body, b""]))
            body = None
        else:
            body.append(line.removeprefix(b"."))
    return commands, messages


class BoundaryTests(SynchronousTestCase):
    """One message in, one message out, for whoever reads it."""

    @settings(max_examples=300, deadline=None)
    @given(
        MESSAGES, st.booleans(), st.sampled_from(LineEnds), st.integers(1, 90)
    )
    def test_B1_16_B1_17_one_message(
        self, octets: bytes, chunks: bool, ends: LineEnds, piece: int
    ) -> None:
        """Whatever we take, we send on as exactly one message with one
        envelope, however a receiver ends its lines."""
        message = accepted(octets, chunks=chunks, ends=ends)
        if not message:
            return
        sent = wire(message, piece)
        for name, line_end in LINE_ENDS.items():
            commands, messages = read(sent, line_end)
            self.assertEqual(commands, COMMANDS, name)
            self.assertEqual(len(messages), 1, name)
            if not message.endswith(b"\r\n"):
                message += b"\r\n"
            self.assertEqual(messages, [message], name)

    def test_receivers_differ(self) -> None:
        """The three receivers are not one: each sees its own end."""
        forged = b"DATA\r\nx\n.\nQUIT\r.\rRSET\r\n.\r\n"
        seen = {name: read(forged, end)[0] for name, end in LINE_ENDS.items()}
        self.assertEqual(seen["CRLF"], [b"DATA"])
        self.assertEqual(seen["CRLF or LF"][1][:4], b"QUIT")
        self.assertEqual(seen["CRLF or CR"][1], b"RSET")
