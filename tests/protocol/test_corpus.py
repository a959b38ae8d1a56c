"""
SECURITY.md, generic test: how octets are cut changes nothing.

The corpus is every dialogue that stands in the tests of an engine, and
transcripts put together from parts. Each is heard whole, octet by octet, and
in two at every position; what is said and what is seen stay the same.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from imailpy.protocol.imap.state import State
from tests.protocol.imap.talk import Grants
from tests.protocol.pop3.talk import Talk
from tests.protocol.smtp.driving import Flavour, Granting, LineEnds, options
from tests.support.dialogue import client_octets, every_cut

HERE = Path(__file__).parent

ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<u@l.test>\r\n"
BODIES = (
    b"hi\r\n.\r\n",
    b".\r\n",
    b"..\r\n.x\r\n..\r\n.\r\n",
    b"a\n.\r\nRSET\r\n.\r\n",
    b"a\n.\nRSET\r\n.\r\n",
    b"a\r\n.\nRSET\r\n.\r\n",
    b"a\r.\rRSET\r\n.\r\n",
    b"a\r.\r\nRSET\r\n.\r\n",
    b"a\r\n.\r\r\nRSET\r\n.\r\n",
    b"a\r\r\n.\r\nRSET\r\n",
    b"a\0b\r\n.\r\n",
    b"\r\n\r\n.\r\n",
    b"\xff\x80\r\n.\r\n",
    b"no end",
)
CHUNKS = (
    b"BDAT 3 LAST\r\na\r\n",
    b"BDAT 2\r\na\rBDAT 1 LAST\r\n\n",
    b"BDAT 1\r\n\nBDAT 0 LAST\r\n",
    b"BDAT 4 LAST\r\n\r\n.\r",
    b"BDAT 6\r\nQUIT\r\nDATA\r\nRSET\r\n",
    b"BDAT -1\r\nRSET\r\n",
    b"BDAT 99999999999\r\nx",
)
BEHIND = (b"", b"NOOP\r\n", ENVELOPE + b"DATA\r\nx\r\n.\r\nQUIT\r\n")
LINES = (
    b"NOSUCH\r\n", b"NOOP\n\r\n", b"MAIL FROM:<a@x.test>\nQUIT\r\n",
    b"VRFY x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n", b"NOOP \0\r\n",
    b"MAIL FROM:<>\r\nMAIL FROM:<>\r\n", b"RCPT TO:<x>\r\n", b"\r\n\r\n",
    b"HELP\r\nEXPN x\r\n", b"RSET\r\nQUIT\r\nNOOP\r\n", b"\rNOOP\r\n",
    b"BDAT 5 LAST\r\nQUIT\nNOOP\r\n", b"M\xc3\x84IL\r\n",
)  # fmt: skip

# Of IMAP, behind "t "; what stands in pieces is a literal.
IMAP = (
    b"NOOP", b"LOGIN a b", b"LOGIN {1}\r\na {1}\r\nb", b"LOGIN {1+}\r\na b",
    b"SELECT INBOX", b'SELECT "a\\"b"', b"SELECT {3+}\r\na\nb", b"LIST",
    b'LIST "" "*%*%"', b"FETCH 1:* (FLAGS BODY[])", b"FETCH 1 BODY[]<0.0>",
    b"FETCH 1 (((", b"SEARCH OR SEEN NOT (1:* FLAGGED)", b"SEARCH " + b"(" * 9,
    b"STORE 1 +FLAGS (\\Seen k)", b"APPEND a {3}\r\nabc",
    b"APPEND a {3+}\r\na\r\n", b"APPEND a {0+}\r\n", b"APPEND a {-5}",
    b"APPEND a {99999999999+}", b"LOGIN {1_0}", b"LOGIN {05}", b"IDLE\r\nDONE",
    b"IDLE\r\njunk", b"UID COPY 1 b", b"MOVE 1,2 {1}\r\nb", b"CLOSE",
    b"CREATE &AC8-", b"CREATE {2+}\r\n\xff\xfe", b"RENAME a b", b"LOGOUT",
    b"ID NIL", b"ENABLE CONDSTORE", b"STATUS a (MESSAGES)", b"\xff", b"",
    b"AUTHENTICATE PLAIN\r\nAGEAYg==", b"AUTHENTICATE PLAIN AGEAYg==",
    b"AUTHENTICATE PLAIN\r\n*", b"SEARCH {2+}\r\na\0",
)  # fmt: skip
POP3 = (
    b"STAT", b"LIST", b"LIST 1", b"LIST 1 2", b"UIDL", b"UIDL 2", b"RETR 1",
    b"RETR 2", b"RETR 0", b"RETR -1", b"TOP 1 1", b"TOP 2 99999999999",
    b"DELE 1\r\nDELE 1", b"DELE 2\r\nRSET\r\nSTAT", b"NOOP", b"CAPA",
    b"DELE 3\r\nQUIT\r\nNOOP", b"USER ann", b"APOP a b", b"\xff\0", b"",
    b"AUTH PLAIN", b"STAT\nQUIT", b"RETR 3\r\nRETR 2\r\nQUIT", b"x" * 300,
    b"AUTH PLAIN AGFubgBwYXNzIHdvcmQ=", b"LAST", b"TOP 1", b"UIDL 9",
)  # fmt: skip

Hear = Callable[[list[bytes]], Any]
Transcript = tuple[str, Hear, bytes]


def hear_smtp(**settings: Any) -> Hear:
    def hear(pieces: list[bytes]) -> Any:
        driver = Granting(options(**settings))
        driver.feed(*pieces)
        return driver.outcome()

    return hear


def hear_imap(state: State | None) -> Hear:
    def hear(pieces: list[bytes]) -> Any:
        heard = Grants(state=state).hear(pieces)
        return heard.said, heard.events, heard.session.closing

    return hear


def hear_pop3(pieces: list[bytes]) -> Any:
    talk = Talk()
    said = talk.hear(pieces)
    return said, talk.events, talk.engine.closing


def smtp() -> Iterator[Transcript]:
    """SMTP and LMTP."""
    for flavour, ends in (
        (Flavour.SMTP, LineEnds.REJECT),
        (Flavour.SMTP, LineEnds.NORMALIZE),
        (Flavour.LMTP, LineEnds.REJECT),
    ):
        hear = hear_smtp(flavour=flavour, line_ends=ends)
        hello = b"LHLO c\r\n" if flavour is Flavour.LMTP else b"EHLO c\r\n"
        for body, behind in itertools.product(BODIES, BEHIND):
            octets = hello + ENVELOPE + b"DATA\r\n" + body + behind
            yield flavour.value, hear, octets
        for chunks, behind in itertools.product(CHUNKS, BEHIND[:2]):
            yield flavour.value, hear, hello + ENVELOPE + chunks + behind
        for line in LINES:
            yield flavour.value, hear, hello + line + ENVELOPE


def imap() -> Iterator[Transcript]:
    """IMAP, in each of its states."""
    states = (None, State.AUTHENTICATED, State.SELECTED)
    for command, state in itertools.product(IMAP, states):
        octets = b"t " + command + b"\r\nu NOOP\r\n"
        yield "imap", hear_imap(state), octets


def pop3() -> Iterator[Transcript]:
    """POP3, signed in and not."""
    for command in POP3:
        for before in (b"", b"USER ann\r\nPASS pass word\r\n"):
            octets = before + command + b"\r\nNOOP\r\n"
            yield "pop3", hear_pop3, octets


def written() -> Iterator[Transcript]:
    """The dialogues that stand in the tests of the engines."""
    hearers: dict[str, Hear] = {
        "smtp": hear_smtp(),
        "imap": hear_imap(None),
        "pop3": hear_pop3,
    }
    for name, hear in hearers.items():
        for path in sorted((HERE / name).glob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                text = getattr(node, "value", None)
                if not isinstance(node, ast.Constant) or not isinstance(
                    text, str
                ):
                    continue
                octets = client_octets(text)
                # What comes along with STARTTLS is thrown away by design.
                if octets and b"STARTTLS" not in octets.upper():
                    yield name, hear, octets


def corpus() -> list[Transcript]:
    """Every transcript once."""
    return [*smtp(), *imap(), *pop3(), *written()]


class SegmentationTests(SynchronousTestCase):
    """The same octets, the same session."""

    def test_B1_B3_cuts_change_nothing(self) -> None:
        """No transcript of the corpus comes out otherwise when its octets
        arrive in other pieces."""
        transcripts = corpus()
        different = []
        for name, hear, octets in transcripts:
            whole = hear([octets])
            for pieces in every_cut(octets):
                if hear(pieces) != whole:
                    different.append((name, octets, pieces))
                    break
        print(f"{len(transcripts)} transcripts", end=" ")
        self.assertEqual(different, [])
        self.assertGreaterEqual(len(transcripts), 300)
