"""The replies that a session gives by itself, and how any reply is sent."""

from __future__ import annotations

import re
from functools import lru_cache

from imailpy.errors import PeerError
from imailpy.mail import Reply

OK = Reply(250, "OK", "2.0.0")
GO_AHEAD = Reply(354, "End data with <CR><LF>.<CR><LF>")
HELP = Reply(214, "See RFC 5321", "2.0.0")
UNKNOWN_COMMAND = Reply(500, "Unknown command", "5.5.2")
LINE_TOO_LONG = Reply(500, "Line too long", "5.5.2")
RESPONSE_TOO_LONG = Reply(500, "Authentication exchange too long", "5.5.6")
BARE_LINE_END = Reply(501, "Lines end with CR LF, and only they", "5.5.2")
CONTROL = Reply(501, "Control character in command", "5.5.2")
NOT_UTF8 = Reply(501, "Not UTF-8", "5.5.2")
NO_ARGUMENT = Reply(501, "Takes no argument", "5.5.4")
NOT_OFFERED = Reply(502, "Not offered", "5.5.1")
NEED_HELLO = Reply(503, "Say EHLO first", "5.5.1")
NEED_LHLO = Reply(503, "Say LHLO first", "5.5.1")
NEED_MAIL = Reply(503, "Say MAIL first", "5.5.1")
NEED_RCPT = Reply(503, "Say RCPT first", "5.5.1")
NO_RECIPIENTS = Reply(554, "No valid recipients", "5.5.1")
IN_TRANSACTION = Reply(503, "Not in a mail transaction", "5.5.1")
IN_CHUNKS = Reply(503, "The message goes on by BDAT", "5.5.1")
ONLY_QUIT = Reply(503, "Not welcome, say QUIT", "5.5.1")
NO_XCLIENT = Reply(550, "Not authorized to use XCLIENT", "5.7.0")
ALREADY_SIGNED_IN = Reply(503, "Already authenticated", "5.5.1")
TLS_IS_ON = Reply(503, "TLS is on already", "5.5.1")
NO_MECHANISM = Reply(504, "Unknown authentication mechanism", "5.5.4")
NEED_AUTH = Reply(530, "Authentication required", "5.7.0")
NEED_STARTTLS = Reply(530, "Must issue a STARTTLS command first", "5.7.0")
NEED_TLS = Reply(
    538, "Encryption required for requested authentication mechanism",
    "5.7.11",
)  # fmt: skip
NOT_BASE64 = Reply(501, "Not base64", "5.5.2")
AUTH_PIPELINED = Reply(503, "Wait for the reply to AUTH", "5.5.1")
TOO_MANY_RECIPIENTS = Reply(452, "Too many recipients", "4.5.3")
TOO_BIG = Reply(552, "Message too big", "5.3.4")
BAD_LINE_ENDS = Reply(550, "Bare CR or LF in the message", "5.6.0")
NUL_IN_MESSAGE = Reply(550, "NUL in the message", "5.6.0")
BAD_CHUNK = Reply(501, "Want BDAT size [LAST]", "5.5.4")
NEED_SMTPUTF8 = Reply(553, "Address needs SMTPUTF8", "5.6.7")
EARLY_TALK = Reply(554, "Talked before the greeting", "5.5.0")
TOO_MANY_ERRORS = Reply(421, "Too many errors", "4.7.0")
TOO_MANY_COMMANDS = Reply(421, "Too many commands", "4.7.0")
NOT_HTTP = Reply(421, "This is not that kind of server", "4.7.0")

# Octets of text in a line, so that with code, status and CRLF it stays
# below 512 [RFC5321 4.5.3.1.5].
_LINE = 480
_UNSENDABLE = re.compile(r"[^\n -~]")


@lru_cache(maxsize=512)
def wire(reply: Reply) -> bytes:
    """
    Write a reply, fit for any client.

    A text may come from far away (an explanation in DNS, the next host):
    whatever could end a line, or is not ASCII, becomes a question mark.
    """
    text = _UNSENDABLE.sub("?", reply.text)
    if len(text) > _LINE:
        text = "\n".join(
            line[start : start + _LINE]
            for line in text.split("\n")
            for start in range(0, max(len(line), 1), _LINE)
        )
    if text != reply.text:
        reply = Reply(reply.code, text, reply.enhanced_status)
    return bytes(reply)


def refuse(code: int, text: str, status: str) -> PeerError:
    """Make the error that tells the peer this."""
    return PeerError(Reply(code, text, status))
