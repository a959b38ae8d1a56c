"""
What the SMTP engine alone costs: microseconds of CPU for a transaction.

    python bench/engine_smtp.py [MESSAGES]

One session, one recipient, a 2 KB message; each transaction comes in two
pieces as from a client that pipelines (MAIL RCPT DATA, then the message), or
in one (MAIL RCPT BDAT). Best of five.
"""

import sys
from time import process_time

from imailpy.mail import Reply
from imailpy.protocol.smtp.events import (
    Connected,
    DataBegins,
    EndOfBody,
    Hello,
    Mail,
    Rcpt,
)
from imailpy.protocol.smtp.options import SessionOptions
from imailpy.protocol.smtp.session import ServerSession

ENVELOPE = (
    b"MAIL FROM:<ann@client.example> SIZE=2048 BODY=8BITMIME\r\n"
    b"RCPT TO:<bob@server.example>\r\n"
)
MESSAGE = b"Subject: x\r\n\r\n" + (b"y" * 68 + b"\r\n") * 29
BY_DATA = (ENVELOPE + b"DATA\r\n", MESSAGE + b".\r\n")
BY_BDAT = (ENVELOPE + b"BDAT %d LAST\r\n" % len(MESSAGE) + MESSAGE,)
OK = Reply(250, "OK", "2.0.0")
ANSWERS = {
    Connected: Reply(220, "server.example ESMTP"),
    Hello: Reply(250, "server.example"),
    Mail: Reply(250, "OK", "2.1.0"),
    Rcpt: Reply(250, "OK", "2.1.5"),
    DataBegins: Reply(354, "Go ahead"),
    EndOfBody: OK,
}


def turn(session):
    """Answer all that is open, as a listener does."""
    while (event := session.next_event()) is not None:
        reply = ANSWERS.get(type(event))
        if reply is not None:
            session.answer(reply)
    return session.octets_to_send()


def measure(pieces, count):
    """Microseconds of CPU for one of `count` transactions."""
    session = ServerSession(SessionOptions("server.example"))
    turn(session)
    session.receive(b"EHLO client.example\r\n")
    turn(session)
    begun = process_time()
    for _ in range(count):
        for piece in pieces:
            session.receive(piece)
            said = turn(session)
    spent = process_time() - begun
    if not said.endswith(b"250 2.0.0 OK\r\n"):
        raise SystemExit(f"refused: {said!r}")
    return spent / count * 1e6


def main():
    """Print both."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    for name, pieces in (("DATA", BY_DATA), ("BDAT", BY_BDAT)):
        best = min(measure(pieces, count) for _ in range(5))
        print(f"{name} {best:6.1f} us a transaction of {len(MESSAGE)} octets")


if __name__ == "__main__":
    main()
